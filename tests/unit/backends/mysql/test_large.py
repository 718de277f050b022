"""Mailboxes that are read with several connections and several statements, and changed in parts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from lightmail._core.index import UidSet
from lightmail.backends.mysql import MysqlMetadata, reading, rows, selection
from lightmail.backends.mysql.statements import Statements
from lightmail.errors import MailboxNotFound
from lightmail.model import FlagOp, Mailbox, MailboxId, ModSeq
from tests.support.aio import run
from tests.support.backends import Store, contents, open_store, uids
from tests.support.services import Services

MESSAGES = 20_000
ODD = UidSet(range(1, MESSAGES, 2))
"""Every other message: as many ranges as there are UIDs."""


async def large(store: Store, messages: int = MESSAGES) -> Mailbox:
    mailbox = await store.mailbox()
    await store.append(mailbox, messages, ("$a",))
    return mailbox


def on_mysql(services: Services, folder: Path, test: Callable[[Store], Awaitable[None]]) -> None:
    async def with_store() -> None:
        async with open_store("mysql", folder, services) as store:
            await test(store)

    run(with_store())


def test_verbs_on_every_other_of_many_messages(services: Services, tmp_path: Path) -> None:
    """More of them than one statement takes; each Delta leads to what is then loaded."""

    async def test(store: Store) -> None:
        assert len(ODD.ranges()) > selection.PART and MESSAGES > rows.BLOCK_ROWS > reading.SMALL_ROWS
        metadata, mailbox, target = store.metadata, await large(store), await store.mailbox("Target")
        start = await store.load(mailbox)
        flagged = await metadata.set_flags(mailbox.id, ODD, FlagOp.ADD, ("\\Deleted", "$b"))
        assert flagged.changed == ODD
        after = await store.follows(start, flagged.delta)

        empty = await store.load(target)
        copied = await metadata.copy(mailbox.id, ODD, target.id)
        assert (copied.source_uids, copied.target_uids) == (ODD, uids((1, len(ODD))))
        copies = await store.follows(empty, copied.delta)
        assert copies.body_ids(copies.uids()) == after.body_ids(ODD)

        moved = await metadata.move(target.id, uids((1, len(ODD))), target.id)
        copies = await store.follows(copies, moved.source_delta)
        assert copies.body_ids(copies.uids()) == after.body_ids(ODD)

        expunged = await metadata.expunge(mailbox.id, uids((1, MESSAGES)))
        assert expunged.expunged == ODD
        gone = await store.follows(after, expunged.delta)
        assert await metadata.expunged_since(mailbox.id, ModSeq(1)) == ODD

        changes = await metadata.changes_since(mailbox.id, start.highest_modseq)
        assert contents(await store.follows(start, changes)) == contents(gone)
        everything = await metadata.changes_since(mailbox.id, ModSeq(0))
        assert sum(block.count("\n") for block in everything.rows) == MESSAGES // 2
        now = await store.again(mailbox)
        assert (now.messages, now.deleted, now.size_octets) == (len(gone), 0, gone.size_octets)

        await metadata.delete_mailbox(store.user.id, "Target")
        assert len(await metadata.unreferenced_bodies(MESSAGES)) == len(ODD)
        with pytest.raises(MailboxNotFound):
            await metadata.load(target.id)

    on_mysql(services, tmp_path, test)


def test_the_expunge_log_is_read_in_pages(services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 7162 §3.2.5.2; the log of a mailbox only grows."""
    monkeypatch.setattr(reading, "LOG_ROWS", 3)
    for name in ("SELECT_FEW_EXPUNGED", "SELECT_SMALL_CHANGES"):
        monkeypatch.setattr(reading, name, getattr(reading, name).replace(f"<= {reading.SMALL_ROWS}", "<= 2"))
    paged = reading.SELECT_EXPUNGED.replace("LIMIT 65536", "LIMIT 3")
    assert paged != reading.SELECT_EXPUNGED
    monkeypatch.setattr(reading, "SELECT_EXPUNGED", paged)

    async def test(store: Store) -> None:
        mailbox = await store.mailbox()
        await store.append(mailbox, 40, ("\\Deleted",))
        start = await store.load(mailbox)
        for gone in (uids(1, 3, 5, 7, 9), uids(11), uids(13, 15, 17, 19, 21, 23, 25)):
            await store.metadata.expunge(mailbox.id, gone)
        after_first = ModSeq(start.highest_modseq + 1)
        assert await store.metadata.expunged_since(mailbox.id, ModSeq(0)) == UidSet(range(1, 26, 2))
        assert await store.metadata.expunged_since(mailbox.id, after_first) == UidSet(range(11, 26, 2))
        assert await store.metadata.expunged_since(mailbox.id, ModSeq(after_first + 2)) == UidSet()
        await store.follows(start, await store.metadata.changes_since(mailbox.id, start.highest_modseq))

    on_mysql(services, tmp_path, test)


