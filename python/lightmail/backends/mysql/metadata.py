"""The MetadataStore over MySQL: which verb runs where. The verbs themselves are in the files of their families."""

from __future__ import annotations

from collections.abc import Sequence

from lightmail._core.index import UidSet
from lightmail.backends.acl import entries, shared, visible
from lightmail.backends.mysql import (
    acl,
    annotating,
    append,
    bodies,
    copy_move,
    expunge,
    flags,
    mailboxes,
    reading,
    replace,
)
from lightmail.backends.mysql.database import MysqlDatabase
from lightmail.backends.mysql.literals import Sql
from lightmail.backends.records import location, mailbox, status, usage
from lightmail.backends.transactions import Transactions
from lightmail.errors import MailboxNotFound, OutcomeUnknown, Unavailable, UserNotFound
from lightmail.model import (
    Annotation,
    BodyId,
    Delta,
    Entries,
    ExpungeOutcome,
    Mailbox,
    MailboxId,
    MailboxStatus,
    ModSeq,
    NewMessage,
    Quota,
    SharedMailbox,
    Usage,
    UserId,
)
from lightmail.ports.metadata import BodyLocation, PackedMessages, SummaryRow

SETTLED_WITHIN = 3
"""So many attempts, where COMMIT after COMMIT has an unknown outcome."""


