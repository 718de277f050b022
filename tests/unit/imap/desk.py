"""Sessions over a memory store, without sockets: lines in, what is written out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from lightmail.auth.authenticator import Authenticator
from lightmail.auth.line import ChannelBindings
from lightmail.auth.passwords import Passwords
from lightmail.backends.local import LocalRates
from lightmail.config import Auth, Config
from lightmail.imap.capabilities import Capabilities
from lightmail.imap.dispatch import Dispatcher, limits
from lightmail.imap.session import Session
from lightmail.net import eager
from lightmail.obs.metrics import Counts
from tests.unit.mail.house import House

CHEAP = Auth(argon2_memory_kib=8, argon2_passes=1)
USER = b"ann@example.org"
PASSWORD = b"secret"


class Desk:
    """One server: a store with one account, ann@example.org, and everything its sessions share."""

    def __init__(self, house: House, config: Config, *, tls_available: bool = True) -> None:
        self.house = house
        self.config = config
        self.authenticator = Authenticator(
            directory=house.directory,  # type: ignore[arg-type]
            clock=house.clock,
            parameters=config.auth,
            rates=LocalRates(house.clock),
            first_delay_s=0.0,
        )
        self.capabilities = Capabilities(config, tls_available=tls_available)
        self.counts = Counts()

    @classmethod
    async def build(
        cls,
        *,
        auth: dict[str, object] | None = None,
        imap: dict[str, object] | None = None,
        tls_available: bool = True,
        **limits: int,
    ) -> Desk:
        house = await House.build(**limits)
        config = msgspec.structs.replace(
            house.config,
            auth=msgspec.structs.replace(CHEAP, **(auth or {})),
            imap=msgspec.structs.replace(house.config.imap, **(imap or {})),
        )
        await house.mail.directory.set_password(house.user.id, Passwords(CHEAP).hash(PASSWORD))
        return cls(house, config, tls_available=tls_available)

    def connect(self, *, tls: bool = False, host: str | None = "127.0.0.1") -> Client:
        return Client(self, tls=tls, host=host)

    async def login(self, *, enable: bytes = b"", select: bytes = b"") -> Client:
        """A client that has logged in; then it may have enabled something, and selected a mailbox."""
        client = self.connect()
        assert b"l OK" in await client.say(b"l LOGIN %s %s" % (USER, PASSWORD))
        if enable:
            assert b"e OK" in await client.say(b"e ENABLE " + enable)
        if select:
            assert b"s OK" in await client.say(b"s SELECT " + select)
        return client

    async def close(self) -> None:
        self.authenticator.close()
        await self.house.close()


class Client:
    """A client's end; implements Output for the server's."""

    def __init__(self, desk: Desk, *, tls: bool, host: str | None) -> None:
        self.tls = tls
        self.protocol = "imap"
        self.peer_host = host
        self.channel_bindings: ChannelBindings | None = None
        self.closed = False
        self.compressing = False
        self.aborted = False
        self.writes: list[bytes] = []
        self._telling: asyncio.Task[None] | None = None
        self.held: asyncio.Event | None = None
        """While there is one, the client does not read: draining waits for it."""
        self.session = Session(
            mail=desk.house.mail,
            authenticator=desk.authenticator,
            config=desk.config,
            capabilities=desk.capabilities,
            output=self,
            logins=desk.counts.logins,
        )
        self.dispatcher = Dispatcher(self.session, limits(desk.config.limits, authenticated=False), desk.counts)

    # ---- the test's side

    async def say(self, *lines: bytes) -> bytes:
        """Lines in one segment, each with its CRLF; everything that is answered."""
        return await self.send(b"".join(line + b"\r\n" for line in lines))

    async def send(self, octets: bytes) -> bytes:
        self.dispatcher.feed(octets)
        if self._telling is not None:
            await self._telling
        await self.dispatcher.run()
        return self.heard()

    def heard(self) -> bytes:
        """What has been written since the last look."""
        octets = b"".join(self.writes)
        self.writes.clear()
        return octets

    async def told(self) -> bytes:
        """What comes on its own, until the loop has nothing more to do for it."""
        for _ in range(4):
            await asyncio.sleep(0)
        return self.heard()

    async def hang_up(self) -> None:
        await self.dispatcher.lost()

    # ---- Output

    def write(self, octets: bytes) -> None:
        self.writes.append(octets)

    def send_now(self, octets: bytes) -> None:
        self.write(octets)

    async def drain(self) -> None:
        if self.held is not None:
            await self.held.wait()

    def run_soon(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        asyncio.get_running_loop().call_soon(self._start, work)

    def start_compression(self) -> None:
        self.compressing = True

    def start_over(self) -> None:
        self.compressing = False

    async def start_tls(self) -> None:
        self.tls = True

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True
        self.writes.clear()

    def _start(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if self._telling is not None and not self._telling.done():
            self._telling.add_done_callback(lambda _: self._start(work))
            return
        self._telling = eager.start(self.dispatcher.between_runs(work), asyncio.get_running_loop())


def lines(octets: bytes) -> list[bytes]:
    """Without their CRLF."""
    assert octets.endswith(b"\r\n") or not octets
    return octets.split(b"\r\n")[:-1]
