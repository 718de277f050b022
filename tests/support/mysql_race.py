"""Many writers on several processes' connections to one database: laws 2 and 3 hold, and every change is told once."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from lightmail._core.index import Snapshot, UidSet
from lightmail.backends.mysql import MysqlDatabase, MysqlDirectory, MysqlMetadata, MysqlUpkeep
from lightmail.config.addresses import MysqlUrl
from lightmail.model import Delta, FlagOp, MailboxId
from tests.support.backends import HandClock, Store, contents
from tests.support.mysql import OPTIONS

TASKS = 8
STEPS = 40

COUNTED = """
    SELECT COUNT(*), COALESCE(SUM(NOT flags & 8), 0), COALESCE(SUM(flags & 4 <> 0), 0), COALESCE(SUM(size_octets), 0)
    FROM messages WHERE mailbox_id = %s
"""
WRONG_REFERENCES = """
    SELECT b.id, b.reference_count, COUNT(m.uid), b.unreferenced_s
    FROM message_bodies AS b LEFT JOIN messages AS m ON m.body_id = b.id
    GROUP BY b.id HAVING b.reference_count <> COUNT(m.uid) OR (b.unreferenced_s IS NULL) = (COUNT(m.uid) = 0)
"""


@dataclass
class Told:
    """What all verbs have answered."""

    uids: dict[MailboxId, list[int]] = field(default_factory=lambda: defaultdict(list))
    """Those that were given."""
    deltas: dict[MailboxId, list[Delta]] = field(default_factory=lambda: defaultdict(list))

    def add(self, deltas: Iterable[Delta | None]) -> None:
        for delta in deltas:
            if delta is not None:
                self.deltas[delta.mailbox_id].append(delta)

    def gave(self, mailbox_id: MailboxId, uids: Iterable[int]) -> None:
        self.uids[mailbox_id] += uids


async def work(store: Store, boxes: list[MailboxId], task: int, told: Told) -> None:
    """One client, in a hurry."""
    dice = random.Random(task)
    metadata = store.metadata
    mailboxes = {one.id: one for one in await metadata.list_mailboxes(store.user.id)}
    for step in range(STEPS):
        source, target = dice.sample(boxes, 2)
        first = dice.randint(1, 60)
        few = UidSet(dice.sample(range(first, first + 20), dice.choice((1, 1, 3, 6))))
        match dice.choice(("append", "append", "append", "flags", "flags", "copy", "move", "within", "expunge")):
            case "append":
                body = store.body()
                messages = [store.message(mailboxes[box], (f"$k{step % 25}",), body=body) for box in (source, target)]
                appended, deltas = await metadata.append(messages)
                told.add(deltas)
                for one in appended:
                    told.gave(one.mailbox_id, [one.uid])
            case "flags":
                op = dice.choice((FlagOp.ADD, FlagOp.REMOVE))
                names = (dice.choice(("\\Seen", "\\Deleted", f"$f{task}", "$shared")),)
                told.add([(await metadata.set_flags(source, few, op, names)).delta])
            case "copy":
                copied = await metadata.copy(source, few, target)
                told.add([copied.delta])
                told.gave(target, copied.target_uids)
            case "move" | "within" as how:
                to = target if how == "move" else source
                moved = await metadata.move(source, few, to)
                told.add([moved.source_delta, moved.target_delta])
                told.gave(to, moved.target_uids)
            case "expunge":
                told.add([(await metadata.expunge(source, dice.choice((None, few)))).delta])


async def race(urls: Sequence[MysqlUrl]) -> None:
    """urls: of one empty database, one for each process. Raises AssertionError when a law is broken."""
    async with AsyncExitStack() as stack:
        databases = []
        for url in urls:
            databases.append(await MysqlDatabase.open(url, OPTIONS, HandClock()))
            stack.push_async_callback(databases[-1].close)
        user = await MysqlDirectory(databases[0]).add_user("ann@example.org", "")
        stores = [
            Store(
                MysqlMetadata(database),
                MysqlDirectory(database),
                MysqlUpkeep(database),
                HandClock(),
                user,
                _bodies=at * 1_000_000,
            )
            for at, database in enumerate(databases)
        ]
        boxes = [(await stores[0].mailbox(name)).id for name in ("INBOX", "Archive")]
        told = Told()
        async with asyncio.TaskGroup() as tasks:
            for task in range(TASKS):
                tasks.create_task(work(stores[task % len(stores)], boxes, task, told))
        for store, database in zip(stores, databases, strict=True):
            for box in boxes:
                await check_mailbox(store, database, box, told)
            assert await database.all(WRONG_REFERENCES) == []


async def check_mailbox(store: Store, database: MysqlDatabase, mailbox_id: MailboxId, told: Told) -> None:
    (mailbox,) = [one for one in await store.metadata.list_mailboxes(store.user.id) if one.id == mailbox_id]
    loaded = await store.load(mailbox_id)

    given = told.uids[mailbox_id]
    assert sorted(given) == list(range(1, mailbox.uid_next)), "every UID was given to one message, and none left out"

    (counted,) = await database.all(COUNTED, (mailbox_id,))
    says = (mailbox.messages, mailbox.unseen, mailbox.deleted, mailbox.size_octets)
    assert counted == says, f"{counted} are there, the mailbox says {says}"
    assert mailbox.recent == mailbox.messages == len(loaded)

    snapshot = Snapshot.load([], keywords=(), uid_next=1, highest_modseq=1)
    for delta in sorted(told.deltas[mailbox_id], key=lambda delta: delta.base_modseq):
        assert delta.base_modseq == snapshot.highest_modseq, "every MODSEQ was given to one change, and none left out"
        assert delta.highest_modseq == delta.base_modseq + 1
        snapshot = snapshot.apply(
            delta.rows,
            delta.expunged,
            keywords=delta.keywords,
            uid_next=delta.uid_next,
            highest_modseq=delta.highest_modseq,
        )
    assert contents(snapshot) == contents(loaded)
