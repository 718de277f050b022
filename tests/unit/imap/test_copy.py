"""COPY, MOVE, EXPUNGE (RFC 9051 §6.4.3, §6.4.7, §6.4.8, §6.4.9; RFC 4315; RFC 6851)."""

from __future__ import annotations

from lightmail._core.index import UidSet
from lightmail.model import FlagOp
from tests.support.aio import run
from tests.unit.imap.client import Client
from tests.unit.mail.house import House


async def selected(house: House, *, messages: int) -> Client:
    await house.inbox(messages=messages)
    client = Client(house)
    await client.ok("SELECT INBOX")
    await client.ok("STATUS Trash (UIDVALIDITY)")
    house.metadata.calls.clear()
    house.blobs.calls.clear()
    return client


async def trash_validity(house: House) -> int:
    return (await house.mail.mailboxes.get(house.user.id, "Trash")).uid_validity


def test_copy_shares_bodies_and_tells_the_uids() -> None:
    """RFC 4315 §3; law 5: no object is touched."""

    async def scenario() -> None:
        house = await House.build()
        client = await selected(house, messages=4)
        validity = await trash_validity(house)
        assert await client.do("COPY 2:3 Trash") == [f"tag OK [COPYUID {validity} 2:3 1:2] Copied"]
        assert await client.do("UID COPY 4,1 Trash") == [f"tag OK [COPYUID {validity} 1,4 3:4] Copied"]
        assert house.metadata.calls == ["copy", "copy"] and house.blobs.calls == []
        await house.close()

    run(scenario())


def test_copy_where_nothing_is() -> None:
    async def scenario() -> None:
        house = await House.build()
        client = await selected(house, messages=2)
        assert await client.do("COPY 1 nowhere") == ["tag NO [TRYCREATE] No such mailbox"]
        assert await client.do("MOVE 1 nowhere") == ["tag NO [TRYCREATE] No such mailbox"]
        assert await client.do("UID COPY 7 Trash") == ["tag OK Nothing to copy"]
        assert (await client.do("COPY 3 Trash"))[0].startswith("tag BAD")
        await house.close()

    run(scenario())


def test_copy_of_messages_that_are_gone() -> None:
    """RFC 2180 §4.4, RFC 5530 EXPUNGEISSUED."""

    async def scenario() -> None:
        house = await House.build()
        client = await selected(house, messages=2)
        inbox = await house.inbox()
        await house.mail.set_flags(inbox.id, UidSet([1]), FlagOp.ADD, ("\\Deleted",))
        await house.mail.expunge(inbox.id)
        answer = await client.do("COPY 1 Trash")
        assert answer[-1] == "tag NO [EXPUNGEISSUED] The messages no longer exist"
        await house.close()

    run(scenario())


def test_move_tells_where_before_it_tells_that() -> None:
    """RFC 6851 §4.3."""

    async def scenario() -> None:
        house = await House.build()
        client = await selected(house, messages=4)
        validity = await trash_validity(house)
        answer = await client.do("MOVE 2,4 Trash")
        assert answer[0] == f"* OK [COPYUID {validity} 2,4 1:2] Moved"
        assert [line for line in answer if "EXPUNGE" in line] in (
            ["* 2 EXPUNGE", "* 3 EXPUNGE"],
            ["* 4 EXPUNGE", "* 2 EXPUNGE"],
        )
        assert answer[-1] == "tag OK Done"
        assert house.metadata.calls == ["move"] and house.blobs.calls == []
        await house.close()

    run(scenario())


def test_move_and_expunge_with_qresync() -> None:
    """RFC 6851 §4.4, RFC 7162 §3.2.7, §3.2.9: VANISHED, and HIGHESTMODSEQ in the tagged OK."""

    async def scenario() -> None:
        house = await House.build()
        inbox = await house.inbox(messages=6)
        client = Client(house)
        await client.ok("ENABLE QRESYNC")
        await client.ok("SELECT INBOX")
        live = await house.mail.open(inbox.id)
        answer = await client.do("UID MOVE 1 Trash")
        assert "* VANISHED 1" in answer
        assert answer[-1] == f"tag OK [HIGHESTMODSEQ {live.snapshot.highest_modseq}] Done"
        await client.ok("STORE 1:2 +FLAGS.SILENT (\\Deleted)")
        answer = await client.do("UID EXPUNGE 3:9")
        assert "* VANISHED 3" in answer
        assert answer[-1] == f"tag OK [HIGHESTMODSEQ {live.snapshot.highest_modseq}] Expunged"
        answer = await client.do("EXPUNGE")
        assert "* VANISHED 2" in answer and "[HIGHESTMODSEQ" in answer[-1]
        assert await client.do("EXPUNGE") == ["tag OK Expunged"]
        await house.close()

    run(scenario())


def test_expunge_of_uids_keeps_to_them() -> None:
    """RFC 9051 §6.4.9."""

    async def scenario() -> None:
        house = await House.build()
        client = await selected(house, messages=4)
        await client.ok("STORE 1:3 +FLAGS.SILENT (\\Deleted)")
        house.metadata.calls.clear()
        gone = [line for line in await client.ok("UID EXPUNGE 2:4") if "EXPUNGE" in line]
        assert gone in (["* 2 EXPUNGE", "* 2 EXPUNGE"], ["* 3 EXPUNGE", "* 2 EXPUNGE"])
        assert await client.ok("UID EXPUNGE 77") == []
        assert house.metadata.calls == ["expunge"]
        assert [line for line in await client.ok("EXPUNGE") if "EXPUNGE" in line] == ["* 1 EXPUNGE"]
        await house.close()

    run(scenario())
