"""Several sessions on one mailbox: what each is told, when, in which order (RFC 9051 §5.2, §7.5.1; RFC 7162 §3.2)."""

from __future__ import annotations

import pytest

from lightmail.errors import Unavailable
from tests.support.aio import run
from tests.unit.imap.desk import Client, Desk, lines


async def pair(messages: int = 3, *, enable: bytes = b"") -> tuple[Desk, Client, Client]:
    desk = await Desk.build()
    await desk.house.inbox(messages=messages, flags=("\\Seen",))
    first = await desk.login(enable=enable, select=b"INBOX")
    second = await desk.login(select=b"INBOX")
    return desk, first, second


async def expunge(client: Client, number: int) -> None:
    assert b"OK" in await client.say(b"x STORE %d +FLAGS.SILENT (\\Deleted)" % number, b"x EXPUNGE")


def test_a_new_message_is_told_with_the_next_answer() -> None:
    async def scenario() -> None:
        desk, first, second = await pair()
        await second.say(b"a APPEND INBOX {1+}\r\nx")
        assert lines(await first.say(b"a NOOP")) == [b"* 4 EXISTS", b"* 4 RECENT", b"a OK Nothing done"]
        assert lines(await first.say(b"b NOOP")) == [b"b OK Nothing done"]
        await desk.close()

    run(scenario())


@pytest.mark.parametrize(
    "command", [b"FETCH 2 FLAGS", b"STORE 2 +FLAGS (\\Flagged)", b"SEARCH FLAGGED", b"STORE 2 -FLAGS.SILENT (x)"]
)
def test_expunges_wait_for_a_command_that_may_tell_them(command: bytes) -> None:
    """RFC 9051 §7.5.1: not in answer to FETCH, STORE or SEARCH; numbers stay what they were."""

    async def scenario() -> None:
        desk, first, second = await pair()
        await expunge(second, 1)
        assert b"EXPUNGE\r\n" not in await first.say(b"a " + command)
        assert b"* 3 FETCH (UID 3)" in await first.say(b"b FETCH 3 UID")
        assert b"* 1 EXPUNGE\r\n" in await first.say(b"c NOOP")
        assert b"* 2 FETCH (UID 3)" in await first.say(b"d FETCH 2 UID")
        await desk.close()

    run(scenario())


@pytest.mark.parametrize(
    "command",
    [
        b"UID FETCH 2 FLAGS",
        b"UID STORE 2 +FLAGS (\\Flagged)",
        b"UID SEARCH ALL",
        b"NOOP",
        b"CHECK",
        b"STATUS Sent (SIZE)",
    ],
)
def test_commands_that_may_tell_expunges(command: bytes) -> None:
    async def scenario() -> None:
        desk, first, second = await pair()
        await expunge(second, 1)
        answers = lines(await first.say(b"a " + command))
        assert b"* 1 EXPUNGE" in answers and answers[-1].startswith(b"a OK")
        await desk.close()

    run(scenario())


def test_a_message_that_came_and_went_unseen_is_never_told() -> None:
    async def scenario() -> None:
        desk, first, second = await pair()
        await second.say(b"a APPEND INBOX {1+}\r\nx")
        await expunge(second, 4)
        assert lines(await first.say(b"a NOOP")) == [b"a OK Nothing done"]
        await desk.close()

    run(scenario())


def test_flags_of_others_are_told() -> None:
    async def scenario() -> None:
        desk, first, second = await pair()
        await second.say(b"a STORE 2 +FLAGS (\\Flagged)")
        answers = lines(await first.say(b"a FETCH 1 UID"))
        assert answers == [b"* 1 FETCH (UID 1)", b"* 2 FETCH (FLAGS (\\Recent \\Flagged \\Seen))", b"a OK Fetched"]
        await desk.close()

    run(scenario())


def test_silent_is_silent_for_one_only() -> None:
    """RFC 9051 §6.4.6."""

    async def scenario() -> None:
        desk, first, second = await pair()
        assert lines(await first.say(b"a STORE 1:3 +FLAGS.SILENT (\\Flagged)")) == [b"a OK Stored"]
        assert (await second.say(b"a NOOP")).count(b" FETCH (FLAGS ") == 3
        await desk.close()

    run(scenario())


