"""The same operations, in any order, on every backend: equal answers, equal errors, equal states."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import pytest
import uvloop
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lightmail._core.index import UidSet
from lightmail.errors import LightMailError
from lightmail.model import FlagOp, MailboxId, ModSeq
from tests.support.backends import METADATA, Store, open_store
from tests.support.services import Services

NAMES = ("INBOX", "a", "a/b", "a/b/c", "a/d", "b")
FLAGS = ("\\Seen", "\\Deleted", "\\Flagged", "\\DELETED", "$x", "$X", "$y", "$z")

names = st.sampled_from(NAMES)
flag_sets = st.lists(st.sampled_from(FLAGS), max_size=4, unique=True).map(tuple)
ops = st.sampled_from(list(FlagOp))
uid_sets = st.lists(st.tuples(st.integers(1, 14), st.integers(0, 6)), max_size=3).map(
    lambda ranges: UidSet.from_ranges([(first, first + more) for first, more in ranges])
)


def plain(value: Any) -> Any:
    """Answers as values that compare: the rows of a Delta may come in any order and in any blocks."""
    if is_dataclass(value) and not isinstance(value, type):
        fields = {name: getattr(value, name) for name in value.__dataclass_fields__}
        if "rows" in fields:
            fields["rows"] = sorted("".join(fields["rows"]).splitlines())
        return (type(value).__name__, {name: plain(field) for name, field in fields.items()})
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return value


class Backends(RuleBasedStateMachine):
    services: Services

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        shared_memory = Path("/dev/shm")
        self.folder = tempfile.TemporaryDirectory(dir=shared_memory if shared_memory.is_dir() else None)
        self.stack = AsyncExitStack()
        self.stores: list[Store] = []

    @initialize()
    def open(self) -> None:
        async def open_each() -> None:
            for backend in sorted(METADATA):
                store = await self.stack.enter_async_context(open_store(backend, Path(self.folder.name), self.services))
                self.stores.append(store)

        self.runner.run(open_each())
        self.each(lambda store: store.metadata.create_mailbox(store.user.id, "INBOX"))

    def teardown(self) -> None:
        self.runner.run(self.stack.aclose())
        self.runner.close()
        self.folder.cleanup()

    def each(self, verb: Callable[[Store], Awaitable[Any]]) -> Any:
        """The answer all give, as a plain value."""

        async def ask(store: Store) -> Any:
            try:
                return plain(await verb(store))
            except LightMailError as error:
                return (type(error).__name__, str(error))

        first, *others = (self.runner.run(ask(store)) for store in self.stores)
        for other in others:
            assert other == first
        return first

    def on(self, name: str, verb: Callable[[Store, MailboxId], Awaitable[Any]]) -> None:
        async def with_mailbox(store: Store) -> Any:
            mailbox = await store.metadata.get_mailbox(store.user.id, name)
            return await verb(store, mailbox.id)

        self.each(with_mailbox)

    # ---- mailboxes

    @rule(name=names, subscribe=st.booleans())
    def create(self, name: str, subscribe: bool) -> None:
        self.each(lambda store: store.metadata.create_mailbox(store.user.id, name, subscribe=subscribe))

    @rule(name=names)
    def delete(self, name: str) -> None:
        self.each(lambda store: store.metadata.delete_mailbox(store.user.id, name))

    @rule(source=names, to=names)
    def rename(self, source: str, to: str) -> None:
        self.each(lambda store: store.metadata.rename_mailbox(store.user.id, source, to))

    @rule(to=names)
    def rename_inbox(self, to: str) -> None:
        self.each(lambda store: store.metadata.rename_inbox(store.user.id, to))

    @rule(name=names, subscribed=st.booleans())
    def subscribe(self, name: str, subscribed: bool) -> None:
        self.each(lambda store: store.metadata.set_subscribed(store.user.id, name, subscribed))

    @rule(name=names, up_to=st.integers(0, 20))
    def claim_recent(self, name: str, up_to: int) -> None:
        self.on(name, lambda store, mailbox_id: store.metadata.claim_recent(mailbox_id, up_to))

    @rule()
    def make_the_account_again(self) -> None:
        async def again(store: Store) -> None:
            await store.directory.delete_user(store.user.id)
            store.user = await store.directory.add_user(store.user.address, "")
            await store.metadata.create_mailbox(store.user.id, "INBOX")

        self.each(again)

    # ---- messages

    @rule(places=st.lists(names, min_size=1, max_size=5), flags=flag_sets, shared=st.booleans())
    def append(self, places: list[str], flags: tuple[str, ...], shared: bool) -> None:
        async def append(store: Store) -> Any:
            body = store.body()
            messages = []
            for at, name in enumerate(places):
                mailbox = await store.metadata.get_mailbox(store.user.id, name)
                one = body if shared else store.body(1000 + at)
                messages.append(store.message(mailbox, flags, body=one))
            return await store.metadata.append(messages)

        self.each(append)

    @rule(name=names, uids=uid_sets, op=ops, flags=flag_sets, back=st.one_of(st.none(), st.integers(0, 4)))
    def set_flags(self, name: str, uids: UidSet, op: FlagOp, flags: tuple[str, ...], back: int | None) -> None:
        async def set_flags(store: Store, mailbox_id: MailboxId) -> Any:
            since = None
            if back is not None:
                since = ModSeq((await store.metadata.modseqs([mailbox_id])).get(mailbox_id, 1) - back)
            return await store.metadata.set_flags(mailbox_id, uids, op, flags, since)

        self.on(name, set_flags)

    @rule(source=names, to=names, uids=uid_sets, move=st.booleans())
    def copy_or_move(self, source: str, to: str, uids: UidSet, move: bool) -> None:
        async def copy_or_move(store: Store, source_id: MailboxId) -> Any:
            target_id = (await store.metadata.get_mailbox(store.user.id, to)).id
            verb = store.metadata.move if move else store.metadata.copy
            return await verb(source_id, uids, target_id)

        self.on(source, copy_or_move)

    @rule(name=names, uids=st.one_of(st.none(), uid_sets))
    def expunge(self, name: str, uids: UidSet | None) -> None:
        self.on(name, lambda store, mailbox_id: store.metadata.expunge(mailbox_id, uids))

    @rule(seconds=st.integers(1, 5))
    def time_passes(self, seconds: int) -> None:
        for store in self.stores:
            store.clock.now += seconds

    @rule()
    def collect(self) -> None:
        async def collect(store: Store) -> Any:
            found = await store.metadata.unreferenced_bodies(1000, grace_s=0)
            await store.metadata.forget_bodies([body.body_id for body in found])
            return sorted(found, key=lambda body: body.body_id)

        self.each(collect)

    # ---- what must always be equal

    @invariant()
    def states_agree(self) -> None:
        if not self.stores:
            return

        async def state(store: Store) -> Any:
            mailboxes = await store.metadata.list_mailboxes(store.user.id)
            told: list[Any] = []
            for mailbox in mailboxes:
                if mailbox.selectable:
                    told.append(await store.metadata.changes_since(mailbox.id, ModSeq(0)))
                    told.append(await store.metadata.changes_since(mailbox.id, ModSeq(mailbox.highest_modseq - 2)))
                    told.append(await store.metadata.status(store.user.id, mailbox.name))
                    loaded = await store.metadata.load(mailbox.id)
                    told.append("".join(loaded.blocks))
            unreferenced = await store.metadata.unreferenced_bodies(1000)
            return (
                mailboxes,
                told,
                sorted(await store.metadata.list_subscriptions(store.user.id)),
                sorted(body.object_key for body in unreferenced),
            )

        self.each(state)


@pytest.fixture(scope="module", autouse=True)
def _servers(services: Services) -> None:
    Backends.services = services


TestBackends = Backends.TestCase
TestBackends.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
