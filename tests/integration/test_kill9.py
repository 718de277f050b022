"""Law 1: what was answered OK or 250 is there after `kill -9`, whole; nothing is there half.

Each round: 200 connections add messages as fast as they are answered, half of them by APPEND and half by LMTP; once enough have
been answered a node is killed, with all its workers; the others go on until they are killed as well. Then all are started
again on the same store, and everything is read back.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.support.aio import run
from tests.support.installation import KINDS, Installation
from tests.support.sealed import opened, sealed
from tests.support.services import Services
from tests.support.trust import assert_sound
from tests.support.wire import ImapClient, literal_of

pytestmark = pytest.mark.integration

CONNECTIONS = 200
ANSWERED_BEFORE_KILL = 400
ROUNDS = 3


class Load:
    """Adds messages until told to stop; remembers which were answered."""

    def __init__(self, server: Installation, user: str, password: str, name: str) -> None:
        self._server = server
        self._user = user
        self._password = password
        self._name = name
        self.answered: list[str] = []
        self._wanted = 0
        self._enough = asyncio.Event()

    async def more(self, number: int) -> None:
        """Returns once so many more have been answered."""
        self._wanted = len(self.answered) + number
        self._enough.clear()
        await asyncio.wait_for(self._enough.wait(), 60)

    def _count(self, identity: str) -> None:
        self.answered.append(identity)
        if len(self.answered) >= self._wanted:
            self._enough.set()

    async def append(self, number: int) -> None:
        reader, writer = await asyncio.open_connection(*self._server.address("imap"))
        try:
            await reader.readline()
            writer.write(f'l LOGIN "{self._user}" "{self._password}"\r\n'.encode())
            assert b"l OK" in await reader.readline()
            turn = 0
            while True:
                turn += 1
                identity = f"{self._name}-append-{number}-{turn}"
                octets = sealed(identity)
                writer.write(b"a APPEND INBOX {%d+}\r\n%s\r\n" % (len(octets), octets))
                line = await reader.readline()
                if not line.startswith(b"a OK"):
                    assert not line.startswith(b"a "), line
                    return
                self._count(identity)
        except ConnectionError:
            return
        finally:
            writer.close()

    async def deliver(self, number: int) -> None:
        reader, writer = await asyncio.open_connection(*self._server.address("lmtp"))
        try:
            await reader.readline()
            writer.write(b"LHLO test\r\n")
            while (await reader.readline())[3:4] == b"-":
                pass
            turn = 0
            while True:
                turn += 1
                identity = f"{self._name}-lmtp-{number}-{turn}"
                octets = sealed(identity)
                writer.write(
                    f"MAIL FROM:<s@example.org>\r\nRCPT TO:<{self._user}>\r\nBDAT {len(octets)} LAST\r\n".encode()
                    + octets
                )
                replies = [await reader.readline() for _ in range(3)]
                if not replies[2].startswith(b"250"):
                    assert not replies[2], replies
                    return
                self._count(identity)
        except ConnectionError:
            return
        finally:
            writer.close()


async def load_and_kill(server: Installation, load: Load, turn: int) -> None:
    half = CONNECTIONS // 2
    jobs = [asyncio.create_task(load.append(n)) for n in range(half)]
    jobs += [asyncio.create_task(load.deliver(n)) for n in range(half)]
    await load.more(ANSWERED_BEFORE_KILL)
    first = server.nodes[turn % len(server.nodes)]
    first.kill9()
    if len(server.nodes) > 1:
        await load.more(ANSWERED_BEFORE_KILL // 4)
    for node in server.nodes:
        if node is not first:
            node.kill9()
    await asyncio.gather(*jobs)


@pytest.mark.parametrize("kind", [name for name in KINDS if KINDS[name].survives])
def test_what_was_answered_is_there_and_whole(kind: str, tmp_path: Path, services: Services) -> None:
    server = Installation(KINDS[kind], tmp_path, services)
    answered: set[str] = set()
    user, password = "", ""
    try:
        for turn in range(ROUNDS):
            server.start()
            if not user:
                user, password = server.add_user()
            load = Load(server, user, password, f"round{turn}")
            run(load_and_kill(server, load, turn))
            answered.update(load.answered)
        server.start()
        found: list[str] = []
        with ImapClient(server.address("imap")) as client:
            client.login(user, password)
            assert client.command(b"EXAMINE INBOX").ok
            for response in client.command(b"UID FETCH 1:* (UID BODY.PEEK[])").fetched():
                found.append(opened(literal_of(response)))
        assert len(answered) >= ROUNDS * ANSWERED_BEFORE_KILL
        assert answered <= set(found), sorted(answered - set(found))[:10]
        assert len(found) == len(set(found)), "a message was stored twice that was sent once"
        assert_sound(server)
    finally:
        server.close()
