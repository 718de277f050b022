"""The verbs that change mailboxes, each one transaction, whatever the database; shared by the SQL backends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from types import ModuleType
from typing import Any, Protocol

from lightmail._core.index import UidSet
from lightmail.model import (
    Appended,
    CopyOutcome,
    Delta,
    ExpungeOutcome,
    FlagOp,
    FlagOutcome,
    Mailbox,
    MailboxId,
    ModSeq,
    MoveOutcome,
    NewMessage,
    ReplaceOutcome,
    Rights,
    Uid,
    UserId,
)
from lightmail.ports.clock import Clock


class Writable(Protocol):
    """A backend's database."""

    @property
    def clock(self) -> Clock: ...

    def write(self, verb: Callable[[Any], Any], /) -> Awaitable[Any]:
        """The verb's answer, after the transaction it ran in is durable."""
        ...


class Transactions:
    """The writing half of `ports.metadata.MetadataStore`."""

    def __init__(
        self,
        database: Writable,
        mailboxes: ModuleType,
        acl: ModuleType,
        append: ModuleType,
        flags: ModuleType,
        copy_move: ModuleType,
        expunge: ModuleType,
        replace: ModuleType,
    ) -> None:
        """The modules that have the backend's verbs, by the names of the port: functions of its Statements and the
        values of the verb, those that need the time with it at the end; coroutines where Statements are asynchronous.
        """
        self._writable = database
        self._mailboxes = mailboxes
        self._acl = acl
        self._append = append
        self._flags = flags
        self._copy_move = copy_move
        self._expunge = expunge
        self._replace = replace

    async def create_mailbox(
        self,
        user_id: UserId,
        name: str,
        *,
        special_use: tuple[str, ...] = (),
        subscribe: bool = False,
        within_quota: bool = False,
    ) -> Mailbox:
        made: Mailbox = await self._write(
            self._mailboxes.create_mailbox, user_id, name, special_use, subscribe, within_quota, self._now_s
        )
        return made

    async def rename_mailbox(self, user_id: UserId, source: str, target: str) -> None:
        await self._write(self._mailboxes.rename_mailbox, user_id, source, target, self._now_s)

    async def rename_inbox(self, user_id: UserId, target: str) -> MoveOutcome:
        outcome: MoveOutcome = await self._write(self._mailboxes.rename_inbox, user_id, target, self._now_s)
        return outcome

    async def delete_mailbox(self, user_id: UserId, name: str) -> None:
        await self._write(self._mailboxes.delete_mailbox, user_id, name, self._now_s)

    async def change_acl(self, mailbox_id: MailboxId, identifier: str, op: FlagOp, rights: Rights) -> Delta | None:
        delta: Delta | None = await self._write(self._acl.change_acl, mailbox_id, identifier, op, rights)
        return delta

    async def append(self, messages: Sequence[NewMessage]) -> tuple[list[Appended], list[Delta]]:
        if not messages:
            return [], []
        answer: tuple[list[Appended], list[Delta]] = await self._write(self._append.append, messages)
        return answer

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
        outcome: FlagOutcome = await self._write(
            self._flags.set_flags, mailbox_id, uids, op, flags, unchanged_since, rights
        )
        return outcome

    async def copy(
        self, source: MailboxId, uids: UidSet, target: MailboxId, *, rights: Rights = Rights.ALL
    ) -> CopyOutcome:
        outcome: CopyOutcome = await self._write(self._copy_move.copy, source, uids, target, rights, self._now_s)
        return outcome

    async def move(
        self, source: MailboxId, uids: UidSet, target: MailboxId, *, rights: Rights = Rights.ALL
    ) -> MoveOutcome:
        outcome: MoveOutcome = await self._write(self._copy_move.move, source, uids, target, rights, self._now_s)
        return outcome

    async def replace(self, source: MailboxId, uid: Uid, message: NewMessage) -> ReplaceOutcome:
        outcome: ReplaceOutcome = await self._write(self._replace.replace, source, uid, message, self._now_s)
        return outcome

    async def expunge(self, mailbox_id: MailboxId, uids: UidSet | None) -> ExpungeOutcome:
        outcome: ExpungeOutcome = await self._write(self._expunge.expunge, mailbox_id, uids, self._now_s)
        return outcome

    @property
    def _now_s(self) -> int:
        return self._writable.clock.now_s()

    async def _write(self, verb: Callable[..., Any], *values: Any) -> Any:
        return await self._writable.write(lambda statements: verb(statements, *values))
