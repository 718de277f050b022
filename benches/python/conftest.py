"""A real server with large mailboxes, filled through the store before it starts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support import messages
from tests.support.server import LightMailServer

from benches.python.raw import RawClient
from lightmail.app import open_store
from lightmail.config.load import load
from lightmail.model import BodyRecord, NewMessage

SIZES = (10_000, 100_000)
BODIES = 1_000
"""Distinct messages; a mailbox has each of them several times."""
_SECONDS = 1_700_000_000


@dataclass(frozen=True, slots=True)
class Place:
    server: LightMailServer
    user: str
    password: str

    def login(self) -> RawClient:
        client = RawClient(self.server.address("imap"))
        client.command(b"LOGIN %s %s" % (self.user.encode(), self.password.encode()))
        return client


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One account with a mailbox for each of SIZES, called by its number."""
    server = LightMailServer(tmp_path_factory.mktemp("bench") / "data", config={"log": {"level": "warning"}})
    user, password = server.add_user()
    asyncio.run(_fill(server.config_file, user))
    with server:
        yield Place(server, user, password)


@pytest.fixture(params=SIZES, ids=lambda size: f"{size // 1000}k")
def size(request: pytest.FixtureRequest) -> int:
    """Messages in the mailbox."""
    return int(request.param)


@pytest.fixture
def selected(place: Place, size: int) -> Iterator[RawClient]:
    """A client that has the mailbox selected."""
    with place.login() as client:
        client.command(b"SELECT %d" % size)
        yield client


async def _fill(config_file: Path, address: str) -> None:
    async with open_store(load(config_file, environment={})) as store:
        user = await store.user(address)
        limit = asyncio.Semaphore(16)

        async def body(number: int) -> BodyRecord:
            async with limit:
                incoming = store.mail.bodies.receive()
                await incoming.write(_message(number))
                return await incoming.finish()

        bodies = await asyncio.gather(*(body(number) for number in range(BODIES)))
        mailboxes = {size: await store.mail.mailboxes.create(user.id, str(size)) for size in SIZES}
        await store.mail.append(
            [
                NewMessage(
                    mailbox.id,
                    bodies[number % BODIES],
                    ("\\Seen",) if number % 50 else (),
                    _SECONDS + number,
                    0,
                    _SECONDS + number,
                )
                for size, mailbox in mailboxes.items()
                for number in range(size)
            ]
        )


def _message(number: int) -> bytes:
    text = messages.part(b"text/plain; charset=utf-8", b"The quick brown fox, again and again.\r\n" * (number % 90))
    html = messages.part(b"text/html; charset=utf-8", b"<p>The quick brown fox</p>\r\n" * (number % 60))
    whole = messages.whole(messages.multipart(b"alternative", [text, html]))
    return b"Subject: report %d of the fox\r\n" % number + whole
