"""The words everybody uses: distinct things have distinct types.

Nothing here does any I/O, and nothing here imports another room of ours.
"""

from __future__ import annotations

from lightmail.model.accounts import NO_LIMITS, AppPassword, ClientSession, Quota, Usage, User
from lightmail.model.annotations import NOBODY, PRIVATE, SERVER, Annotation
from lightmail.model.clients import Origin
from lightmail.model.ids import (
    BodyId,
    MailboxId,
    ModSeq,
    Uid,
    UidValidity,
    UserId,
)
from lightmail.model.mailboxes import DELIMITER, INBOX, Mailbox, MailboxStatus, SharedMailbox
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
    ReplaceOutcome,
)
from lightmail.model.records import (
    AccountRecord,
    BodyCount,
    Counted,
    ExpungeRange,
    MailboxCount,
    MailboxPatch,
    MailboxRecord,
    Orphans,
    StoredBodyRecord,
)
from lightmail.model.rights import ANYONE, Entries, Rights
from lightmail.model.upkeep import Finding, SchemaState

__all__ = [
    "ANYONE",
    "DELIMITER",
    "INBOX",
    "NOBODY",
    "NO_LIMITS",
    "PRIVATE",
    "SERVER",
    "AccountRecord",
    "Annotation",
    "AppPassword",
    "Appended",
    "BodyCount",
    "BodyId",
    "BodyRecord",
    "BodySummary",
    "ClientSession",
    "CopyOutcome",
    "Counted",
    "Delta",
    "Entries",
    "ExpungeOutcome",
    "ExpungeRange",
    "Finding",
    "FlagOp",
    "FlagOutcome",
    "Mailbox",
    "MailboxCount",
    "MailboxId",
    "MailboxPatch",
    "MailboxRecord",
    "MailboxStatus",
    "ModSeq",
    "MoveOutcome",
    "NewMessage",
    "Origin",
    "Orphans",
    "Quota",
    "ReplaceOutcome",
    "Rights",
    "SchemaState",
    "SharedMailbox",
    "StoredBodyRecord",
    "Uid",
    "UidValidity",
    "Usage",
    "User",
    "UserId",
]
