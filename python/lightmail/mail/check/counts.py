"""What rows say against what they come to: pure comparisons."""

from __future__ import annotations

from lightmail.mail.check.damage import Kind
from lightmail.model import BodyCount, MailboxCount

_COUNTERS = ("messages", "unseen", "deleted", "size_octets", "recent")


def mailbox_faults(count: MailboxCount) -> dict[Kind, str]:
    """What is wrong with a mailbox, in words."""
    mailbox, counted = count.mailbox, count.counted
    faults: dict[Kind, str] = {}
    wrong = [
        f"{name.removesuffix('_octets')} {getattr(mailbox, name)} instead of {getattr(counted, name)}"
        for name in _COUNTERS
        if getattr(mailbox, name) != getattr(counted, name)
    ]
    if wrong:
        faults[Kind.COUNTERS] = ", ".join(wrong)
    if mailbox.uid_next <= counted.highest_uid:
        faults[Kind.UID_NEXT] = f"the next UID is {mailbox.uid_next}, and {counted.highest_uid} has been given"
    if mailbox.highest_modseq < counted.highest_modseq:
        faults[Kind.MODSEQ] = f"it is {mailbox.highest_modseq}, and a change has {counted.highest_modseq}"
    if counted.reused_uids:
        faults[Kind.UID_REUSED] = _messages(counted.reused_uids)
    if counted.bodiless:
        faults[Kind.BODILESS] = _messages(counted.bodiless)
    if counted.missized:
        faults[Kind.MESSAGE_SIZE] = _messages(counted.missized)
    if mailbox.uid_validity > counted.last_uid_validity:
        faults[Kind.UID_VALIDITY] = f"it is {mailbox.uid_validity}, and {counted.last_uid_validity} is remembered"
    if counted.unnamed:
        faults[Kind.UNNAMED_FLAG] = _messages(counted.unnamed)
    return faults


def body_faults(count: BodyCount) -> dict[Kind, str]:
    """What is wrong with a body's rows, in words."""
    faults: dict[Kind, str] = {}
    if count.references != count.counted:
        faults[Kind.REFERENCES] = f"{count.references} instead of {count.counted}"
    if count.counted and not count.summarized:
        faults[Kind.SUMMARY] = "no row of message_summaries has its id"
    return faults


def _messages(number: int) -> str:
    return f"{number} message" if number == 1 else f"{number} messages"
