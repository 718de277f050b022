"""SELECT, EXAMINE, CLOSE, UNSELECT (RFC 9051 §6.3.2, §6.3.3, §6.4.1, §6.4.2; RFC 7162 §3.2.5)."""

from __future__ import annotations

from lightmail._core.index import UidSet
from lightmail.imap.state import State
from lightmail.model import FlagOp
from tests.support.aio import run
from tests.unit.imap.client import Client
from tests.unit.mail.house import House


def test_select_describes_the_mailbox() -> None:
    """RFC 3501 §6.3.1."""

    async def scenario() -> None:
        house = await House.build()
        inbox = await house.inbox(messages=1, flags=("\\Seen", "$Work"))
        await house.append(inbox, 2)
        client = Client(house)
        answer = await client.do("SELECT inbox")
        flags = "\\Answered \\Flagged \\Deleted \\Seen \\Draft $Work"
        assert answer == [
            f"* FLAGS ({flags})",
            f"* OK [PERMANENTFLAGS ({flags} \\*)] Kept",
            "* 3 EXISTS",
            "* 3 RECENT",
            "* OK [UNSEEN 2] First unseen",
            f"* OK [UIDVALIDITY {inbox.uid_validity}] UIDs valid",
            "* OK [UIDNEXT 4] Next UID",
            f"* OK [HIGHESTMODSEQ {(await house.mail.open(inbox.id)).snapshot.highest_modseq}] Highest",
            f"* OK [MAILBOXID (F{inbox.id}-{inbox.uid_validity})] Its id",
            "tag OK [READ-WRITE] Selected",
        ]
        await house.close()

    run(scenario())


def test_rev2_has_neither_recent_nor_unseen_but_the_name() -> None:
    """RFC 9051 §6.3.2, Appendix E."""

    async def scenario() -> None:
        house = await House.build()
        await house.mail.mailboxes.create(house.user.id, "Entwürfe")
        client = Client(house)
        await client.ok("ENABLE IMAP4rev2")
        answer = await client.ok('SELECT "Entwürfe"')
        assert '* LIST () "/" "Entwürfe"' in answer
        assert not any("RECENT" in line or "UNSEEN" in line for line in answer)
        await house.close()

    run(scenario())


def test_examine_changes_nothing() -> None:
    """RFC 9051 §6.3.3; RFC 3501 §2.3.2: \\Recent stays for who selects."""

    async def scenario() -> None:
        house = await House.build()
        await house.inbox(messages=2)
        client = Client(house)
        answer = await client.do("EXAMINE INBOX")
        assert "* OK [PERMANENTFLAGS ()] Read-only" in answer and "* 2 RECENT" in answer
        assert answer[-1] == "tag OK [READ-ONLY] Examined"
        assert "* 2 RECENT" in await client.ok("SELECT INBOX")
        assert "* 0 RECENT" in await client.ok("SELECT INBOX")
        await house.close()

    run(scenario())


def test_selecting_what_is_known_takes_no_statement() -> None:
    async def scenario() -> None:
        house = await House.build()
        await house.inbox(messages=2)
        client = Client(house)
        await client.ok("SELECT INBOX")
        house.metadata.calls.clear()
        house.blobs.calls.clear()
        for _ in range(3):
            await client.ok("SELECT INBOX")
            await client.ok("NOOP")
        assert house.metadata.calls == [] and house.blobs.calls == []
        await house.close()

    run(scenario())


def test_a_failed_select_leaves_none_selected() -> None:
    """RFC 9051 §6.3.2, §7.1 CLOSED."""

    async def scenario() -> None:
        house = await House.build()
        inbox = await house.inbox(messages=1)
        client = Client(house)
        await client.ok("SELECT INBOX")
        live = house.mail.live.get(inbox.id)
        assert live is not None and live.references == 1
        answer = await client.do("SELECT nowhere")
        assert answer[0].startswith("* OK [CLOSED]")
        assert answer[1].startswith("tag NO [NONEXISTENT]")
        assert client.session.state is State.AUTHENTICATED and live.references == 0
        await house.close()

    run(scenario())


def test_nothing_is_held_after_each_way_to_leave() -> None:
    async def scenario() -> None:
        house = await House.build()
        inbox = await house.inbox(messages=1)
        client = Client(house)
        for leave in ("UNSELECT", "CLOSE"):
            await client.ok("SELECT INBOX")
            await client.ok(leave)
            assert client.session.selected is None
        await client.ok("SELECT INBOX")
        await client.lose()
        live = house.mail.live.get(inbox.id)
        assert live is not None and live.references == 0
        await house.close()

    run(scenario())


