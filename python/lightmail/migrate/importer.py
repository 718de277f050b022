"""From a source into a user's mailboxes: many messages per transaction, each exactly once (see journal.py)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from lightmail.errors import LimitExceeded, MailboxNotFound, MailboxNotSelectable, UserError
from lightmail.mail.about import put_into
from lightmail.mail.store import MailStore
from lightmail.migrate.journal import Batch, Journal, Keys
from lightmail.migrate.newlines import to_crlf
from lightmail.migrate.source import Item, Refused, Source
from lightmail.model import DELIMITER, BodyId, BodyRecord, Mailbox, MailboxId, ModSeq, NewMessage, User
from lightmail.ports.metadata import MESSAGE_ROW, MetadataStore

BATCH_MESSAGES = 250
BATCH_OCTETS = 16_777_216
CONCURRENT_BODIES = 16
_BODY_COLUMN = MESSAGE_ROW.index("body_id")
_DAY_S = 86_400

Progress = Callable[[int, int], None]
"""Octets of the source that are behind us, messages imported; called after each batch."""


@dataclass(slots=True)
class Report:
    """What became of a source."""

    imported: int = 0
    octets: int = 0
    """Of the imported messages, as stored."""
    already: int = 0
    """Messages that an earlier run had imported."""
    refused: list[Refused] = field(default_factory=list)
    mailboxes: dict[str, int] = field(default_factory=dict)
    """Messages imported into each."""
    without_keywords: int = 0
    """Imported without their keywords, because the mailbox has as many as it may have."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class _Pending:
    key: str
    item: Item
    octets: bytes