def test_a_change_while_a_mailbox_is_loaded(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connections see different states, which do not fit together."""

    async def test(store: Store) -> None:
        mailbox = await large(store, reading.SMALL_ROWS + 100)
        original = reading._state
        states = []

        async def state(statements: Statements, mailbox_id: MailboxId) -> Any:
            if len(states) == 1:
                await store.metadata.set_flags(mailbox_id, uids(1), FlagOp.ADD, ("$b",))
                await store.append(mailbox)
            states.append(await original(statements, mailbox_id))
            return states[-1]

        monkeypatch.setattr(reading, "_state", state)
        loaded = await store.load(mailbox)
        assert len({one[1] for one in states[: reading.READERS]}) == 2
        monkeypatch.undo()
        assert contents(loaded) == contents(await store.load(mailbox))
        assert loaded.highest_modseq == (await store.again(mailbox)).highest_modseq

    on_mysql(services, tmp_path, test)


def test_a_connection_lost_while_a_mailbox_is_loaded(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(store: Store) -> None:
        mailbox = await large(store, MESSAGES)
        original = reading.pack_span
        spans = []

        async def pack_span(statements: Statements, *span: int) -> list[str]:
            spans.append(span)
            if len(spans) == 2:
                services.sql.run(f"KILL {statements.connection.thread_id}")
            return await original(statements, *span)

        monkeypatch.setattr(reading, "pack_span", pack_span)
        loaded = await store.load(mailbox)
        assert len(spans) > len(set(spans)), "what the lost connection had read is read again"
        monkeypatch.undo()
        assert contents(loaded) == contents(await store.load(mailbox))

    on_mysql(services, tmp_path, test)


@pytest.mark.parametrize(
    ("uid_next", "messages"), [(1, 0), (2, 1), (100_001, 100_000), (4_000_000_000, 10_000), (50_000, 3)]
)
def test_spans_cover_every_uid_once(uid_next: int, messages: int) -> None:
    spans = reading._spans(uid_next, messages)
    assert spans[0][0] == 1 and spans[-1][1] == 2**32 - 1
    assert all(second[0] == first[1] + 1 for first, second in pairwise(spans))
    assert len(spans) <= messages // rows.BLOCK_ROWS + 2


def test_parts_are_what_they_are_cut_from() -> None:
    for chosen in (uids(), uids(5), uids((1, 100_000)), uids((1, 8191), (9000, 9001), (9003, 30_000)), ODD):
        parts = list(selection.parts(chosen))
        assert [uid for _, part in parts for uid in part] == list(chosen)
        assert all(0 < len(part) <= selection.PART for _, part in parts)


def test_the_number_of_statements_does_not_depend_on_the_number_of_messages(services: Services, tmp_path: Path) -> None:
    """Law 6; up to what one statement takes."""

    async def test(store: Store) -> None:
        metadata = store.metadata
        assert isinstance(metadata, MysqlMetadata)
        source, target = await store.mailbox("INBOX"), await store.mailbox("Target")
        costs: dict[tuple[str, int], int] = {}

        async def cost(what: str, size: int, verb: Awaitable[Any]) -> None:
            before = metadata.statements
            await verb
            costs[what, size] = metadata.statements - before

        for count in (1, 600):
            messages = [store.message(source, ("$a",)) for _ in range(count)]
            await cost("append", count, metadata.append(messages))
        body = store.body()
        boxes = [await store.mailbox(f"Recipient {number}") for number in range(100)]
        await cost("deliver", 100, metadata.append([store.message(box, body=body) for box in boxes]))
        await cost("deliver", 1, metadata.append([store.message(source)]))
        scattered = uids(*range(1, 600, 2))
        for chosen in (uids(3), uids((1, 500)), scattered):
            size = len(chosen)
            await cost("flags", size, metadata.set_flags(source.id, chosen, FlagOp.ADD, ("\\Deleted",)))
            await cost("keyword", size, metadata.set_flags(source.id, chosen, FlagOp.ADD, (f"$f{size}",)))
        await metadata.copy(source.id, uids(3), target.id)
        for chosen in (uids(3), uids((1, 500)), scattered):
            await cost("copy", len(chosen), metadata.copy(source.id, chosen, target.id))
        for chosen in (uids(601), uids((400, 600)), scattered):
            await cost("move", len(chosen), metadata.move(source.id, chosen, target.id))
        for chosen in (uids(1), uids((2, 100)), scattered):
            await cost("expunge", len(chosen), metadata.expunge(target.id, chosen))
        assert costs == {
            ("append", 1): 6,
            ("append", 600): 6,
            ("deliver", 1): 5,
            ("deliver", 100): 5,
            ("flags", 1): 3,
            ("flags", 500): 5,
            ("flags", 300): 5,
            ("keyword", 1): 4,
            ("keyword", 500): 6,
            ("keyword", 300): 6,
            ("copy", 1): 4,
            ("copy", 500): 6,
            ("copy", 300): 6,
            ("move", 1): 5,
            ("move", 201): 7,
            ("move", 300): 7,
            ("expunge", 1): 5,
            ("expunge", 99): 6,
            ("expunge", 300): 6,
        }

    on_mysql(services, tmp_path, test)


def test_reads_are_one_statement(services: Services, tmp_path: Path) -> None:
    async def test(store: Store) -> None:
        metadata = store.metadata
        assert isinstance(metadata, MysqlMetadata)
        mailbox = await store.mailbox("INBOX")
        appended = await store.append(mailbox, 20)
        for read in (
            metadata.list_mailboxes(store.user.id),
            metadata.get_mailbox(store.user.id, "INBOX"),
            metadata.status(store.user.id, "INBOX"),
            metadata.claim_recent(mailbox.id, 1),
            metadata.load(mailbox.id),
            metadata.changes_since(mailbox.id, ModSeq(1)),
            metadata.expunged_since(mailbox.id, ModSeq(1)),
            metadata.modseqs([mailbox.id]),
            metadata.expunge(mailbox.id, None),
            metadata.summaries([one.body_id for one in appended]),
            metadata.body_locations([one.body_id for one in appended]),
            store.directory.get_user("ann@example.org"),
        ):
            before = metadata.statements
            await read
            assert metadata.statements - before == 1
        before = metadata.statements
        assert await metadata.data_version() is None
        assert metadata.statements == before

    on_mysql(services, tmp_path, test)
