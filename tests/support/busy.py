"""A metadata database and its body store with mail in them that changes in every way it can, by dice."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from lightmail._core.frames import ingest
from lightmail._core.index import UidSet
from lightmail._core.mime import MimeLimits
from lightmail.config import Config
from lightmail.errors import (
    MailboxExists,
    MailboxHasChildren,
    MailboxNameInvalid,
    MailboxNotFound,
    UserExists,
    UserNotFound,
)
from lightmail.mail.check.reading import Reader
from lightmail.migrate.moving.mover import Mover
from lightmail.migrate.moving.sides import Report, Side, Unseen
from lightmail.migrate.moving.structure import same_account
from lightmail.model import ANYONE, INBOX, BodyRecord, BodySummary, FlagOp, Mailbox, NewMessage, Rights, User
from lightmail.ports.blobs import BlobStore
from tests.support.backends import Ports
from tests.support.whole import everything

ADDRESSES = ("ann@example.org", "bob@example.org", "cleo@example.org")
NAMES = ("INBOX", "Archive", "Archive/2023", "Sent", "Zürich", "a/b/c")
FLAGS = ("\\Seen", "\\Flagged", "\\Deleted", "$work", "$later", "Grün")
_TRUE = (
    MailboxExists, MailboxHasChildren, MailboxNameInvalid, MailboxNotFound, UserExists, UserNotFound
)  # fmt: skip
"""What a store says to a step that is not possible as things are."""


class Busy:
    """steps: how many have been done. Raises what the ports raise, what is simply true apart."""

    def __init__(self, ports: Ports, blobs: BlobStore, seed: int) -> None:
        self.ports = ports
        self.blobs = blobs
        self.steps = 0
        self._dice = random.Random(seed)
        self._limits = Config().limits
        self._made = 0

    def side(self, name: str) -> Side:
        return Side(self.ports.metadata, self.ports.directory, self.ports.upkeep, self.blobs, name)

    def reader(self, workers: Executor) -> Reader:
        return Reader(metadata=self.ports.metadata, blobs=self.blobs, config=Config(), workers=workers)

    async def fill(self, steps: int) -> None:
        for address in ADDRESSES:
            user = await self.ports.directory.add_user(address, "hash")
            await self.ports.metadata.create_mailbox(user.id, INBOX, subscribe=True)
        for _ in range(steps):
            await self.step()

    async def step(self) -> None:
        ways: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (30, self._append), (20, self._flag), (8, self._copy), (6, self._move), (12, self._expunge),
            (6, self._create), (4, self._rename), (3, self._exchange), (3, self._delete), (1, self._rename_inbox),
            (4, self._subscribe), (3, self._visit), (4, self._share), (2, self._account), (3, self._collect),
        ]  # fmt: skip
        way = self._dice.choices([way for _, way in ways], [weight for weight, _ in ways])[0]
        try:
            await way()
        except _TRUE:
            return
        self.steps += 1

    # ---- messages

    async def body(self, octets: int = 0) -> BodyRecord:
        """A new one, durable in the body store."""
        self._made += 1
        number = f"{self._made}-{self._dice.getrandbits(64):016x}"
        text = f"Subject: {number}\r\nMessage-ID: <{number}@example.org>\r\n\r\nmessage {number}\r\n".encode()
        text += self._dice.randbytes(octets)
        limits = MimeLimits(
            depth=self._limits.mime_depth, parts=self._limits.mime_parts, header_octets=self._limits.header_octets
        )
        done = ingest(text, limits)
        key = f"{self._dice.getrandbits(8):02x}/{self._dice.getrandbits(128):032x}"
        await self.blobs.put(key, done.tail, about={"mailbox": INBOX, "octets": str(len(text))})
        summary = done.summary
        names = BodySummary.__dataclass_fields__
        return BodyRecord(
            object_key=key,
            raw_octets=done.raw_octets,
            stored_octets=done.stored_octets,
            digest=done.digest,
            summary=BodySummary(**{name: getattr(summary, name) for name in names}),
        )

    async def _append(self) -> None:
        user = await self._user()
        body = await self.body(self._dice.choice((0, 0, 0, 3000)))
        boxes = [await self._box(user)]
        if self._dice.random() < 0.3:
            boxes.append(await self._box(await self._user()))
        flags = tuple(self._dice.sample(FLAGS, self._dice.randint(0, 2)))
        await self.ports.metadata.append(
            [NewMessage(box.id, body, flags, 1_100_000_000 + self._made, 60, 1_100_000_100) for box in boxes]
        )

    async def _flag(self) -> None:
        box = await self._box(await self._user())
        flags = tuple(self._dice.sample(FLAGS, self._dice.randint(1, 3)))
        await self.ports.metadata.set_flags(box.id, self._some(box), self._dice.choice(list(FlagOp)), flags)

    async def _copy(self) -> None:
        user = await self._user()
        source, target = await self._box(user), await self._box(user)
        await self.ports.metadata.copy(source.id, self._some(source), target.id)

    async def _move(self) -> None:
        user = await self._user()
        source, target = await self._box(user), await self._box(user)
        await self.ports.metadata.move(source.id, self._some(source), target.id)

    async def _expunge(self) -> None:
        box = await self._box(await self._user())
        await self.ports.metadata.set_flags(box.id, self._some(box, most=3), FlagOp.ADD, ("\\Deleted",))
        await self.ports.metadata.expunge(box.id, None)

    async def _visit(self) -> None:
        box = await self._box(await self._user())
        await self.ports.metadata.claim_recent(box.id, box.uid_next)

    async def _share(self) -> None:
        box = await self._box(await self._user())
        identifier = self._dice.choice(("", "-")) + self._dice.choice((*ADDRESSES, ANYONE))
        rights = self._dice.choice((Rights.NONE, Rights.READ | Rights.LOOKUP, Rights.ALL))
        await self.ports.metadata.change_acl(box.id, identifier, self._dice.choice(list(FlagOp)), rights)

    # ---- mailboxes

    async def _create(self) -> None:
        user = await self._user()
        use = self._dice.choice(((), ("\\Sent",)))
        await self.ports.metadata.create_mailbox(user.id, self._dice.choice(NAMES), special_use=use, subscribe=True)

    async def _rename(self) -> None:
        box = await self._box(await self._user())
        if box.name != INBOX:
            await self.ports.metadata.rename_mailbox(box.user_id, box.name, self._dice.choice(NAMES))

    async def _exchange(self) -> None:
        """Two mailboxes come to be called as the other was."""
        user = await self._user()
        one, other = await self._box(user), await self._box(user)
        if INBOX in (one.name, other.name) or one.id == other.id:
            return
        rename = self.ports.metadata.rename_mailbox
        await rename(user.id, one.name, "between")
        await rename(user.id, other.name, one.name)
        await rename(user.id, "between", other.name)

    async def _delete(self) -> None:
        box = await self._box(await self._user())
        if box.name != INBOX:
            await self.ports.metadata.delete_mailbox(box.user_id, box.name)

    async def _rename_inbox(self) -> None:
        user = await self._user()
        await self.ports.metadata.rename_inbox(user.id, f"Old/{self._made}")

    async def _subscribe(self) -> None:
        user = await self._user()
        await self.ports.metadata.set_subscribed(user.id, self._dice.choice(NAMES), self._dice.random() < 0.6)

    # ---- accounts

    async def _account(self) -> None:
        directory = self.ports.directory
        user = await self._user()
        match self._dice.randrange(4):
            case 0:
                await directory.set_password(user.id, f"hash-{self._made}")
            case 1:
                await directory.set_enabled(user.id, self._dice.random() < 0.5)
            case 2 if user.address != ADDRESSES[0]:
                # The address comes back with an account of its own.
                await directory.delete_user(user.id)
                again = await directory.add_user(user.address, "hash")
                await self.ports.metadata.create_mailbox(again.id, INBOX)
            case _:
                await directory.add_user(f"user{self._made}@example.org", "hash")

    async def _collect(self) -> None:
        """What nobody names goes for good, at once."""
        bodies = await self.ports.metadata.unreferenced_bodies(100)
        await self.ports.metadata.forget_bodies([each.body_id for each in bodies])
        known = await self.ports.metadata.known_keys([each.object_key for each in bodies])
        await self.blobs.delete([each.object_key for each in bodies if each.object_key not in known])

    # ---- choices

    async def _user(self) -> User:
        return self._dice.choice(await self.ports.directory.list_users())

    async def _box(self, user: User) -> Mailbox:
        """Raises MailboxNotFound."""
        boxes = [each for each in await self.ports.metadata.list_mailboxes(user.id) if each.selectable]
        if not boxes:
            raise MailboxNotFound("any")
        return self._dice.choice(boxes)

    def _some(self, box: Mailbox, most: int = 10) -> UidSet:
        first = self._dice.randint(1, max(1, box.uid_next - 1))
        return UidSet.from_ranges([(first, first + self._dice.randint(0, most - 1))])


async def move(source: Side, target: Side, reads: Busy, **options: Any) -> Report:
    """options: of `Mover` and of `run`."""
    run_options = {name: options.pop(name) for name in ("switch", "clear") if name in options}
    with ThreadPoolExecutor(1) as workers:
        mover = Mover(
            source,
            target,
            reader=reads.reader(workers),
            holder="here",
            now_s=1_000_000_000,
            progress=Unseen(),
            **options,
        )
        return await mover.run(**run_options)


async def moved(source: Busy, target: Busy, **options: Any) -> Report:
    return await move(source.side("the source"), target.side("the target"), target, **options)


async def equal(source: Busy, target: Busy) -> None:
    """Asserts that the target is what the source is, every object included, and that it is open, the source sealed."""
    here, there = await everything(source.ports), await everything(target.ports)
    accounts = list(zip(here.pop("accounts"), there.pop("accounts"), strict=True))
    assert all(same_account(one, other) for one, other in accounts), accounts
    assert there == here
    for _, record, _ in here["bodies"]:
        size = record.stored_octets + 1
        stored = await source.blobs.read(record.object_key, 0, size)
        assert await target.blobs.read(record.object_key, 0, size) == stored
        assert await target.blobs.about(record.object_key) == await source.blobs.about(record.object_key)
    assert await source.ports.upkeep.sealed() == "moved to the target"
    assert await target.ports.upkeep.sealed() is None


def with_ports(side: Side, wrap: Callable[[Any], Any]) -> Side:
    """Every call of a port passes through `wrap`."""
    return replace(
        side,
        metadata=wrap(side.metadata),
        directory=wrap(side.directory),
        upkeep=wrap(side.upkeep),
        blobs=wrap(side.blobs),
    )


class Watched:
    """A port with something happening before (or after) each call."""

    def __init__(self, inner: Any, happens: Callable[[], Awaitable[None]], *, after: bool = False) -> None:
        self._inner = inner
        self._happens = happens
        self._after = after

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._inner, name)
        if not asyncio.iscoroutinefunction(attribute):
            return attribute

        async def call(*args: Any, **kwargs: Any) -> Any:
            if not self._after:
                await self._happens()
            answer = await attribute(*args, **kwargs)
            if self._after:
                await self._happens()
            return answer

        return call
