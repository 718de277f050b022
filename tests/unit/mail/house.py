"""A mail store over the memory backend, with a hand on every call to its ports: counted, held, made to fail."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

import msgspec

from lightmail._core.frames import Keyring
from lightmail.backends.memory import MemoryBlobs, MemoryDirectory, MemoryMetadata, MemoryState, MemoryUpkeep
from lightmail.config import Config
from lightmail.mail.live import LiveMailbox
from lightmail.mail.store import MailStore
from lightmail.model import Appended, BodyId, BodyRecord, Mailbox, MailboxId, ModSeq, NewMessage, User
from lightmail.ports.blobs import NO_KEYS
from lightmail.ports.cache import Cache
from lightmail.ports.changes import ChangeListener


class Handled:
    """A port whose calls are seen. `hold` makes calls wait, before or after the work; `fail` makes one raise."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.calls: list[str] = []
        self.never_now = False
        """Calls that may answer None instead of waiting do so."""
        self._gates: dict[str, tuple[asyncio.Event, bool]] = {}
        self._passing: Counter[str] = Counter()
        self._reached: dict[str, asyncio.Event] = {}
        self._failures: dict[str, deque[Exception]] = {}
        self._seen: dict[str, Callable[..., object]] = {}

    def count(self, name: str) -> int:
        return self.calls.count(name)

    def hold(self, name: str, *, after: bool = False) -> asyncio.Event:
        """Calls wait until the event returned is set; `after`: the work is done, its answer is kept back."""
        self._gates[name] = (asyncio.Event(), after)
        self._reached[name] = asyncio.Event()
        return self._gates[name][0]

    def let_go(self, name: str) -> None:
        """Calls that wait go on; those to come are not held."""
        self._gates.pop(name)[0].set()
        self._passing.pop(name, None)

    def release_next(self, name: str) -> None:
        """The next call to come is not held."""
        self._passing[name] += 1

    async def reached(self, name: str) -> None:
        """Wait until a call is being held."""
        await self._reached[name].wait()

    def on(self, name: str, callback: Callable[..., object]) -> None:
        """Called with the arguments of each call."""
        self._seen[name] = callback

    def fail(self, name: str, *errors: Exception) -> None:
        self._failures.setdefault(name, deque()).extend(errors)

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._inner, name)
        if not callable(attribute):
            return attribute
        if asyncio.iscoroutinefunction(attribute):

            async def call(*args: Any, **kwargs: Any) -> Any:
                self._note(name, *args)
                gate, after = self._gate(name)
                if gate is not None and not after:
                    await self._wait(name, gate)
                answer = await attribute(*args, **kwargs)
                if gate is not None and after:
                    await self._wait(name, gate)
                return answer

            return call

        def call_now(*args: Any, **kwargs: Any) -> Any:
            self._note(name, *args)
            if self.never_now:
                return None
            return attribute(*args, **kwargs)

        return call_now

    def fail_no_more(self) -> None:
        self._failures.clear()

    def _note(self, name: str, *args: Any) -> None:
        self.calls.append(name)
        if name in self._seen:
            self._seen[name](*args)
        failures = self._failures.get(name)
        if failures:
            raise failures.popleft()

    def _gate(self, name: str) -> tuple[asyncio.Event | None, bool]:
        if name not in self._gates:
            return None, False
        if self._passing[name]:
            self._passing[name] -= 1
            return None, False
        return self._gates[name]

    async def _wait(self, name: str, gate: asyncio.Event) -> None:
        self._reached[name].set()
        await gate.wait()


class HandFeed:
    """A ChangeFeed that says only what a test makes it say; what this process publishes comes back at once."""

    def __init__(self) -> None:
        self.published: list[tuple[MailboxId, ModSeq]] = []
        self.followed: Counter[MailboxId] = Counter()
        self._listeners: list[ChangeListener] = []

    def publish(self, mailbox_id: MailboxId, modseq: ModSeq) -> None:
        self.published.append((mailbox_id, modseq))
        self.hint(mailbox_id, modseq)

    def hint(self, mailbox_id: MailboxId, modseq: ModSeq) -> None:
        for listener in self._listeners:
            listener(mailbox_id, modseq)

    def listen(self, listener: ChangeListener) -> None:
        self._listeners.append(listener)

    async def follow(self, mailbox_id: MailboxId) -> None:
        self.followed[mailbox_id] += 1

    def unfollow(self, mailbox_id: MailboxId) -> None:
        self.followed[mailbox_id] -= 1

    async def start(self) -> None:
        """Nothing runs."""

    async def close(self) -> None:
        """Nothing runs."""


class FixedClock:
    """2001-09-09T01:46:40Z, until a test says otherwise."""

    def __init__(self) -> None:
        self.now = 1_000_000_000

    def now_s(self) -> int:
        return self.now

    def monotonic_s(self) -> float:
        return float(self.now)


