"""The words everybody uses: distinct things have distinct types.

Nothing here does any I/O, and nothing here imports another room of ours.
"""

from __future__ import annotations

from lightmail.model.accounts import ClientSession, User
from lightmail.model.ids import (
    BodyId,
    MailboxId,
    ModSeq,
    Uid,
    UidValidity,
    UserId,
)
from lightmail.model.mailboxes import DELIMITER, INBOX, Mailbox, MailboxStatus
from lightmail.model.messages import (
    Appended,
    BodyRecord,
    BodySummary,
    CopyOutcome,
    Delta,
    ExpungeOutcome,
    FlagOp,
    FlagOutcome,
    MoveOutcome,
    NewMessage,
)
from lightmail.model.upkeep import Finding, SchemaState

__all__ = [
    "DELIMITER",
    "INBOX",
    "Appended",
    "BodyId",
    "BodyRecord",
    "BodySummary",
    "ClientSession",
    "CopyOutcome",
    "Delta",
    "ExpungeOutcome",
    "Finding",
    "FlagOp",
    "FlagOutcome",
    "Mailbox",
    "MailboxId",
    "MailboxStatus",
    "ModSeq",
    "MoveOutcome",
    "NewMessage",
    "SchemaState",
    "Uid",
    "UidValidity",
    "User",
    "UserId",
]