def test_silent_with_condstore_tells_modseq() -> None:
    """RFC 7162 §3.1.3: MODSEQ without FLAGS."""

    async def scenario() -> None:
        desk, first, _ = await pair(enable=b"CONDSTORE")
        assert lines(await first.say(b"a UID STORE 2 +FLAGS.SILENT (\\Flagged)")) == [
            b"* 2 FETCH (UID 2 MODSEQ (3))",
            b"a OK Stored",
        ]
        await desk.close()

    run(scenario())


def test_qresync_tells_vanished_and_uids() -> None:
    """RFC 7162 §3.2.10; unsolicited FETCH carries UID and MODSEQ."""

    async def scenario() -> None:
        desk, first, second = await pair(enable=b"QRESYNC")
        await expunge(second, 2)
        await second.say(b"a STORE 2 +FLAGS (\\Flagged)")
        answers = lines(await first.say(b"a NOOP"))
        assert answers[0] == b"* VANISHED 2"
        assert b"* 2 FETCH (UID 3 FLAGS (\\Recent \\Flagged \\Seen) MODSEQ (5))" in answers
        assert not any(line.endswith(b"EXPUNGE") for line in answers)
        await desk.close()

    run(scenario())


def test_highestmodseq_stays_before_what_has_not_been_told() -> None:
    """RFC 7162 §3.2: who comes back with what it has been told so far has missed no expunge."""

    async def scenario() -> None:
        desk, first, second = await pair(enable=b"QRESYNC")
        before = (await desk.house.raw_metadata.modseqs([(await desk.house.inbox()).id])).popitem()[1]
        await expunge(second, 3)
        await second.say(b"a STORE 1 +FLAGS (\\Flagged)")
        held = b"* OK [HIGHESTMODSEQ %d] Highest" % before
        told = lines(await first.say(b"a FETCH 2 FLAGS"))
        assert held in told and told.index(held) > max(at for at, line in enumerate(told) if b"MODSEQ (" in line)
        assert lines(await first.say(b"b FETCH 2 (MODSEQ)"))[-2] == held
        after = lines(await first.say(b"c NOOP"))
        assert after[0] == b"* VANISHED 3"
        assert after[-2] == b"* OK [HIGHESTMODSEQ %d] Highest" % (before + 3)
        assert lines(await first.say(b"d FETCH 2 (MODSEQ)"))[-1].startswith(b"d OK")
        # Who begins to ask for MODSEQs meanwhile is told so as well.
        await expunge(second, 2)
        await second.say(b"e FETCH 1 FLAGS")
        third = await desk.login(select=b"INBOX")
        await expunge(second, 1)
        assert b"* 1 FETCH" in await third.say(b"f FETCH 1 UID")
        (told_of, *_) = lines(await third.say(b"g ENABLE CONDSTORE"))
        assert told_of == b"* OK [HIGHESTMODSEQ %d] Highest" % (before + 5)
        await desk.close()

    run(scenario())


def test_rev2_knows_no_recent_and_fetch_carries_uid() -> None:
    """RFC 9051 Appendix E, §7.5.2."""

    async def scenario() -> None:
        desk, first, second = await pair(enable=b"IMAP4rev2")
        await second.say(b"a APPEND INBOX {1+}\r\nx", b"b STORE 1 +FLAGS (\\Flagged)")
        answers = lines(await first.say(b"a NOOP"))
        assert answers == [b"* 4 EXISTS", b"* 1 FETCH (UID 1 FLAGS (\\Flagged \\Seen))", b"a OK Nothing done"]
        await desk.close()

    run(scenario())


def test_new_keywords_are_told_before_they_are_used() -> None:
    """RFC 9051 §7.3.5: FLAGS, PERMANENTFLAGS, then FETCH; to both, once."""

    async def scenario() -> None:
        desk, first, second = await pair(1)
        own = lines(await second.say(b"a STORE 1 +FLAGS ($Work)"))
        others = lines(await first.say(b"a NOOP"))
        for answers in (own, others):
            assert answers[0] == b"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Work)"
            assert answers[1].startswith(
                b"* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Work \\*)]"
            )
            assert answers[2].startswith(b"* 1 FETCH (FLAGS (") and b"$Work" in answers[2]
        assert b"FLAGS (\\Answered" not in await second.say(b"b STORE 1 -FLAGS ($Work)", b"c NOOP")
        await desk.close()

    run(scenario())