def message_octets(number: int = 1, *, octets: int = 0) -> bytes:
    """A small message that differs by its number, filled up to about `octets`."""
    head = (
        f"From: Ann <ann@example.org>\r\nTo: bob@example.org\r\nSubject: Number {number}\r\n"
        f"Date: Mon, 7 Feb 1994 21:52:{number % 60:02} +0100\r\nMessage-ID: <{number}@example.org>\r\n\r\n"
        f"Body of {number}.\r\n"
    ).encode()
    line = b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd\r\n"
    return head + line * max(0, (octets - len(head)) // len(line))


class House:
    def __init__(
        self, config: Config, like: House | None = None, cache: Cache | None = None, keyring: Keyring = NO_KEYS
    ) -> None:
        """like: another process over the same data, knowing nothing of what that one remembers. cache: shared by them."""
        self.config = config
        self._cache = cache
        self._state = state = like._state if like else MemoryState()
        self._blobs = like._blobs if like else MemoryBlobs(keyring=keyring)
        self.raw_metadata = MemoryMetadata(state)
        self.metadata = Handled(self.raw_metadata)
        self.blobs = Handled(self._blobs)
        self.directory = Handled(MemoryDirectory(state))
        self.upkeep = MemoryUpkeep(state)
        self.feed = HandFeed()
        self.clock = FixedClock()
        self.mail = MailStore(
            metadata=self.metadata,
            blobs=self.blobs,
            directory=self.directory,
            feed=self.feed,
            clock=self.clock,
            config=config,
            cache=cache,
            exclusive=config.server.workers == 1,
        )
        self.user: User
        self._number = 0

    @classmethod
    async def build(
        cls, *, workers: int = 1, cache: Cache | None = None, keyring: Keyring = NO_KEYS, **limits: int
    ) -> House:
        """A store with one account, ann@example.org."""
        config = Config()
        config = msgspec.structs.replace(
            config,
            server=msgspec.structs.replace(config.server, workers=workers, hostname="mail.example.org"),
            limits=msgspec.structs.replace(config.limits, **limits),
        )
        house = cls(config, cache=cache, keyring=keyring)
        house.user = await house.mail.accounts.create("ann@example.org", "")
        return house

    async def objects(self) -> list[str]:
        """The keys in the body store."""
        return [found.key async for found in self._blobs.objects()]

    async def again(self, *, slow_bodies: bool = False) -> House:
        """Another process over the same data. slow_bodies: no body is at hand without waiting."""
        house = House(self.config, like=self, cache=self._cache)
        if slow_bodies:
            house.blobs.never_now = True
        house.user = self.user
        return house

    async def close(self) -> None:
        await self.mail.close()

    async def store(self, octets: bytes, *, chunk: int = 65_536) -> BodyRecord:
        incoming = self.mail.bodies.receive()
        for start in range(0, len(octets), chunk):
            await incoming.write(octets[start : start + chunk])
        return await incoming.finish()

    async def inbox(self, *, messages: int = 0, flags: tuple[str, ...] = ()) -> Mailbox:
        inbox = await self.mail.mailboxes.get(self.user.id, "INBOX")
        if messages:
            await self.append(inbox, messages, flags=flags)
        return inbox

    async def append(
        self, mailbox: Mailbox, messages: int, *, flags: tuple[str, ...] = (), octets: int = 0
    ) -> list[Appended]:
        return await self.mail.append(await self.new_messages(mailbox, messages, flags=flags, octets=octets))

    async def append_elsewhere(self, mailbox: Mailbox, messages: int) -> ModSeq:
        """As another process would: this one is not told."""
        _, deltas = await self.raw_metadata.append(await self.new_messages(mailbox, messages))
        return deltas[0].highest_modseq

    async def new_messages(
        self, mailbox: Mailbox, messages: int, *, flags: tuple[str, ...] = (), octets: int = 0
    ) -> list[NewMessage]:
        new = []
        for _ in range(messages):
            self._number += 1
            body = await self.store(message_octets(self._number, octets=octets))
            new.append(self.message(mailbox, body, flags=flags))
        return new

    def message(self, mailbox: Mailbox, body: BodyRecord, *, flags: tuple[str, ...] = ()) -> NewMessage:
        return NewMessage(mailbox.id, body, flags, self.clock.now, 0, self.clock.now)

    async def stored(self, octets: bytes) -> BodyId:
        """The body of a message in INBOX with these octets."""
        appended = await self.mail.append([self.message(await self.inbox(), await self.store(octets))])
        return appended[0].body_id

    def changed(self, live: LiveMailbox) -> asyncio.Event:
        """Set when the mailbox moves on."""
        event = asyncio.Event()
        tell: Callable[[LiveMailbox], None] = lambda mailbox: event.set()  # noqa: E731
        live.watch(tell)
        return event
