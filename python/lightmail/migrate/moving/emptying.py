"""Whether there is nothing in a target, and how there comes to be nothing."""

from __future__ import annotations

from lightmail.mail.manifests.objects import PREFIX
from lightmail.mail.manifests.writer import JOB as MANIFESTS
from lightmail.migrate.moving.patience import patiently
from lightmail.migrate.moving.sides import Progress, Side
from lightmail.model import BodyId, MailboxId, UserId

_PAGE = 500


async def is_empty(side: Side) -> bool:
    """No account, no mailbox, no body; settings, jobs and leases are nobody's mail."""
    upkeep = side.upkeep
    return not (
        await upkeep.account_records(UserId(0), 1)
        or await upkeep.mailbox_records(MailboxId(0), 1)
        or await upkeep.body_counts(BodyId(0), 1)
    )


async def make_empty(target: Side, source: Side, progress: Progress, *, shared: bool) -> None:
    """Objects that the source names too stay where they are: they need not be copied again. May be interrupted and run
    again. shared: both sides keep their bodies in one place, so no object goes.

    The seal of the target is lifted: bodies leave as they do in a store that is in use. By then nobody has an account.
    """
    progress.phase("emptying the target", 0, 0)
    upkeep = target.upkeep
    while users := await patiently(upkeep.account_records, UserId(0), _PAGE):
        gone = [each.user.id for each in users]
        await patiently(upkeep.drop_accounts, gone)
    while boxes := await patiently(upkeep.mailbox_records, MailboxId(0), _PAGE):
        left = [each.mailbox.id for each in boxes]
        await patiently(upkeep.drop_mailboxes, left)
    await patiently(upkeep.unseal)
    await _correct_references(target)
    while bodies := await patiently(target.metadata.unreferenced_bodies, _PAGE):
        keys = [each.object_key for each in bodies]
        ids = [each.body_id for each in bodies]
        kept = await patiently(source.metadata.known_keys, keys)
        await patiently(target.metadata.forget_bodies, ids)
        if not shared:
            unneeded = [key for key in keys if key not in kept]
            await patiently(target.blobs.delete, unneeded)
        progress.advance(len(bodies), 0)
    await _forget_manifests(target, shared=shared)


async def _forget_manifests(target: Side, *, shared: bool) -> None:
    """They tell of the mail that has gone. What is written next begins anew, under another name."""
    await patiently(target.upkeep.put_job, MANIFESTS, None)
    if not shared:
        keys = [each.key async for each in target.blobs.objects(PREFIX)]
        await patiently(target.blobs.delete, keys)


async def _correct_references(target: Side) -> None:
    """A count that was wrong would keep its body there for ever."""
    after = BodyId(0)
    while page := await patiently(target.upkeep.body_counts, after, _PAGE):
        wrong = [each.id for each in page if each.references]
        if wrong:
            await patiently(target.upkeep.recount, [], wrong)
        after = page[-1].id
