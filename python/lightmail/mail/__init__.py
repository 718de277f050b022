"""What a mail store does, in UIDs: mailboxes, messages, bodies, search, delivery.

`MailStore` in store.py is the door; sequence numbers, tags and response codes are unknown in this room (law 9).
"""

from __future__ import annotations
