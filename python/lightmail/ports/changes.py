"""The ChangeFeed port: hints that a mailbox has changed. They may be lost or doubled (law 4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from lightmail.model import MailboxId, ModSeq, UserId

ChangeListener = Callable[[MailboxId, ModSeq], None]
"""Called on the loop thread; must not block. modseq 0: the mailbox itself has changed (created, renamed, deleted), look
yourself; mailbox 0 with modseq 0: some other process has committed something somewhere."""


def place_of_account(user_id: UserId) -> MailboxId:
    """Where it is hinted, with modseq 0, that a user's mailboxes or subscriptions are others: no mailbox has such an id."""
    return MailboxId(-user_id)


PLACE_OF_SERVER = MailboxId(-(10**17))
"""Where it is hinted, with modseq 0, that annotations of the server are others: no mailbox and no account has such an id."""


class ChangeFeed(Protocol):
    def publish(self, mailbox_id: MailboxId, modseq: ModSeq) -> None:
        """This process has committed a change. Never blocks, never fails."""
        ...

    def listen(self, listener: ChangeListener) -> None:
        """All changes, of this process and of others, come to `listener`."""
        ...

    async def follow(self, mailbox_id: MailboxId) -> None:
        """A mailbox is held open here. Changes committed after this returns are told; what was committed before, the
        caller asks the database for. Hints of mailboxes that nobody follows may be left out.

        Counted: one `unfollow` each, also when this is cancelled. Never fails; does not suspend when it is followed
        already, or there is nothing to arrange.
        """
        ...

    def unfollow(self, mailbox_id: MailboxId) -> None:
        """Never blocks, never fails."""
        ...

    async def start(self) -> None: ...

    async def close(self) -> None: ...
