"""The body store is away: what needs octets is NO [UNAVAILABLE] (law 10, RFC 5530), everything else goes on, and
nothing half-written becomes visible.
"""

from __future__ import annotations

import asyncio
import random

import pytest

from lightmail.mail.incoming import Incoming
from tests.support.aio import run
from tests.unit.imap.client import Client
from tests.unit.mail.away import WRITING, AwayBlobs, house_with
from tests.unit.mail.house import House, message_octets

ENCODED = (
    b"From: ann@example.org\r\nSubject: Encoded\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n"
)


def large(octets: int = 1_500_000) -> bytes:
    return message_octets(3) + random.Random(1).randbytes(octets)


async def away(blobs: AwayBlobs) -> tuple[House, House, Client]:
    """A node that knows nothing of three messages yet (small, encoded, large), and selects them when bodies are away."""
    house = await house_with(blobs)
    for octets in (message_octets(1), ENCODED, large()):
        await house.stored(octets)
    fresh = await house_with(blobs, like=house)
    client = Client(fresh)
    await client.ok("SELECT INBOX")
    blobs.go()
    return house, fresh, client


@pytest.mark.parametrize(
    "command",
    [
        "FETCH 1 BODY[]",
        "FETCH 1:3 (FLAGS BODY.PEEK[])",
        "FETCH 3 BODY.PEEK[]",
        "FETCH 3 BODY.PEEK[]<700000.1000>",
        "FETCH 3 (BODY.PEEK[HEADER] BODY.PEEK[TEXT])",
        "FETCH 2 BINARY.PEEK[1]",
        "UID FETCH 1:* (RFC822)",
        "SEARCH TEXT nowhere",
        "SEARCH BODY nowhere",
        "UID SEARCH RETURN (SAVE) OR SEEN TEXT nowhere",
    ],
)
def test_what_needs_octets_is_unavailable(command: str) -> None:
    async def scenario() -> None:
        blobs = AwayBlobs()
        house, fresh, client = await away(blobs)
        answer = await client.do(command)
        assert answer[-1].startswith("tag NO [UNAVAILABLE] ")
        assert not [line for line in answer[:-1] if "BODY[" in line or "BINARY[" in line or "SEARCH" in line]
        assert not client.output.aborted
        assert asyncio.all_tasks() == {asyncio.current_task()}
        blobs.come_back()
        assert await client.ok(command) != [] or "SAVE" in command
        await fresh.close()
        await house.close()

    run(scenario())


@pytest.mark.parametrize(
    "command",
    [
        "NOOP",
        "FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)",
        "FETCH 1:* (BODY.PEEK[HEADER] BODY.PEEK[HEADER.FIELDS (Subject)])",
        "FETCH 2 BINARY.SIZE[1]",
        "SEARCH UNSEEN SUBJECT encoded",
        "STORE 1:* +FLAGS (\\Flagged)",
        "COPY 1:* Archive",
        "MOVE 1 Archive",
        "STORE 1 +FLAGS.SILENT (\\Deleted)",
        "EXPUNGE",
        "STATUS INBOX (MESSAGES UNSEEN SIZE)",
        'LIST "" *',
        "CREATE New",
        "SELECT Archive",
    ],
)
def test_what_needs_none_goes_on(command: str) -> None:
    """Law 5."""

    async def scenario() -> None:
        blobs = AwayBlobs()
        house, fresh, client = await away(blobs)
        await client.ok(command)
        await fresh.close()
        await house.close()

    run(scenario())


def test_octets_at_hand_are_served() -> None:
    async def scenario() -> None:
        blobs = AwayBlobs()
        house, fresh, client = await away(blobs)
        blobs.come_back()
        answers = [await client.ok("FETCH 1:2 BODY.PEEK[]"), await client.ok("FETCH 3 BODY.PEEK[]<700000.1000>")]
        blobs.go()
        assert [
            await client.ok("FETCH 1:2 BODY.PEEK[]"),
            await client.ok("FETCH 3 BODY.PEEK[]<700000.1000>"),
        ] == answers
        answer = await client.do("FETCH 1:3 BODY.PEEK[]")
        assert [line.split()[1] for line in answer[:-1]] == ["1", "2"], "and those before what is not at hand"
        assert answer[-1].startswith("tag NO [UNAVAILABLE] ")
        await fresh.close()
        await house.close()

    run(scenario())


