"""STORE (RFC 9051 §6.4.6; RFC 7162 §3.1.3)."""

from __future__ import annotations

import re

from lightmail._core.index import UidSet
from lightmail.model import FlagOp
from tests.support.aio import run
from tests.unit.imap.client import Client
from tests.unit.mail.house import House


async def selected(house: House, *, messages: int) -> Client:
    await house.inbox(messages=messages)
    client = Client(house)
    await client.ok("SELECT INBOX")
    await client.ok("SELECT INBOX")  # nothing is \Recent to it any more
    house.metadata.calls.clear()
    return client


def test_one_statement_and_the_new_flags() -> None:
    async def scenario() -> None:
        house = await House.build()
        client = await selected(house, messages=3)
        assert await client.ok("STORE 1,3 +FLAGS (\\Seen)") == [
            "* 1 FETCH (FLAGS (\\Seen))",
            "* 3 FETCH (FLAGS (\\Seen))",
        ]
        assert await client.ok("UID STORE 2 FLAGS \\Draft") == ["* 2 FETCH (UID 2 FLAGS (\\Draft))"]
        assert await client.ok("STORE 2:3 -FLAGS.SILENT (\\Draft \\Seen)") == []
        assert house.metadata.calls == ["set_flags"] * 3
        await house.close()

    run(scenario())


def test_flags_that_were_there_already_are_told_all_the_same() -> None:
    """RFC 9051 §6.4.6: the new value is returned as if a FETCH of those flags was done."""

    async def scenario() -> None:
        house = await House.build()
        client = await selected(house, messages=3)
        await client.ok("STORE 2 +FLAGS.SILENT (\\Seen)")
        answer = await client.ok("STORE 1:3 +FLAGS (\\Seen)")
        assert sorted(answer) == [f"* {number} FETCH (FLAGS (\\Seen))" for number in (1, 2, 3)]
        assert await client.ok("STORE 1:3 +FLAGS.SILENT (\\Seen)") == []
        await house.close()

    run(scenario())


def test_a_message_that_another_process_has_expunged_has_no_flags_to_tell() -> None:
    """No hint has come yet. RFC 2180 §4.2.1."""

    async def scenario() -> None:
        house = await House.build(workers=2)
        client = await selected(house, messages=2)
        other = await house.again()
        inbox = await other.inbox()
        await other.mail.set_flags(inbox.id, UidSet([1]), FlagOp.ADD, ("\\Deleted",))
        await other.mail.expunge(inbox.id, None)
        assert await client.do("STORE 1 +FLAGS (\\Seen)") == [
            "tag NO [EXPUNGEISSUED] Some of the messages no longer exist"
        ]
        assert house.metadata.calls == ["set_flags", "changes_since"]
        assert await client.ok("NOOP") == ["* 1 EXPUNGE"]
        await other.close()
        await house.close()

    run(scenario())


def test_a_new_keyword_is_announced_before_its_use() -> None:
    """RFC 9051 §7.3.5."""

    async def scenario() -> None:
        house = await House.build()
        client = await selected(house, messages=1)
        answer = await client.ok("STORE 1 +FLAGS ($New)")
        assert answer[0] == "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $New)"
        assert answer[-1] == "* 1 FETCH (FLAGS ($New))"
        await house.close()

    run(scenario())


def test_flags_that_no_mailbox_keeps_are_ignored() -> None:
    """RFC 9051 §7.1 PERMANENTFLAGS; RFC 3501 §2.3.2: \\Recent cannot be altered by the client."""

    async def scenario() -> None:
        house = await House.build()
        client = await selected(house, messages=1)
        assert await client.ok("STORE 1 +FLAGS (\\Recent \\Nonsense)") == ["* 1 FETCH (FLAGS ())"]
        assert await client.ok("STORE 1 FLAGS (\\RECENT \\seen)") == ["* 1 FETCH (FLAGS (\\Seen))"]
        await house.close()

    run(scenario())


def test_read_only_refuses() -> None:
    async def scenario() -> None:
        house = await House.build()
        await house.inbox(messages=1)
        client = Client(house)
        await client.ok("EXAMINE INBOX")
        house.metadata.calls.clear()
        for command in ("STORE 1 +FLAGS (\\Seen)", "UID STORE 1 FLAGS ()", "EXPUNGE", "UID EXPUNGE 1", "MOVE 1 Trash"):
            assert (await client.do(command))[0].startswith("tag NO [READ-ONLY]")
        assert house.metadata.calls == []
        await house.close()

    run(scenario())