class Importer:
    """One run of one source for one user."""

    def __init__(
        self,
        *,
        mail: MailStore,
        metadata: MetadataStore,
        user: User,
        target: str,
        journal: Journal,
        message_octets: int,
        progress: Progress,
    ) -> None:
        """target: the mailbox, or for a Maildir's subfolders the mailbox above; "" is INBOX and the top level."""
        self._mail = mail
        self._metadata = metadata
        self._user = user
        self._target = target
        self._journal = journal
        self._most_octets = message_octets
        self._progress = progress
        self._report = Report()
        self._mailboxes: dict[str, Mailbox] = {}
        self._behind_octets = 0

    async def run(self, source: Source) -> Report:
        """Raises what ends an import: Unavailable, MailboxNameInvalid. What has been imported until then stays."""
        started_s = time.monotonic()
        await self._settle()
        keys = Keys()
        pending: list[_Pending] = []
        pending_octets = 0
        pending_mailbox = ""
        for found in source.items(self._most_octets):
            if isinstance(found, Item):
                # The next batch begins: one transaction is one mailbox.
                if pending and (found.mailbox != pending_mailbox or _is_full(pending, pending_octets)):
                    await self._store(pending_mailbox, pending)
                    pending, pending_octets = [], 0
                pending_mailbox = found.mailbox
                mailbox = await self._mailbox(found.mailbox)
                entry = self._examine(found, mailbox, keys)
                if entry is not None:
                    pending.append(entry)
                    pending_octets += len(entry.octets)
            else:
                self._report.refused.append(found)
            self._behind_octets += found.source_octets
        if pending:
            await self._store(pending_mailbox, pending)
        self._progress(self._behind_octets, self._report.imported)
        self._report.seconds = time.monotonic() - started_s
        return self._report

    def _examine(self, item: Item, mailbox: Mailbox, keys: Keys) -> _Pending | None:
        """None when there is nothing to store; the report then says why."""
        key = keys.key(item.mailbox, item.octets)
        if self._journal.has(mailbox.id, key):
            self._report.already += 1
            return None
        octets = to_crlf(item.octets)
        if not octets:
            self._refuse(item, "is empty (zero octets)")
            return None
        if len(octets) > self._most_octets:
            self._refuse(item, f"{len(octets)} octets, the limit is {self._most_octets}")
            return None
        return _Pending(key, item, octets)

    def _refuse(self, item: Item, reason: str) -> None:
        self._report.refused.append(Refused(item.place, reason, 0))

    async def _mailbox(self, below: str) -> Mailbox:
        """Made and subscribed when it is not there."""
        name = DELIMITER.join(filter(None, (self._target, below))) or "INBOX"
        mailbox = self._mailboxes.get(name)
        if mailbox is None:
            mailboxes = self._mail.mailboxes
            try:
                mailbox = await mailboxes.get(self._user.id, name)
            except (MailboxNotFound, MailboxNotSelectable):
                mailbox = await mailboxes.create(self._user.id, name)
                await mailboxes.subscribe(self._user.id, name, True)
            self._mailboxes[name] = mailbox
        return mailbox

    async def _store(self, below: str, pending: list[_Pending]) -> None:
        mailbox = await self._mailbox(below)
        bodies = await self._store_bodies(mailbox, pending)
        stored = [(entry, body) for entry, body in zip(pending, bodies, strict=True) if body is not None]
        if stored:
            await self._append(mailbox, stored)
        self._progress(self._behind_octets, self._report.imported)

    async def _store_bodies(self, mailbox: Mailbox, pending: list[_Pending]) -> list[BodyRecord | None]:
        """None for those that were refused. Several at a time: each waits for the disk once."""
        slots = asyncio.Semaphore(CONCURRENT_BODIES)

        async def store(entry: _Pending) -> BodyRecord | None:
            async with slots:
                item = entry.item
                arrived_s = item.file_s if item.received_s is None else item.received_s
                about = put_into(mailbox, self._user.address, internaldate=arrived_s, flags=item.flags)
                incoming = self._mail.bodies.receive(about=about, account=self._user.id)
                try:
                    await incoming.write(entry.octets)
                    return await incoming.finish()
                except UserError as error:
                    self._refuse(entry.item, str(error))
                    return None

        return await asyncio.gather(*map(store, pending))

    async def _append(self, mailbox: Mailbox, stored: list[tuple[_Pending, BodyRecord]]) -> None:
        status = await self._mail.mailboxes.status(self._user.id, mailbox.name)
        keys = tuple(entry.key for entry, _ in stored)
        object_keys = tuple(body.object_key for _, body in stored)
        self._journal.begin(Batch(mailbox.id, status.highest_modseq, keys, object_keys))
        now_s = self._mail.clock.now_s()
        messages = [_message(mailbox, entry.item, body, now_s) for entry, body in stored]
        try:
            await self._mail.append(messages)
        except LimitExceeded:
            plain = [_message(mailbox, entry.item, body, now_s, keywords=False) for entry, body in stored]
            await self._mail.append(plain)
            self._report.without_keywords += sum(a.flags != b.flags for a, b in zip(messages, plain, strict=True))
        self._journal.settle(stored=True)
        self._report.imported += len(stored)
        self._report.octets += sum(body.raw_octets for _, body in stored)
        self._report.mailboxes[mailbox.name] = self._report.mailboxes.get(mailbox.name, 0) + len(stored)

    async def _settle(self) -> None:
        """Ask the mailbox whether the batch took place that was under way when an earlier run ended."""
        batch = self._journal.unsettled
        if batch is None:
            return
        try:
            delta = await self._metadata.changes_since(MailboxId(batch.mailbox_id), ModSeq(batch.base_modseq))
        except MailboxNotFound:
            self._journal.settle(stored=False)
            return
        lines = (line for block in delta.rows for line in block.splitlines())
        bodies = [BodyId(int(line.split(" ")[_BODY_COLUMN])) for line in lines]
        locations = await self._metadata.body_locations(bodies) if bodies else []
        known = {location.object_key for location in locations}
        self._journal.settle(stored=not known.isdisjoint(batch.object_keys))


def _is_full(pending: list[_Pending], octets: int) -> bool:
    return len(pending) >= BATCH_MESSAGES or octets >= BATCH_OCTETS


def _message(mailbox: Mailbox, item: Item, body: BodyRecord, now_s: int, *, keywords: bool = True) -> NewMessage:
    """INTERNALDATE: when the source says it arrived; else the Date header; else the file's time; else now."""
    internaldate, zone = item.received_s, 0
    if internaldate is None and 0 < body.summary.sent_date < now_s + _DAY_S:
        internaldate, zone = body.summary.sent_date, body.summary.sent_zone
    if internaldate is None:
        internaldate = item.file_s
    flags = item.flags if keywords else tuple(flag for flag in item.flags if flag.startswith("\\"))
    return NewMessage(
        mailbox_id=mailbox.id,
        body=body,
        flags=flags,
        internaldate=now_s if internaldate is None else internaldate,
        internaldate_zone=zone,
        savedate=now_s,
    )
