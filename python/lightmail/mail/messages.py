"""The verbs on messages: append, flags, copy, move, expunge. Each is one durable transaction (laws 1 and 6).

When a verb returns, the live mailboxes of this process know of it and other processes have been told. When nobody
knows whether it was done, all of them are told to look.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import TypeVar

from lightmail._core.index import UidSet
from lightmail.config import Config
from lightmail.errors import LimitExceeded, OutcomeUnknown
from lightmail.mail.bodies import Bodies
from lightmail.mail.changes import Changes
from lightmail.mail.live import LiveMailboxes
from lightmail.mail.summaries import Summaries
from lightmail.model import (
    Appended,
    CopyOutcome,
    ExpungeOutcome,
    FlagOp,
    FlagOutcome,
    MailboxId,
    ModSeq,
    MoveOutcome,
    NewMessage,
    Rights,
    Uid,
)
from lightmail.ports.metadata import MetadataStore

T = TypeVar("T")


class Messages:
    def __init__(
        self,
        *,
        metadata: MetadataStore,
        bodies: Bodies,
        summaries: Summaries,
        live: LiveMailboxes,
        changes: Changes,
        config: Config,
        exclusive: bool,
    ) -> None:
        """exclusive: no other process is expected to write, so that live mailboxes are the truth until a hint comes."""
        self._metadata = metadata
        self._bodies = bodies
        self._summaries = summaries
        self._live = live
        self._exclusive = exclusive
        self._changes = changes
        self._keyword_octets = config.limits.keyword_octets

    async def append(self, messages: Sequence[NewMessage]) -> list[Appended]:
        """All or none, in order. Every body must be durable already (law 3): it comes from `Incoming.finish`.

        Raises MailboxNotFound, LimitExceeded (keywords), Unavailable; then nothing was added.
        """
        for message in messages:
            self._check_flags(message.flags)
        appended, deltas = await self._done(
            self._metadata.append(messages), *{message.mailbox_id for message in messages}
        )
        self._added(messages, appended)
        await self._changes.committed(*deltas)
        return appended

    def _added(self, messages: Sequence[NewMessage], appended: Sequence[Appended]) -> None:
        """Known here before anybody asks."""
        self._bodies.added(messages, appended)
        self._summaries.added(
            (stored.body_id, message.body.summary)
            for message, stored in zip(messages, appended, strict=True)
            # Somebody has it open here, and will ask for what a list of messages shows.
            if self._live.get(stored.mailbox_id) is not None
        )

    async def set_flags(
        self,
        mailbox_id: MailboxId,
        uids: UidSet,
        op: FlagOp,
        flags: tuple[str, ...],
        unchanged_since: ModSeq | None = None,
        *,
        rights: Rights = Rights.ALL,
    ) -> FlagOutcome:
        """As `MetadataStore.set_flags`. Source: RFC 9051 §6.4.6, RFC 7162 §3.1.3."""
        self._check_flags(flags)
        verb = self._metadata.set_flags(mailbox_id, uids, op, flags, unchanged_since, rights=rights)
        outcome = await self._done(verb, mailbox_id)
        if outcome.delta is None:
            await self._changes.seen(mailbox_id, outcome.modseq)
        else:
            await self._changes.committed(outcome.delta)
        return outcome

    async def copy(
        self, source: MailboxId, uids: UidSet, target: MailboxId, *, rights: Rights = Rights.ALL
    ) -> CopyOutcome:
        """As `MetadataStore.copy`; bodies are shared, no octet of them is read. Source: RFC 9051 §6.4.7."""
        outcome = await self._done(self._metadata.copy(source, uids, target, rights=rights), target)
        await self._changes.committed(outcome.delta)
        return outcome

    async def move(
        self, source: MailboxId, uids: UidSet, target: MailboxId, *, rights: Rights = Rights.ALL
    ) -> MoveOutcome:
        """As `MetadataStore.move`. Source: RFC 9051 §6.4.8, RFC 6851."""
        outcome = await self._done(self._metadata.move(source, uids, target, rights=rights), source, target)
        await self._changes.committed(outcome.source_delta, outcome.target_delta)
        return outcome

    async def replace(self, source: MailboxId, uid: Uid, message: NewMessage) -> Appended | None:
        """As `MetadataStore.replace`; the body is durable already. None: what was to be replaced is not there, and
        nothing was done. Source: RFC 8508 §3.4.
        """
        self._check_flags(message.flags)
        outcome = await self._done(self._metadata.replace(source, uid, message), source, message.mailbox_id)
        if outcome.appended is None:
            return None
        self._added([message], [outcome.appended])
        await self._changes.committed(outcome.source_delta, outcome.target_delta)
        return outcome.appended

    async def expunge(self, mailbox_id: MailboxId, uids: UidSet | None = None) -> ExpungeOutcome:
        """Remove what is marked \\Deleted, of `uids` only when given. Source: RFC 9051 §6.4.3, §6.4.9.

        No statement where this process knows that nothing is.
        """
        live = self._live.get(mailbox_id) if self._exclusive else None
        if live is not None and not live.stale and not live.snapshot.deleted:
            return ExpungeOutcome(UidSet(), ModSeq(live.snapshot.highest_modseq), None)
        outcome = await self._done(self._metadata.expunge(mailbox_id, uids), mailbox_id)
        await self._changes.committed(outcome.delta)
        return outcome

    async def _done(self, verb: Awaitable[T], *mailbox_ids: MailboxId) -> T:
        try:
            return await verb
        except OutcomeUnknown:
            for mailbox_id in mailbox_ids:
                self._changes.unsure(mailbox_id)
            raise

    def _check_flags(self, flags: tuple[str, ...]) -> None:
        for flag in flags:
            if len(flag) > self._keyword_octets:
                raise LimitExceeded("octets of a keyword", self._keyword_octets)
