"""What the connections do. Each scenario prepares a mailbox if it needs one, then gives one step to be repeated."""

from __future__ import annotations

import contextlib
import random
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from benches.load.client import Client, CommandFailed
from benches.load.messages import attachment, message

Step = Callable[[Client, int], Awaitable[object]]
"""One repetition on one connection; the int is the connection's number."""

HEADERS = b"From To Cc Bcc Subject Date Message-ID Priority X-Priority References Newsgroups In-Reply-To Content-Type Reply-To"
"""What Thunderbird asks for."""


@dataclass(frozen=True, slots=True)
class Account:
    host: str
    port: int
    user: str
    password: str
    lmtp: tuple[str, int] | None = None

    async def login(self) -> Client:
        client = await Client.connect(self.host, self.port)
        await client.command(f'LOGIN "{self.user}" "{self.password}"'.encode())
        return client


async def fill(account: Account, mailbox: str, messages: int) -> None:
    """Bring a mailbox to at least `messages` messages, in MULTIAPPENDs of up to 50."""
    client = await account.login()
    with contextlib.suppress(CommandFailed):  # it may exist already; STATUS tells
        await client.command(b'CREATE "%s"' % mailbox.encode())
    answer = await client.command(b'STATUS "%s" (MESSAGES)' % mailbox.encode())
    found = re.search(rb"MESSAGES (\d+)", answer)
    assert found, answer
    for start in range(int(found[1]), messages, 50):
        bodies = [message(number) for number in range(start, min(start + 50, messages))]
        literals = b" ".join(b"{%d+}\r\n%s" % (len(body), body) for body in bodies)
        await client.command(b'APPEND "%s" %s' % (mailbox.encode(), literals))
    client.close()


def command(text: bytes) -> Step:
    async def step(client: Client, number: int) -> object:
        return await client.command(text)

    return step


async def login_logout(account: Account) -> None:
    client = await account.login()
    await client.command(b"LOGOUT")
    client.close()


def random_body(messages: int) -> Step:
    chance = random.Random(1)

    async def step(client: Client, number: int) -> object:
        return await client.command(b"UID FETCH %d BODY.PEEK[]" % chance.randint(1, messages))

    return step


def flag(messages: int) -> Step:
    chance = random.Random(2)

    async def step(client: Client, number: int) -> object:
        sign = b"+" if chance.random() < 0.5 else b"-"
        return await client.command(b"UID STORE %d %sFLAGS (\\Flagged)" % (chance.randint(1, messages), sign))

    return step


def append(octets: int | None, mailbox: str) -> Step:
    bodies = [attachment(octets)] if octets else [message(n, 2_000 + n * 180) for n in range(100)]
    chance = random.Random(3)

    async def step(client: Client, number: int) -> object:
        body = chance.choice(bodies)
        return await client.command(b'APPEND "%s" {%d+}\r\n%s' % (mailbox.encode(), len(body), body))

    return step


def mix(messages: int) -> Step:
    """A realistic mix: mostly looking, some reading, a little changing."""
    chance = random.Random(4)
    body = message(7, 4_000)
    weights = {"noop": 20, "status": 15, "flags": 10, "header": 15, "body": 20, "store": 12, "search": 5, "append": 3}

    async def step(client: Client, number: int) -> object:
        uid = chance.randint(1, messages)
        low = max(1, uid - 20)
        match chance.choices(list(weights), list(weights.values()))[0]:
            case "noop":
                text = b"NOOP"
            case "status":
                text = b"STATUS INBOX (MESSAGES UNSEEN UIDNEXT UIDVALIDITY)"
            case "flags":
                text = b"UID FETCH %d:%d (FLAGS)" % (low, uid)
            case "header":
                text = b"UID FETCH %d:%d (FLAGS RFC822.SIZE BODY.PEEK[HEADER.FIELDS (%s)])" % (low, uid, HEADERS)
            case "body":
                text = b"UID FETCH %d BODY.PEEK[]" % uid
            case "store":
                text = b"UID STORE %d +FLAGS.SILENT (\\Seen)" % uid
            case "search":
                text = b"UID SEARCH UNSEEN UNDELETED"
            case _:
                text = b"APPEND Drafts {%d+}\r\n%s" % (len(body), body)
        return await client.command(text)

    return step


async def idle(client: Client) -> None:
    """Select, then wait: what most connections of a real server do."""
    await client.command(b"SELECT INBOX")
    await client.continued(b"IDLE")
