"""All that a metadata database holds, through its ports: to compare two of them, and to carry one over into another."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lightmail._core.index import UidSet
from lightmail.model import BodyId, Mailbox, MailboxId, MailboxPatch, MailboxRecord, ModSeq, UserId
from tests.support.backends import Ports, Store

PAGE = 2
"""Small, so that there are several."""


async def everything(ports: Ports | Store) -> dict[str, Any]:
    """As values that compare; when a body lost its last message is not among them."""
    upkeep = ports.upkeep
    accounts, boxes = await all_accounts(ports), await all_mailboxes(ports)
    bodies: set[int] = set()
    messages: dict[int, object] = {}
    for record in boxes:
        if record.mailbox.selectable:
            packed = await ports.metadata.load(record.mailbox.id)
            rows = sorted(tuple(map(int, line.split())) for block in packed.blocks for line in block.splitlines())
            messages[record.mailbox.id] = (packed.keywords, packed.uid_next, packed.highest_modseq, rows)
            bodies |= {row[4] for row in rows}
    return {
        "accounts": accounts,
        "mailboxes": [(replace(record.mailbox, subscribed=False), record.keywords, record.acl) for record in boxes],
        "messages": messages,
        "expunges": {record.mailbox.id: await expunged(ports, record.mailbox) for record in boxes},
        "bodies": [
            (body.id, body.record, body.references)
            for body in await upkeep.body_records([BodyId(body_id) for body_id in bodies])
        ],
    }


async def all_accounts(ports: Ports | Store) -> list[Any]:
    found: list[Any] = []
    while page := await ports.upkeep.account_records(found[-1].user.id if found else UserId(0), PAGE):
        found += page
    return found


async def all_mailboxes(ports: Ports | Store) -> list[MailboxRecord]:
    found: list[MailboxRecord] = []
    while page := await ports.upkeep.mailbox_records(found[-1].mailbox.id if found else MailboxId(0), PAGE):
        found += page
    return found


async def expunged(ports: Ports | Store, mailbox: Mailbox, after: int = 0) -> list[tuple[int, UidSet]]:
    """(MODSEQ, UIDs): whatever ranges the log keeps them in."""
    by_modseq: dict[int, UidSet] = {}
    ranges = await ports.upkeep.expunge_ranges(mailbox.id, ModSeq(after))
    assert [one.modseq for one in ranges] == sorted(one.modseq for one in ranges)
    for one in ranges:
        uids = UidSet.from_ranges([(one.first_uid, one.last_uid)])
        by_modseq[one.modseq] = by_modseq.get(one.modseq, UidSet()) | uids
    return sorted(by_modseq.items(), key=lambda item: item[0])


async def patch_of(ports: Ports | Store, record: MailboxRecord, *, after: int = 0) -> MailboxPatch:
    """The way of a mailbox from `after` to what it is here; from 0 on it is all of it."""
    mailbox = record.mailbox
    delta = await ports.metadata.changes_since(mailbox.id, ModSeq(after))
    body_ids = {BodyId(int(line.split()[4])) for block in delta.rows for line in block.splitlines()}
    bodies = await ports.upkeep.body_records(sorted(body_ids))
    return MailboxPatch(
        mailbox_id=mailbox.id,
        bodies=[(body.id, body.record) for body in bodies],
        rows=delta.rows,
        expunged=await ports.upkeep.expunge_ranges(mailbox.id, ModSeq(after)),
        absent=None,
        keywords=delta.keywords,
        uid_next=delta.uid_next,
        highest_modseq=delta.highest_modseq,
    )


async def carry(source: Ports | Store, target: Ports | Store) -> None:
    """All of `source` into `target`, which is empty or has got some of it before."""
    await target.upkeep.put_accounts(await all_accounts(source))
    boxes = await all_mailboxes(source)
    await target.upkeep.put_mailboxes(boxes)
    for record in boxes:
        if record.mailbox.selectable:
            await target.upkeep.apply(await patch_of(source, record))
