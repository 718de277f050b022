"""What follows a commit, and what follows a hint: one place for both, so that no verb forgets a step.

Own commit: what is remembered of the mailbox is dropped, its live snapshot moves on, other processes are told.
Hint from the feed (own ones come back too): the same but for telling.
"""

from __future__ import annotations

from lightmail.mail.live import LiveMailboxes
from lightmail.model import Delta, MailboxId, ModSeq, UserId
from lightmail.ports.changes import PLACE_OF_SERVER, ChangeFeed, ChangeListener, place_of_account


class Changes:
    def __init__(self, *, live: LiveMailboxes, feed: ChangeFeed) -> None:
        self._live = live
        self._feed = feed
        self._listeners: list[ChangeListener] = []
        feed.listen(self._hint)

    def listen(self, listener: ChangeListener) -> None:
        """Called for each commit before it is answered, and for each hint; mailbox 0: anything may have changed."""
        self._listeners.append(listener)

    async def committed(self, *deltas: Delta | None) -> None:
        """The transaction is durable. When this returns, whoever asks this process learns of it; never raises.

        Suspends only when a Delta does not fit the live snapshot.
        """
        for delta in deltas:
            if delta is not None:
                self._tell(delta.mailbox_id, delta.highest_modseq)
        await self._live.absorb(deltas)
        for delta in deltas:
            if delta is not None:
                self._feed.publish(delta.mailbox_id, delta.highest_modseq)

    async def seen(self, mailbox_id: MailboxId, modseq: ModSeq) -> None:
        """The database was found in this state, and nothing was changed. Suspends only when it is later than what is known
        here: then another process has been faster than its hint; never raises.
        """
        await self._live.catch_up(mailbox_id, modseq)

    def unsure(self, mailbox_id: MailboxId) -> None:
        """Nobody knows whether a change was committed: whoever has the mailbox looks."""
        self.structure(mailbox_id)

    def structure(self, mailbox_id: MailboxId, *, gone: bool = False) -> None:
        """A mailbox has been created, renamed or deleted, or has other annotations."""
        self._tell(mailbox_id, ModSeq(0))
        if gone:
            self._live.drop(mailbox_id)
        self._feed.publish(mailbox_id, ModSeq(0))

    def account(self, user_id: UserId) -> None:
        """A user has other mailboxes, subscriptions or annotations; what is to be known of each mailbox is told besides."""
        self._told(place_of_account(user_id))

    def server(self) -> None:
        """The server has other annotations that all share."""
        self._told(PLACE_OF_SERVER)

    def _told(self, place: MailboxId) -> None:
        self._tell(place, ModSeq(0))
        self._feed.publish(place, ModSeq(0))

    def anywhere(self) -> None:
        """What anybody sees may be something else."""
        self._tell(MailboxId(0), ModSeq(0))
        self._feed.publish(MailboxId(0), ModSeq(0))

    def _hint(self, mailbox_id: MailboxId, modseq: ModSeq) -> None:
        self._tell(mailbox_id, modseq)
        self._live.hint(mailbox_id, modseq)

    def _tell(self, mailbox_id: MailboxId, modseq: ModSeq) -> None:
        for listener in self._listeners:
            listener(mailbox_id, modseq)
