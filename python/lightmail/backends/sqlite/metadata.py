"""The MetadataStore over SQLite: which verb runs where. The verbs themselves are in the files of their families."""

from __future__ import annotations

import json
from collections.abc import Sequence

from lightmail._core.index import UidSet
from lightmail.backends.acl import entries, shared, visible
from lightmail.backends.packing import MAX_MODSEQ
from lightmail.backends.records import location, mailbox, status, usage
from lightmail.backends.sqlite import (
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
from lightmail.backends.sqlite.database import SqliteDatabase
from lightmail.backends.states import found, small_changes, small_load
from lightmail.backends.transactions import Transactions
from lightmail.errors import MailboxNotFound, UserNotFound
from lightmail.model import (
    Annotation,
    BodyId,
    Delta,
    Entries,
    Mailbox,
    MailboxId,
    MailboxStatus,
    ModSeq,
    Quota,
    SharedMailbox,
    Usage,
    UserId,
)
from lightmail.ports.metadata import BodyLocation, PackedMessages, SummaryRow

SMALL_BODIES = 64
"""Summaries of up to so many bodies are read on the loop thread."""


class SqliteMetadata(Transactions):
    """Implements `ports.metadata.MetadataStore`."""

    def __init__(self, database: SqliteDatabase) -> None:
        super().__init__(database, mailboxes, acl, append, flags, copy_move, expunge, replace)
        self._database = database

    @property
    def statements(self) -> int:
        """SQL statements run so far (see `SqliteDatabase.statements`)."""
        return self._database.statements

    # ---- mailboxes

    async def list_mailboxes(self, user_id: UserId) -> list[Mailbox]:
        rows = self._database.all(mailboxes.SELECT_MAILBOX_LIST, {"user": user_id})
        return [mailbox(row) for row in rows]

    async def list_subscriptions(self, user_id: UserId) -> frozenset[str]:
        return frozenset(name for (name,) in self._database.all(mailboxes.SELECT_SUBSCRIPTIONS, {"user": user_id}))

    async def get_mailbox(self, user_id: UserId, name: str) -> Mailbox:
        row = self._database.one(mailboxes.SELECT_MAILBOX_BY_NAME, {"user": user_id, "name": name})
        if row is None:
            raise MailboxNotFound(name)
        return mailbox(row)

    async def get_mailboxes(self, user_ids: Sequence[UserId], name: str) -> dict[UserId, Mailbox]:
        listed = f"[{','.join(map(str, user_ids))}]"
        rows = self._database.all(mailboxes.SELECT_MAILBOXES_BY_NAME, {"users": listed, "name": name})
        return {UserId(row[1]): mailbox(row) for row in rows}

    async def set_subscribed(self, user_id: UserId, name: str, subscribed: bool) -> None:
        await self._database.write(lambda statements: mailboxes.set_subscribed(statements, user_id, name, subscribed))

    async def status(self, user_id: UserId, name: str) -> MailboxStatus:
        return status(self._database.one(mailboxes.SELECT_STATUS, {"user": user_id, "name": name}), name)

    async def quota(self, user_id: UserId) -> tuple[Quota, Usage]:
        row = self._database.one(mailboxes.SELECT_QUOTA, {"user": user_id})
        if row is None:
            raise UserNotFound(str(user_id))
        return Quota(*row[:3]), usage(row[3:])

    async def deleted_octets(self, mailbox_ids: Sequence[MailboxId]) -> dict[MailboxId, int]:
        listed = f"[{','.join(map(str, mailbox_ids))}]"
        rows = await self._database.read(
            lambda statements: statements.all(mailboxes.SELECT_DELETED_OCTETS, {"mailboxes": listed})
        )
        return {MailboxId(mailbox_id): octets for mailbox_id, octets in rows}

    async def annotations(
        self, user_id: UserId, mailbox_ids: Sequence[MailboxId], entries: Sequence[str] | None = None
    ) -> list[Annotation]:
        statement, values = annotating.select(user_id, mailbox_ids, entries)
        rows = await self._database.read(lambda statements: statements.all(statement, values))
        return [annotating.annotation(row) for row in rows]

    async def annotation_marks(
        self, user_id: UserId, mailbox_ids: Sequence[MailboxId]
    ) -> dict[tuple[MailboxId, str], int]:
        values = {"user": user_id, "mailboxes": json.dumps(list(mailbox_ids))}
        rows = await self._database.read(lambda statements: statements.all(annotating.SELECT_MARKS, values))
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
        row = self._database.one(mailboxes.SELECT_RECENT, {"mailbox": mailbox_id, "up_to": up_to})
        if row is not None and row[1] <= row[0]:
            return int(row[0])
        return await self._database.write(lambda statements: mailboxes.claim_recent(statements, mailbox_id, up_to))

    # ---- rights

    async def visible_mailboxes(
        self, user_id: UserId, identifiers: Sequence[str], limit: int
    ) -> tuple[list[Mailbox], list[SharedMailbox]]:
        values = {"user": user_id, "identifiers": json.dumps(identifiers), "limit": limit}
        return visible(self._database.all(acl.SELECT_VISIBLE, values), user_id)

    async def shared_mailboxes(
        self, address: str, names: Sequence[str], identifiers: Sequence[str]
    ) -> list[SharedMailbox]:
        values = {"address": address, "names": json.dumps(names), "identifiers": json.dumps(identifiers)}
        return shared(self._database.all(acl.SELECT_SHARED, values))

    async def get_acl(self, mailbox_id: MailboxId) -> Entries:
        return entries(self._database.all(acl.SELECT_ACL, {"mailbox": mailbox_id}))

    # ---- messages

    async def load(self, mailbox_id: MailboxId) -> PackedMessages:
        row = self._database.one(reading.SELECT_SMALL_MAILBOX, {"mailbox": mailbox_id})
        small = small_load(found(row, mailbox_id))
        if small is not None:
            return small
        return await self._database.read(lambda statements: reading.load(statements, mailbox_id))

    async def changes_since(self, mailbox_id: MailboxId, modseq: ModSeq) -> Delta:
        values = {"mailbox": mailbox_id, "modseq": min(modseq, MAX_MODSEQ)}
        row = self._database.one(reading.SELECT_SMALL_CHANGES, values)
        small = small_changes(found(row, mailbox_id), mailbox_id, modseq)
        if small is not None:
            return small
        return await self._database.read(lambda statements: reading.changes_since(statements, mailbox_id, modseq))

    async def modseqs(self, mailbox_ids: Sequence[MailboxId]) -> dict[MailboxId, ModSeq]:
        listed = f"[{','.join(map(str, mailbox_ids))}]"
        rows = self._database.all(reading.SELECT_MODSEQS, {"mailboxes": listed})
        return {MailboxId(mailbox_id): ModSeq(modseq) for mailbox_id, modseq in rows}

    async def expunged_since(self, mailbox_id: MailboxId, modseq: ModSeq) -> UidSet:
        return await self._database.read(lambda statements: reading.expunged_since(statements, mailbox_id, modseq))

    # ---- bodies

    async def summaries(self, body_ids: Sequence[BodyId]) -> list[SummaryRow]:
        if len(body_ids) <= SMALL_BODIES:
            return self._database.all(bodies.SELECT_SUMMARIES, {"bodies": bodies.listed(body_ids)})
        return await self._database.read(
            lambda statements: statements.all(bodies.SELECT_SUMMARIES, {"bodies": bodies.listed(body_ids)})
        )

    async def body_locations(self, body_ids: Sequence[BodyId]) -> list[BodyLocation]:
        rows = self._database.all(bodies.SELECT_LOCATIONS, {"bodies": bodies.listed(body_ids)})
        return [location(row) for row in rows]

    async def unreferenced_bodies(self, limit: int, *, grace_s: int | None = None) -> list[BodyLocation]:
        before_s = bodies.EVER if grace_s is None else self._database.clock.now_s() - grace_s
        values = {"limit": limit, "before_s": before_s}
        rows = await self._database.read(lambda statements: statements.all(bodies.SELECT_UNREFERENCED, values))
        return [location(row) for row in rows]

    async def forget_bodies(self, body_ids: Sequence[BodyId]) -> list[BodyId]:
        return await self._database.write(lambda statements: bodies.forget(statements, body_ids))

    async def named_bodies(self, body_ids: Sequence[BodyId]) -> frozenset[BodyId]:
        values = {"bodies": bodies.listed(body_ids)}
        rows = await self._database.read(lambda statements: statements.all(bodies.SELECT_NAMED, values))
        return frozenset(BodyId(body_id) for (body_id,) in rows)

    async def locations_after(self, after: BodyId, limit: int) -> list[BodyLocation]:
        values = {"after": after, "limit": limit}
        rows = await self._database.read(lambda statements: statements.all(bodies.SELECT_LOCATIONS_AFTER, values))
        return [location(row) for row in rows]

    async def known_keys(self, object_keys: Sequence[str]) -> frozenset[str]:
        values = {"keys": json.dumps(object_keys)}
        rows = await self._database.read(lambda statements: statements.all(bodies.SELECT_KNOWN_KEYS, values))
        return frozenset(key for (key,) in rows)

    # ---- life

    async def data_version(self) -> int:
        return await self._database.data_version()

    async def close(self) -> None:
        await self._database.close()