def test_close_expunges_without_telling() -> None:
    """RFC 9051 §6.4.1; RFC 7162 §3.2.8: no HIGHESTMODSEQ either."""

    async def scenario() -> None:
        house = await House.build()
        inbox = await house.inbox(messages=1, flags=("\\Deleted",))
        await house.append(inbox, 1)
        client = Client(house)
        await client.ok("ENABLE QRESYNC")
        await client.ok("EXAMINE INBOX")
        assert await client.do("CLOSE") == ["tag OK Closed"]
        assert (await house.mail.mailboxes.status(house.user.id, "INBOX")).messages == 2
        await client.ok("SELECT INBOX")
        assert await client.do("UNSELECT") == ["tag OK Left"]
        assert (await house.mail.mailboxes.status(house.user.id, "INBOX")).messages == 2
        await client.ok("SELECT INBOX")
        assert await client.do("CLOSE") == ["tag OK Closed"]
        assert (await house.mail.mailboxes.status(house.user.id, "INBOX")).messages == 1
        await house.close()

    run(scenario())


async def resynchronising(*, messages: int) -> tuple[House, Client, int, int]:
    """A mailbox some of whose messages are changed and some gone since a MODSEQ that is returned with UIDVALIDITY."""
    house = await House.build()
    inbox = await house.inbox(messages=messages, flags=("\\Seen",))
    live = await house.mail.open(inbox.id)
    before = live.snapshot.highest_modseq
    await house.mail.set_flags(inbox.id, UidSet([2, 3, 6]), FlagOp.ADD, ("\\Deleted",))
    await house.mail.expunge(inbox.id)
    await house.mail.set_flags(inbox.id, UidSet([4, 7]), FlagOp.ADD, ("\\Flagged",))
    client = Client(house)
    await client.ok("ENABLE QRESYNC")
    return house, client, inbox.uid_validity, before


def news(answer: list[str]) -> list[str]:
    return [line for line in answer if "VANISHED" in line or "FETCH" in line]


def test_qresync_tells_what_has_happened_since() -> None:
    """RFC 7162 §3.2.5.1: VANISHED (EARLIER) before FETCH with UID and MODSEQ."""

    async def scenario() -> None:
        house, client, validity, modseq = await resynchronising(messages=8)
        answer = news(await client.ok(f"SELECT INBOX (QRESYNC ({validity} {modseq}))"))
        assert answer == [
            "* VANISHED (EARLIER) 2:3,6",
            f"* 2 FETCH (UID 4 FLAGS (\\Flagged \\Seen \\Recent) MODSEQ ({modseq + 3}))",
            f"* 4 FETCH (UID 7 FLAGS (\\Flagged \\Seen \\Recent) MODSEQ ({modseq + 3}))",
        ]
        assert client.session.condstore
        await house.close()

    run(scenario())


def test_qresync_keeps_to_known_uids() -> None:
    async def scenario() -> None:
        house, client, validity, modseq = await resynchronising(messages=8)
        answer = news(await client.ok(f"SELECT INBOX (QRESYNC ({validity} {modseq} 1:4))"))
        assert [line.split(" FLAGS")[0] for line in answer] == ["* VANISHED (EARLIER) 2:3", "* 2 FETCH (UID 4"]
        await house.close()

    run(scenario())


def test_qresync_leaves_out_what_the_sequence_numbers_prove_known() -> None:
    """RFC 7162 §3.2.5.2: no UIDs up to the last pair that matches."""

    async def scenario() -> None:
        house, client, validity, modseq = await resynchronising(messages=8)
        # Message 2 is UID 4 now, message 3 is UID 5; message 4 is not UID 6.
        answer = news(await client.ok(f"SELECT INBOX (QRESYNC ({validity} {modseq} 1:8 (2:4 4:6)))"))
        assert answer[0] == "* VANISHED (EARLIER) 6"
        await house.close()

    run(scenario())


def test_qresync_with_another_uidvalidity_is_a_plain_select() -> None:
    """RFC 7162 §3.2.5."""

    async def scenario() -> None:
        house, client, validity, modseq = await resynchronising(messages=8)
        assert news(await client.ok(f"SELECT INBOX (QRESYNC ({validity + 1} {modseq}))")) == []
        await house.close()

    run(scenario())


def test_qresync_needs_enable() -> None:
    """RFC 7162 §3.2.5: tagged BAD, and the mailbox selected before stays."""

    async def scenario() -> None:
        house = await House.build()
        await house.inbox(messages=1)
        client = Client(house)
        await client.ok("SELECT INBOX")
        answer = await client.do("SELECT INBOX (QRESYNC (1 1))")
        assert len(answer) == 1 and answer[0].startswith("tag BAD")
        assert client.session.state is State.SELECTED
        await house.close()

    run(scenario())


def test_nothing_new_costs_no_statement() -> None:
    async def scenario() -> None:
        house, client, validity, _ = await resynchronising(messages=8)
        answer = await client.ok("SELECT INBOX (CONDSTORE)")
        (highest,) = [line.split("]")[0].split()[-1] for line in answer if "HIGHESTMODSEQ" in line]
        house.metadata.calls.clear()
        assert news(await client.ok(f"SELECT INBOX (QRESYNC ({validity} {highest}))")) == []
        assert house.metadata.calls == []
        await house.close()

    run(scenario())