def test_silent_hides_only_what_the_client_did_itself() -> None:
    """RFC 9051 §6.4.6: changes by others are told, SILENT or not."""

    async def scenario() -> None:
        house = await House.build()
        client = await selected(house, messages=3)
        inbox = await house.inbox()
        await house.mail.set_flags(inbox.id, UidSet([2]), FlagOp.ADD, ("\\Flagged",))
        assert await client.ok("STORE 1:3 +FLAGS.SILENT (\\Seen)") == ["* 2 FETCH (FLAGS (\\Flagged \\Seen))"]
        # A change this process has not even heard of yet.
        await house.raw_metadata.set_flags(inbox.id, UidSet([1]), FlagOp.ADD, ("\\Answered",))
        answer = await client.ok("STORE 1:2 -FLAGS.SILENT (\\Seen)")
        assert "* 1 FETCH (FLAGS (\\Answered))" in answer
        await house.close()

    run(scenario())


def test_unchangedsince() -> None:
    """RFC 7162 §3.1.3, examples 4 to 7."""

    async def scenario() -> None:
        house = await House.build()
        client = await selected(house, messages=3)
        inbox = await house.inbox()
        live = await house.mail.open(inbox.id)
        modseq = live.snapshot.highest_modseq
        await house.mail.set_flags(inbox.id, UidSet([2]), FlagOp.ADD, ("\\Flagged",))
        answer = await client.do(f"UID STORE 1:3 (UNCHANGEDSINCE {modseq}) +FLAGS.SILENT (\\Deleted)")
        assert answer[-1] == "tag OK [MODIFIED 2] Conditional STORE failed"
        told = [line for line in answer if "FETCH" in line]
        assert [bool(re.search(r"MODSEQ \(\d+\)", line)) for line in told] == [True] * 3
        assert [line.split()[1] for line in told if "FLAGS" in line] == ["2"]
        answer = await client.do("STORE 1 (UNCHANGEDSINCE 0) +FLAGS.SILENT ($MDNSent)")
        assert answer == ["tag OK [MODIFIED 1] Conditional STORE failed"]
        await house.close()

    run(scenario())


def test_messages_that_are_gone() -> None:
    """RFC 2180 §4.2.1, RFC 5530 EXPUNGEISSUED; RFC 9051 §6.4.9: a UID without a message is ignored."""

    async def scenario() -> None:
        house = await House.build()
        client = await selected(house, messages=3)
        inbox = await house.inbox()
        await house.mail.set_flags(inbox.id, UidSet([2]), FlagOp.ADD, ("\\Deleted",))
        await house.mail.expunge(inbox.id)
        answer = await client.do("STORE 1:3 +FLAGS (\\Seen)")
        assert answer == [
            "* 1 FETCH (FLAGS (\\Seen))",
            "* 3 FETCH (FLAGS (\\Seen))",
            "tag NO [EXPUNGEISSUED] Some of the messages no longer exist",
        ]
        answer = await client.do("UID STORE 1:3 -FLAGS.SILENT (\\Seen)")
        assert answer == ["* 2 EXPUNGE", "* 0 RECENT", "tag OK Stored"] or answer == ["* 2 EXPUNGE", "tag OK Stored"]
        await house.close()

    run(scenario())


def test_nothing_to_store_asks_nothing() -> None:
    async def scenario() -> None:
        house = await House.build()
        client = await selected(house, messages=1)
        assert await client.do("UID STORE 7:9 +FLAGS (\\Seen)") == ["tag OK Nothing to store"]
        assert await client.do("STORE $ +FLAGS (\\Seen)") == ["tag OK Nothing to store"]
        assert (await client.do("STORE 2 +FLAGS (\\Seen)"))[0].startswith("tag BAD")
        assert house.metadata.calls == []
        await house.close()

    run(scenario())


def test_what_one_session_stores_another_is_told() -> None:
    async def scenario() -> None:
        house = await House.build()
        client = await selected(house, messages=2)
        other = Client(house)
        await other.ok("SELECT INBOX")
        await client.ok("STORE 1 +FLAGS.SILENT (\\Seen)")
        house.metadata.calls.clear()
        assert await other.ok("NOOP") == ["* 1 FETCH (FLAGS (\\Seen))"]
        assert house.metadata.calls == []
        await house.close()

    run(scenario())
