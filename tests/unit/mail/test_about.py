"""What objects say of themselves (docs/storage.md), and on whose behalf they are written and read."""

from __future__ import annotations

import random
from collections.abc import Mapping

from lightmail.backends.memory import MemoryBlobs
from lightmail.backends.memory.blobs import MemoryBlobWriter
from lightmail.mail.about import delivered_to, put_into
from lightmail.mail.delivery import Recipient, Trace
from lightmail.ports.blobs import NOTHING
from tests.support.aio import run
from tests.unit.imap.client import Client
from tests.unit.mail.house import House, message_octets


class NotingBlobs(MemoryBlobs):
    """Remembers what it is told of objects, and who reads them; nothing is at hand."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[dict[str, str], int]] = []
        self.readers: list[int] = []

    async def create(self, key: str, *, about: Mapping[str, str] = NOTHING, account: int = 0) -> MemoryBlobWriter:
        self.told.append((dict(about), account))
        return await super().create(key)

    async def put(self, key: str, octets: bytes, *, about: Mapping[str, str] = NOTHING, account: int = 0) -> None:
        self.told.append((dict(about), account))
        await super().put(key, octets)

    async def read(self, key: str, start: int, octets: int, *, account: int = 0) -> bytes:
        self.readers.append(account)
        found = super().read_nowait(key, start, octets)
        assert found is not None
        return found

    def read_nowait(self, key: str, start: int, octets: int) -> bytes | None:
        return None


async def noting_house() -> tuple[House, NotingBlobs]:
    house = await House.build()
    blobs = NotingBlobs()
    house.blobs._inner = blobs
    return house, blobs


def large() -> bytes:
    return message_octets(1) + random.Random(1).randbytes(1_000_000)


def test_an_appended_message() -> None:
    async def scenario() -> None:
        house, blobs = await noting_house()
        client = Client(house)
        await client.ok("CREATE Entw&APw-rfe")
        octets = message_octets(1)
        await client.send(
            b'a APPEND Entw&APw-rfe (\\Seen $Label1) "01-Feb-2003 04:05:06 +0130" {%d+}\r\n%s\r\n'
            % (len(octets), octets)
        )
        mailbox = await house.mail.mailboxes.get(house.user.id, "Entwürfe")
        about = {
            "account": "ann@example.org",
            "mailbox": "Entwürfe",
            "uid-validity": str(mailbox.uid_validity),
            "internaldate": "2003-02-01T04:05:06+01:30",
            "flags": "\\Seen $Label1",
            "octets": str(len(octets)),
        }
        assert blobs.told == [(about, house.user.id)]
        await house.close()

    run(scenario())


def test_a_large_appended_message_says_what_is_known_when_it_begins() -> None:
    async def scenario() -> None:
        house, blobs = await noting_house()
        client = Client(house)
        octets = large()
        await client.send(b"a APPEND INBOX {%d+}\r\n%s\r\n" % (len(octets), octets))
        inbox = await house.inbox()
        about = {
            "account": "ann@example.org",
            "mailbox": "INBOX",
            "uid-validity": str(inbox.uid_validity),
            "internaldate": "2001-09-09T01:46:40+00:00",
        }
        assert blobs.told == [(about, house.user.id)]
        await house.close()

    run(scenario())


def test_a_delivered_message_names_its_accounts() -> None:
    async def scenario() -> None:
        house, blobs = await noting_house()
        bob = await house.mail.accounts.create("bob@example.org", "")
        recipients = [Recipient(bob), Recipient(house.user, "lists"), Recipient(bob)]
        trace = Trace("sender@example.net", ["b@x", "a@x", "bob@x"], "mx", "LMTP", "s1")
        incoming = await house.mail.delivery.receive(trace, recipients)
        await incoming.write(message_octets(1))
        body = await incoming.finish()
        assert await house.mail.delivery.deliver(recipients, body) == [None, None, None]
        about = {
            "account": "bob@example.org,ann@example.org",
            "mailbox": "INBOX",
            "internaldate": "2001-09-09T01:46:40+00:00",
            "octets": str(body.raw_octets),
        }
        assert blobs.told == [(about, bob.id)]
        await house.close()

    run(scenario())


def test_bodies_are_read_on_behalf_of_the_account() -> None:
    async def scenario() -> None:
        house, blobs = await noting_house()
        for octets in (message_octets(1), large()):
            await house.stored(octets)
        fresh = await house.again()
        fresh.blobs._inner = blobs
        client = Client(fresh)
        await client.ok("SELECT INBOX")
        for command in (
            "FETCH 1:2 BODY.PEEK[]",
            "FETCH 2 (BODY.PEEK[]<300000.10> BINARY.PEEK[1]<0.10>)",
            "SEARCH TEXT nowhere",
        ):
            blobs.readers.clear()
            await client.ok(command)
            assert set(blobs.readers) == {house.user.id}, command
        await fresh.close()
        await house.close()

    run(scenario())


def test_many_recipients_are_bounded() -> None:
    accounts = [f"u{number}@example.org" for number in range(250)]
    named = delivered_to(accounts, internaldate=0)["account"].split(",")
    assert named == [*accounts[:100], "+150"]


def test_times_beyond_the_calendar() -> None:
    async def scenario() -> None:
        house = await House.build()
        inbox = await house.inbox()
        for seconds, told in (
            (0, "1970-01-01T00:00:00+00:00"),
            (-1, "1969-12-31T23:59:59+00:00"),
            (2**60, f"@{2**60}"),
        ):
            assert put_into(inbox, "a", internaldate=seconds)["internaldate"] == told
        assert "internaldate" not in put_into(inbox, "a", internaldate=None)
        assert put_into(inbox, "a", internaldate=0, zone=-90)["internaldate"] == "1969-12-31T22:30:00-01:30"
        await house.close()

    run(scenario())