class MysqlMetadata(Transactions):
    """Implements `ports.metadata.MetadataStore`."""

    def __init__(self, database: MysqlDatabase) -> None:
        super().__init__(database, mailboxes, acl, append, flags, copy_move, expunge, replace)
        self._database = database

    @property
    def statements(self) -> int:
        """SQL statements run so far (see `MysqlDatabase.statements`)."""
        return self._database.statements

    # ---- mailboxes

    async def list_mailboxes(self, user_id: UserId) -> list[Mailbox]:
        return [mailbox(row) for row in await self._database.all(mailboxes.SELECT_MAILBOX_LIST, {"user": user_id})]

    async def list_subscriptions(self, user_id: UserId) -> frozenset[str]:
        rows = await self._database.all(mailboxes.SELECT_SUBSCRIPTIONS, {"user": user_id})
        return frozenset(name for (name,) in rows)

    async def get_mailbox(self, user_id: UserId, name: str) -> Mailbox:
        row = await self._database.one(mailboxes.SELECT_MAILBOX_BY_NAME, mailboxes.named(user_id, name))
        if row is None:
            raise MailboxNotFound(name)
        return mailbox(row)

    async def get_mailboxes(self, user_ids: Sequence[UserId], name: str) -> dict[UserId, Mailbox]:
        if not user_ids:
            return {}
        values = {"users": list(user_ids), "name": name.encode()}
        rows = await self._database.all(mailboxes.SELECT_MAILBOXES_BY_NAME, values)
        return {UserId(row[1]): mailbox(row) for row in rows}

    async def set_subscribed(self, user_id: UserId, name: str, subscribed: bool) -> None:
        await self._database.write(lambda statements: mailboxes.set_subscribed(statements, user_id, name, subscribed))

    async def status(self, user_id: UserId, name: str) -> MailboxStatus:
        return status(await self._database.one(mailboxes.SELECT_STATUS, mailboxes.named(user_id, name)), name)

    async def quota(self, user_id: UserId) -> tuple[Quota, Usage]:
        row = await self._database.one(mailboxes.SELECT_QUOTA, {"user": user_id})
        if row is None:
            raise UserNotFound(str(user_id))
        return Quota(*row[:3]), usage(row[3:])

    async def deleted_octets(self, mailbox_ids: Sequence[MailboxId]) -> dict[MailboxId, int]:
        if not mailbox_ids:
            return {}
        rows = await self._database.all(mailboxes.SELECT_DELETED_OCTETS, {"mailboxes": list(mailbox_ids)})
        return {MailboxId(mailbox_id): int(octets) for mailbox_id, octets in rows}

    async def annotations(
        self, user_id: UserId, mailbox_ids: Sequence[MailboxId], entries: Sequence[str] | None = None
    ) -> list[Annotation]:
        if not mailbox_ids or (entries is not None and not entries):
            return []
        rows = await self._database.all(*annotating.select(user_id, mailbox_ids, entries))
        return sorted(annotating.annotation(row) for row in rows)

    async def annotation_marks(
        self, user_id: UserId, mailbox_ids: Sequence[MailboxId]
    ) -> dict[tuple[MailboxId, str], int]:
        if not mailbox_ids:
            return {}
        rows = await self._database.all(annotating.SELECT_MARKS, {"user": user_id, "mailboxes": list(mailbox_ids)})
        return {(MailboxId(mailbox_id), entry): mark for mailbox_id, entry, mark in rows}

    async def annotate(
        self,
        user_id: UserId,
        mailbox_id: MailboxId,
        values: Sequence[tuple[str, bytes | None]],
        *,
        owner_id: UserId,
        most: int,
        special_use: tuple[str, ...] | None = None,
    ) -> Delta | None:
        return await self._database.write(
            lambda statements: annotating.annotate(statements, user_id, mailbox_id, values, owner_id, most, special_use)
        )

    async def claim_recent(self, mailbox_id: MailboxId, up_to: int) -> int:
        row = await self._database.one(mailboxes.SELECT_RECENT, {"mailbox": mailbox_id, "up_to": up_to})
        if row is not None and row[1] <= row[0]:
            return int(row[0])
        return await self._database.write(lambda statements: mailboxes.claim_recent(statements, mailbox_id, up_to))

    # ---- rights

    async def visible_mailboxes(
        self, user_id: UserId, identifiers: Sequence[str], limit: int
    ) -> tuple[list[Mailbox], list[SharedMailbox]]:
        values = {"user": user_id, "identifiers": list(identifiers), "limit": limit}
        return visible(await self._database.all(acl.SELECT_VISIBLE, values), user_id)

    async def shared_mailboxes(
        self, address: str, names: Sequence[str], identifiers: Sequence[str]
    ) -> list[SharedMailbox]:
        octets = [name.encode() for name in names]
        values = {"address": address, "names": octets, "identifiers": list(identifiers)}
        return shared(await self._database.all(acl.SELECT_SHARED, values))

    async def get_acl(self, mailbox_id: MailboxId) -> Entries:
        return entries(await self._database.all(acl.SELECT_ACL, {"mailbox": mailbox_id}))

    # ---- messages

    async def load(self, mailbox_id: MailboxId) -> PackedMessages:
        return await reading.load(self._database, mailbox_id)

    async def changes_since(self, mailbox_id: MailboxId, modseq: ModSeq) -> Delta:
        return await reading.changes_since(self._database, mailbox_id, modseq)

    async def modseqs(self, mailbox_ids: Sequence[MailboxId]) -> dict[MailboxId, ModSeq]:
        rows = await self._database.all(reading.SELECT_MODSEQS, {"mailboxes": list(mailbox_ids)})
        return {MailboxId(mailbox_id): ModSeq(modseq) for mailbox_id, modseq in rows}

    async def expunged_since(self, mailbox_id: MailboxId, modseq: ModSeq) -> UidSet:
        return await reading.expunged_since(self._database, mailbox_id, modseq)

    async def append(self, messages: Sequence[NewMessage]) -> append.Answer:
        if not messages:
            return [], []
        appending = append.Appending(messages)
        unknown: OutcomeUnknown | None = None
        for _ in range(SETTLED_WITHIN):
            try:
                return await self._database.write(appending.run)
            except OutcomeUnknown as error:
                appending.unknown()
                unknown = error
            except Unavailable as error:
                if unknown is None:
                    raise
                raise unknown from error
        assert unknown is not None
        raise unknown

    async def expunge(self, mailbox_id: MailboxId, uids: UidSet | None) -> ExpungeOutcome:
        if uids is None:
            row = await self._database.one(expunge.SELECT_DELETED, {"mailbox": mailbox_id})
            if row is not None and not row[1]:
                return ExpungeOutcome(UidSet(), ModSeq(row[0]), None)
        return await super().expunge(mailbox_id, uids)

    # ---- bodies

    async def summaries(self, body_ids: Sequence[BodyId]) -> list[SummaryRow]:
        if not body_ids:
            return []
        return await self._database.all(bodies.SELECT_SUMMARIES, {"bodies": list(body_ids)})

    async def body_locations(self, body_ids: Sequence[BodyId]) -> list[BodyLocation]:
        if not body_ids:
            return []
        rows = await self._database.all(bodies.SELECT_LOCATIONS, {"bodies": list(body_ids)})
        return [location(row) for row in rows]

    async def unreferenced_bodies(self, limit: int, *, grace_s: int | None = None) -> list[BodyLocation]:
        before_s = bodies.EVER if grace_s is None else Sql(b"%s - %d" % (self._database.now_s, grace_s))
        values = {"limit": limit, "before_s": before_s}
        return [location(row) for row in await self._database.all(bodies.SELECT_UNREFERENCED, values)]

    async def forget_bodies(self, body_ids: Sequence[BodyId]) -> list[BodyId]:
        if not body_ids:
            return []
        return await self._database.write(lambda statements: bodies.forget(statements, body_ids))

    async def named_bodies(self, body_ids: Sequence[BodyId]) -> frozenset[BodyId]:
        return await bodies.named(self._database, body_ids)

    async def locations_after(self, after: BodyId, limit: int) -> list[BodyLocation]:
        rows = await self._database.all(bodies.SELECT_LOCATIONS_AFTER, {"after": after, "limit": limit})
        return [location(row) for row in rows]

    async def known_keys(self, object_keys: Sequence[str]) -> frozenset[str]:
        rows = await self._database.all(bodies.SELECT_KNOWN_KEYS, {"keys": list(object_keys)})
        return frozenset(key for (key,) in rows)

    # ---- life

    async def data_version(self) -> None:
        return None

    async def close(self) -> None:
        await self._database.close()
