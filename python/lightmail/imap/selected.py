"""What one client knows of the mailbox it has selected."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lightmail._core.index import Snapshot, UidSet
from lightmail.mail.live import LiveMailbox
from lightmail.model import Mailbox, Rights

if TYPE_CHECKING:
    from lightmail.imap.contexts import Contexts

CHANGES = Rights.INSERT | Rights.EXPUNGE | Rights.SEEN | Rights.WRITE | Rights.DELETE
"""Without one of these a mailbox is READ-ONLY; all flags are shared (RFC 4314 §5.2)."""


def claims_recent(read_only: bool, rights: Rights) -> bool:
    """Whether messages that a session has been told of are \\Recent to nobody after it."""
    return not read_only and Rights.SEEN in rights


@dataclass(slots=True)
class Selected:
    """Sequence numbers are positions in `view` and mean nothing elsewhere (law 9)."""

    name: str
    """As this client names it."""
    mailbox: Mailbox
    rights: Rights
    """Of this user, as of this command."""
    own: bool
    """It is this user's; then they have all rights to it, always."""
    live: LiveMailbox
    """Held by this session."""
    view: Snapshot
    """The state the client has been told; `live.snapshot` is the state there is. Moved on by `sync` alone."""
    read_only: bool
    """EXAMINEd, or nothing in it may be changed (RFC 4314 §5.2)."""
    recent_from: int
    """Messages with uid >= recent_from are \\Recent to this session (RFC 3501 §2.3.2)."""
    saved: UidSet | None = None
    """`$`, the saved search result (RFC 5182)."""
    contexts: Contexts | None = None
    """Searches that tell of changes; None as long as there has been none."""
    whole_modseq: int | None = None
    """While messages are gone that this client has not been told of: up to where it knows everything. Otherwise None."""
    examined: bool = False
    """By EXAMINE; otherwise it is read-only for want of rights."""
    recent_claimed: int = field(init=False)
    """Messages below this UID are recent to no session that selects later."""

    def __post_init__(self) -> None:
        self.recent_claimed = self.view.uid_next

    @property
    def known_modseq(self) -> int:
        """Up to where the client knows everything."""
        return self.view.highest_modseq if self.whole_modseq is None else self.whole_modseq

    @property
    def behind(self) -> bool:
        """Whether there may be something that the client has not been told."""
        live, contexts = self.live, self.contexts
        return (
            self.view is not live.snapshot
            or live.stale
            or live.deleted
            or (contexts is not None and contexts.behind(self.view))
        )
