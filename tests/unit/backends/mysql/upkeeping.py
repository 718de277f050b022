"""Every verb of Upkeep on a few of many accounts, mailboxes, messages and bodies, for the tests that look at plans."""

from __future__ import annotations

from dataclasses import replace

from lightmail.backends.mysql import MysqlDatabase, MysqlUpkeep, seal
from lightmail.model import BodyId, ExpungeRange, Mailbox, MailboxId, MailboxPatch, ModSeq, Rights, UserId
from tests.support.backends import Store, uids

ACL = (("ann@example.org", Rights.READ),)


async def keep_up(store: Store, database: MysqlDatabase) -> None:
    upkeep = MysqlUpkeep(database)
    await upkeep.take_lease("gc", "node", seconds=60)
    await upkeep.end_lease("gc", "node")
    await upkeep.put_job("move", b"1")
    await upkeep.get_job("move")
    await upkeep.put_job("move", None)
    await seal.touch_all(database)
    await upkeep.sealed()
    await upkeep.unseal()

    small = await store.metadata.get_mailbox(store.user.id, "Work/7")
    large = await store.metadata.get_mailbox(store.user.id, "INBOX")
    await _records(upkeep, small)
    await _patches(store, upkeep, small, large)

    await upkeep.mailbox_counts(MailboxId(small.id - 1), 3)
    await upkeep.mailbox_counts(MailboxId(large.id - 1), 1)
    await upkeep.body_counts(BodyId(0), 10)
    await upkeep.missing_bodies(small.id)
    (body,) = await upkeep.body_records([BodyId(900_003)])
    assert await upkeep.replace_object(body.id, body.record.object_key, "new/key.k1", 1)
    await database.all("UPDATE mailboxes SET messages = messages + 1 WHERE id = %s", (small.id,))
    await database.all("UPDATE message_bodies SET reference_count = 7 WHERE id = 900004")
    await database.all("UPDATE uid_validities SET last = 1 WHERE address = 'ann@example.org'")
    await upkeep.recount([small.id], [BodyId(900_004), BodyId(900_005)])
    await database.all("DELETE FROM message_bodies WHERE id = 900005")
    await upkeep.drop_messages(small.id, [104, 105])
    await database.all("INSERT INTO annotations VALUES (0, 999, '/private/left', 0, 999, '')")
    found = await upkeep.orphans(100)
    await upkeep.drop_orphans(found)

    await upkeep.drop_mailboxes([small.id])
    await upkeep.drop_accounts([UserId(1005)])


async def _records(upkeep: MysqlUpkeep, small: Mailbox) -> None:
    accounts = await upkeep.account_records(UserId(1000), 4)
    first, second, *_ = accounts
    exchanged = [
        replace(first, user=replace(first.user, address=second.user.address), subscriptions=("x",)),
        replace(second, user=replace(second.user, address=first.user.address), aliases=("new@example.org",)),
        replace(
            first, user=replace(first.user, id=UserId(5000), address="z@example.org"), aliases=(), app_passwords=()
        ),
    ]
    await upkeep.put_accounts(exchanged)
    await upkeep.account_acls(small.user_id)
    records = await upkeep.mailbox_records(MailboxId(small.id - 1), 2)
    renamed = [
        replace(one, mailbox=replace(one.mailbox, name=other.mailbox.name, recent_from=3), acl=ACL)
        for one, other in zip(records, reversed(records), strict=True)
    ]
    await upkeep.put_mailboxes(renamed)
    await upkeep.put_mailboxes(records)


async def _patches(store: Store, upkeep: MysqlUpkeep, small: Mailbox, large: Mailbox) -> None:
    await upkeep.expunge_ranges(large.id, ModSeq(large.highest_modseq - 5))
    bodies = [(BodyId(900_000 + number), store.body()) for number in range(6)]
    rows = [f"{100 + number} 1000 0 90 {900_000 + number} 1 0 1 1 0\n" for number in range(6)]
    patch = MailboxPatch(
        mailbox_id=small.id,
        bodies=bodies,
        rows=rows,
        expunged=[ExpungeRange(ModSeq(91), 2, 3)],
        absent=uids(5),
        keywords=("$a", "$c"),
        uid_next=200,
        highest_modseq=ModSeq(91),
    )
    await upkeep.apply(patch)
    await upkeep.apply(patch)
    await upkeep.body_records([body_id for body_id, _ in bodies])
