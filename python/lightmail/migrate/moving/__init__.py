"""`lightmail migrate`: a mail store moves into another one while it is in use.

`mover.Mover` leads through it: `emptying` and `job` decide whether the target may be filled, `structure` keeps accounts
and mailboxes equal, `contents` what is in a mailbox, `objects` copies bodies, `comparing` looks whether all arrived.
"""
