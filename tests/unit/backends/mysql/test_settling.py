"""APPEND after a COMMIT of unknown outcome: once in the mailbox, whatever became of it, and answered (law 1)."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from lightmail.backends.mysql import MysqlDatabase, MysqlDirectory, MysqlMetadata, MysqlUpkeep, append
from lightmail.errors import MailboxNotFound, OutcomeUnknown
from lightmail.model import BodyId
from tests.support.aio import run
from tests.support.backends import HandClock, Store, uids
from tests.support.faults.proxy import Proxy
from tests.support.mysql import OPTIONS, empty_database
from tests.support.services import Services

pytestmark = pytest.mark.integration


@asynccontextmanager
async def behind_proxy(services: Services, **options: float) -> AsyncIterator[tuple[Store, MysqlMetadata, Proxy]]:
    """A store whose database is reached by the proxy, and the same without it."""
    async with empty_database(services) as url:
        with Proxy(url.port) as proxy:
            patience = dataclasses.replace(url, host="127.0.0.1", port=proxy.port)
            distant = await MysqlDatabase.open(patience, msgspec.structs.replace(OPTIONS, **options), HandClock())
            near = await MysqlDatabase.open(url, OPTIONS, HandClock())
            try:
                directory = MysqlDirectory(distant)
                user = await directory.add_user("ann@example.org", "")
                store = Store(MysqlMetadata(distant), directory, MysqlUpkeep(distant), HandClock(), user)
                yield store, MysqlMetadata(near), proxy
            finally:
                await distant.close()
                await near.close()


@pytest.mark.parametrize("committed", [True, False])
@pytest.mark.parametrize("bodies", [1, 3])
def test_a_lost_commit_is_settled(services: Services, committed: bool, bodies: int) -> None:
    async def test() -> None:
        async with behind_proxy(services) as (store, near, proxy):
            inbox, other = await store.mailbox(), await store.mailbox("Other")
            await store.append(inbox, 1)
            before = await store.load(inbox)
            new = [store.body() for _ in range(bodies)]
            (proxy.lose_answer if committed else proxy.lose_question)(b"COMMIT")
            appended, deltas = await store.metadata.append(
                [store.message(box, ("$New",), body=body) for body in new for box in (inbox, other)]
            )
            assert not proxy.pending, "it was lost"
            assert [(each.mailbox_id, each.uid) for each in appended] == [
                place for number in range(bodies) for place in ((inbox.id, 2 + number), (other.id, 1 + number))
            ]
            after = await store.follows(before, next(each for each in deltas if each.mailbox_id == inbox.id))
            assert after.uids() == uids((1, 1 + bodies)) and after.uid_next == 2 + bodies
            assert await near.known_keys([body.object_key for body in new]) == {body.object_key for body in new}
            counts = await store.upkeep.body_counts(BodyId(0), 100)
            assert [each.references for each in counts] == [each.counted for each in counts] == [1] + [2] * bodies

    run(test())


def test_it_may_be_lost_again(services: Services) -> None:
    """What was committed by any of the attempts is answered."""

    async def test() -> None:
        async with behind_proxy(services) as (store, _, proxy):
            inbox = await store.mailbox()
            run_once = append.Appending.run
            lost = [proxy.lose_question, proxy.lose_answer]

            async def losing(self: append.Appending, statements: append.Statements) -> append.Answer:
                if lost:
                    lost.pop(0)(b"COMMIT")
                return await run_once(self, statements)

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(append.Appending, "run", losing)
                (appended,) = await store.append(inbox)
                assert not lost and not proxy.pending
                assert (await store.load(inbox)).uids() == uids(appended.uid) == uids(1)

    run(test())


def test_the_mailbox_is_gone_meanwhile(services: Services) -> None:
    """Deleted after the COMMIT that nobody heard of: its message was there. Deleted before: it never was."""

    async def test(committed: bool) -> None:
        async with behind_proxy(services) as (store, near, proxy):
            inbox, other = await store.mailbox(), await store.mailbox("Other")
            run_once = append.Appending.run
            attempts = 0

            async def deleted_before_the_second(self: append.Appending, statements: append.Statements) -> append.Answer:
                nonlocal attempts
                attempts += 1
                if attempts == 2:
                    await near.delete_mailbox(store.user.id, "Other")
                return await run_once(self, statements)

            body = store.body()
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(append.Appending, "run", deleted_before_the_second)
                (proxy.lose_answer if committed else proxy.lose_question)(b"COMMIT")
                messages = [store.message(inbox, body=body), store.message(other, body=body)]
                if committed:
                    appended, _ = await store.metadata.append(messages)
                    assert [each.uid for each in appended] == [1, 1]
                else:
                    with pytest.raises(MailboxNotFound):
                        await store.metadata.append(messages)
            assert attempts == 2
            assert len((await store.load(inbox)).uids()) == committed

    for committed in (True, False):
        run(test(committed))


def test_a_database_that_stays_away_leaves_it_unknown(services: Services) -> None:
    """Then whoever has the mailbox open must look."""

    async def test() -> None:
        async with behind_proxy(services, retry_s=0.2) as (store, near, proxy):
            inbox = await store.mailbox()
            proxy.lose_answer(b"COMMIT")
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(append.Appending, "unknown", lambda _appending: proxy.refuse())
                with pytest.raises(OutcomeUnknown):
                    await store.append(inbox)
            proxy.admit()
            assert (await near.load(inbox.id)).uid_next == 2

    run(test())