def test_an_examined_mailbox_keeps_its_permanentflags_empty() -> None:
    async def scenario() -> None:
        desk, _, second = await pair(1)
        third = await desk.login()
        await third.say(b"a EXAMINE INBOX")
        await second.say(b"a STORE 1 +FLAGS ($Work)")
        assert b"* OK [PERMANENTFLAGS ()] " in await third.say(b"b NOOP")
        await desk.close()

    run(scenario())


def test_recent_belongs_to_who_was_told_first() -> None:
    """RFC 3501 §2.3.2: a session that selects later does not see them as recent."""

    async def scenario() -> None:
        desk = await Desk.build()
        first = await desk.login(select=b"INBOX")
        await first.say(b"a APPEND INBOX {1+}\r\nx")
        assert b"RECENT 0" in await first.say(b"b STATUS INBOX (RECENT)")
        second = await desk.login()
        assert b"* 0 RECENT" in await second.say(b"s SELECT INBOX")
        assert b"* 1 FETCH (FLAGS (\\Recent))" in await first.say(b"c FETCH 1 FLAGS")
        await desk.close()

    run(scenario())


def test_recent_after_idle() -> None:
    async def scenario() -> None:
        desk = await Desk.build()
        first = await desk.login(select=b"INBOX")
        await first.say(b"a IDLE")
        await desk.house.inbox(messages=1)
        assert await first.told() == b"* 1 EXISTS\r\n* 1 RECENT\r\n"
        await first.say(b"DONE")
        second = await desk.login()
        assert b"* 0 RECENT" in await second.say(b"s SELECT INBOX")
        await desk.close()

    run(scenario())


def test_who_only_looks_claims_nothing() -> None:
    """RFC 9051 §6.3.3: EXAMINE must not change the state."""

    async def scenario() -> None:
        desk = await Desk.build()
        first = await desk.login()
        await first.say(b"a EXAMINE INBOX")
        await desk.house.inbox(messages=1)
        assert b"* 1 RECENT" in await first.say(b"b NOOP")
        second = await desk.login()
        assert b"* 1 RECENT" in await second.say(b"s SELECT INBOX")
        await desk.close()

    run(scenario())


def test_a_change_made_elsewhere_is_fetched_once_it_is_hinted_at() -> None:
    """By another process; one statement, whichever command comes next."""

    async def scenario() -> None:
        desk, first, _ = await pair()
        inbox = await desk.house.inbox()
        modseq = await desk.house.append_elsewhere(inbox, 1)
        assert lines(await first.say(b"a NOOP")) == [b"a OK Nothing done"]
        desk.house.feed.hint(inbox.id, modseq)
        desk.house.metadata.calls.clear()
        assert b"* 4 EXISTS" in await first.say(b"b NOOP")
        assert desk.house.metadata.calls == ["changes_since", "claim_recent"]
        await desk.close()

    run(scenario())


def test_changes_that_cannot_be_had_now_come_later() -> None:
    async def scenario() -> None:
        desk, first, _ = await pair()
        inbox = await desk.house.inbox()
        desk.house.feed.hint(inbox.id, await desk.house.append_elsewhere(inbox, 1))
        desk.house.metadata.fail("changes_since", Unavailable("database"))
        assert lines(await first.say(b"a NOOP")) == [b"a OK Nothing done"]
        assert b"* 4 EXISTS" in await first.say(b"b NOOP")
        await desk.close()

    run(scenario())


def test_move_and_copy_tell_after_their_code() -> None:
    """RFC 6851 §4.3: COPYUID comes before EXPUNGE."""

    async def scenario() -> None:
        desk, first, _ = await pair()
        answers = lines(await first.say(b"a MOVE 1:2 Trash"))
        assert [line.split()[1:3] for line in answers[:3]] == [
            [b"OK", b"[COPYUID"],
            [b"2", b"EXPUNGE"],
            [b"1", b"EXPUNGE"],
        ]
        await desk.close()

    run(scenario())
