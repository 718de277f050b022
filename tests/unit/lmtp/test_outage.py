"""The body store is away: 451 4.3.0 to every recipient, and nothing half-written becomes visible. The MTA keeps the mail."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest
import structlog

from lightmail.lmtp.server import LmtpServer
from tests.support.aio import run
from tests.unit.mail.away import WRITING, AwayBlobs, house_with
from tests.unit.mail.house import message_octets


async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, octets: bytes, replies: int) -> list[bytes]:
    writer.write(octets)
    await writer.drain()
    return [await reader.readline() for _ in range(replies)]


def large() -> bytes:
    return message_octets(1) + random.Random(1).randbytes(750_000).hex().encode() + b"\r\n"


@pytest.mark.parametrize("failing", sorted(WRITING))
@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("octets", [message_octets(1), large()], ids=["small", "large"])
def test_every_recipient_is_told_to_try_again(failing: str, read_only: bool, octets: bytes, tmp_path: Path) -> None:
    """RFC 2033 §4.2, RFC 3463: X.3.0."""

    async def scenario() -> None:
        blobs = AwayBlobs()
        house = await house_with(blobs)
        await house.mail.accounts.create("bob@example.org", "")
        server = LmtpServer(mail=house.mail, config=house.config)
        listener = await asyncio.get_running_loop().create_unix_server(server.connection, str(tmp_path / "l"))
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "l"))
        await reader.readline()
        envelope = b"MAIL FROM:<>\r\nRCPT TO:<ann@example.org>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n"
        await talk(reader, writer, b"LHLO mx\r\n", 1)
        while (await reader.readline())[3:4] == b"-":
            pass
        fails = (failing == "put") == (len(octets) < 10_000)
        for away in (True, False):
            if away:
                blobs.go(failing)
                blobs.read_only = read_only
            else:
                blobs.come_back()
            await talk(reader, writer, envelope, 4)
            with structlog.testing.capture_logs() as lines:
                answers = await talk(reader, writer, octets + b".\r\n", 2)
            faults = [(line["log_level"], "exc_info" in line) for line in lines if line["event"] == "lmtp fault"]
            assert faults == ([("warning", False)] if away and fails else [])
            if away and fails:
                assert [answer[:10] for answer in answers] == [b"451 4.3.0 "] * 2
                assert await house.objects() == []
            else:
                assert [answer[:10] for answer in answers] == [b"250 2.1.5 "] * 2
        delivered = (await house.mail.mailboxes.status(house.user.id, "INBOX")).messages
        assert delivered == len(await house.objects()) == (1 if fails else 2)
        writer.close()
        listener.close()
        await server.close(5.0)
        await house.close()

    run(scenario())