@pytest.mark.parametrize("failing", sorted(WRITING))
@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("synchronizing", [False, True])
@pytest.mark.parametrize("octets", [1_000, 1_500_000])
def test_append(failing: str, read_only: bool, synchronizing: bool, octets: int) -> None:
    """RFC 9051 §6.3.12: the mailbox is as it was; and the command behind the literal is found."""

    async def scenario() -> None:
        blobs = AwayBlobs()
        house = await house_with(blobs)
        client = Client(house)
        await client.ok("SELECT INBOX")
        message = large(octets)
        fails = (failing == "put") == (octets == 1_000)
        blobs.go(failing)
        blobs.read_only = read_only
        answer = await append(client, b"a APPEND INBOX", [message], synchronizing=synchronizing)
        assert answer.startswith(b"a NO [UNAVAILABLE] " if fails else b"* 1 EXISTS"), answer[:200]
        assert await client.ok("NOOP") == []
        blobs.come_back()
        assert len(await house.objects()) == (not fails)
        assert await messages_in_inbox(house) == (not fails)
        answer = await append(client, b"b APPEND INBOX", [message], synchronizing=synchronizing)
        assert b"b OK [APPENDUID" in answer
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await house.close()

    run(scenario())


@pytest.mark.parametrize("octets", [1_000, 1_500_000])
@pytest.mark.parametrize("synchronizing", [False, True])
def test_multiappend_is_all_or_none(octets: int, synchronizing: bool) -> None:
    """RFC 3502 §6.3.11. What was stored before is named by no row, and is left to the sweep (law 3)."""

    async def scenario() -> None:
        blobs = AwayBlobs()
        house = await house_with(blobs)
        client = Client(house)
        await client.ok("SELECT INBOX")
        seen = 0

        def second(*_: object) -> None:
            nonlocal seen
            seen += 1
            if seen == 2:
                blobs.go()

        house.blobs.on("put" if octets == 1_000 else "create", second)
        messages = [large(octets) for _ in range(3)]
        answer = await append(client, b"a APPEND INBOX", messages, synchronizing=synchronizing)
        assert answer.startswith(b"a NO [UNAVAILABLE] ")
        assert await client.ok("NOOP") == [] and await messages_in_inbox(house) == 0
        blobs.come_back()
        assert len(await house.objects()) == 1
        answer = await append(client, b"b APPEND INBOX", messages, synchronizing=synchronizing)
        assert answer.startswith(b"* 3 EXISTS")
        await house.close()

    run(scenario())


def test_an_abort_that_fails_as_well_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        blobs = AwayBlobs()
        house = await house_with(blobs)
        client = Client(house)
        blobs.go("commit")
        calls = 0
        abort = Incoming.abort

        async def counted(incoming: Incoming) -> None:
            nonlocal calls
            calls += 1
            await abort(incoming)

        monkeypatch.setattr(Incoming, "abort", counted)
        answer = await append(client, b"a APPEND INBOX", [large()], synchronizing=False)
        assert answer.startswith(b"a NO [UNAVAILABLE] ") and calls
        await house.close()

    run(scenario())


async def append(client: Client, command: bytes, messages: list[bytes], *, synchronizing: bool) -> bytes:
    """What is answered beside continuation requests; without going on where the server does not."""
    text, answers = command, b""
    for message in messages:
        answer = await client.send(text + b" {%d%s}\r\n" % (len(message), b"" if synchronizing else b"+"))
        if synchronizing and not answer.startswith(b"+"):
            return answer
        answers += b"" if synchronizing else answer
        for start in range(0, len(message), 65_536):
            answers += await client.send(message[start : start + 65_536])
        text = b""
    return answers + await client.send(b"\r\n")


async def messages_in_inbox(house: House) -> int:
    return (await house.mail.mailboxes.status(house.user.id, "INBOX")).messages


def test_mail_is_read_while_nothing_can_be_written() -> None:
    """The store is sealed, or its database is read-only: what reading leaves behind (\\Recent, \\Seen) is left out."""

    async def scenario() -> None:
        house = await House.build()
        for number in (1, 2):
            await house.stored(message_octets(number))
        await house.upkeep.seal("moved to another one")
        client = Client(house)
        assert "* 2 RECENT" in await client.ok("SELECT INBOX")
        told = await client.ok("FETCH 1 (FLAGS BODY[TEXT])")
        assert "Body of 1." in "".join(told) and "\\Seen" not in "".join(told)
        for command in ("STORE 1 +FLAGS (\\Seen)", "COPY 1 INBOX", "CREATE New"):
            assert (await client.do(command))[-1].startswith("tag NO [UNAVAILABLE] "), command
        await house.upkeep.unseal()
        assert "\\Seen" in "".join(await client.ok("FETCH 1 (FLAGS BODY[TEXT])"))
        assert "* 2 RECENT" in await Client(house).ok("SELECT INBOX")
        await house.close()

    run(scenario())
