"""Rebuilds an empty database from the body store.

1. All objects are listed, and what manifests say is gathered in a scratch file.
2. Objects that no manifest names, and that are younger than the last one, say themselves where they belong.
3. Accounts, mailboxes and messages are put into the database; each body is read once for that.

The store is sealed meanwhile. Who is interrupted begins again: mailboxes that are complete are left as they are.

Clients have seen what came after the last manifest: UIDs and MODSEQs go on at a distance beyond what it tells, and every
message gets a new MODSEQ, so that a client that trusts MODSEQs asks for all flags once. No body is fetched again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import TypeVar

from lightmail.config import Config
from lightmail.errors import StoreNotEmpty, StoreSealed
from lightmail.mail.check.reading import side_by_side
from lightmail.mail.mailboxes import normal_name
from lightmail.mail.manifests.objects import new_store
from lightmail.mail.manifests.writer import StoreState, put_state
from lightmail.mail.rebuild.filling import Filling
from lightmail.mail.rebuild.gathering import gather_manifests, gather_objects
from lightmail.mail.rebuild.placing import Claim, claim_of, delivered_to
from lightmail.mail.rebuild.plan import Plan, PlannedMailbox
from lightmail.mail.rebuild.reading import BodyReader, Damaged
from lightmail.mail.rebuild.report import Guessed, Lost, Progress, RebuildReport
from lightmail.mail.rebuild.scratch import Body, Scratch
from lightmail.model import BodyId, MailboxId, UserId
from lightmail.ports.blobs import BlobNotFound, BlobStore, StoredObject
from lightmail.ports.clock import Clock
from lightmail.ports.upkeep import Upkeep

T = TypeVar("T")

JOB = "rebuild"
SEAL = "it is being rebuilt by `lightmail repair --from-bodies`"
_MARGIN_S = 3_600
"""How much younger than its age an object may say it is: clocks differ, and a body is stored before its message."""
_PAGE = 500
_BODY_DISTANCE = 1_000_000


class Rebuilder:
    """One rebuilding."""

    def __init__(
        self,
        *,
        upkeep: Upkeep,
        blobs: BlobStore,
        clock: Clock,
        config: Config,
        workers: Executor,
        progress: Progress = lambda _what, _done, _total: None,
    ) -> None:
        """workers: for reading bodies."""
        self._upkeep = upkeep
        self._blobs = blobs
        self._clock = clock
        self._config = config
        self._progress = progress
        self._reader = BodyReader(blobs=blobs, limits=config.limits, workers=workers)
        self._report = RebuildReport()
        self._resumed = False
        self._scratch: Scratch
        self._plan: Plan

    async def run(self, store: str, *, unplaced_to: str = "", dry_run: bool = False) -> RebuildReport:
        """store: whose manifests are used; "": none. unplaced_to: the address that gets messages nobody is named for.

        dry_run: nothing is changed, and bodies are not read. Raises StoreNotEmpty, Unavailable.
        """
        begun_s = self._clock.monotonic_s()
        if not dry_run:
            await self._begin()
        self._report.store = store
        self._scratch = Scratch()
        try:
            await gather_objects(self._blobs, self._scratch, self._report, self._progress)
            if store:
                await gather_manifests(self._blobs, self._scratch, self._report, self._progress)
            await self._make_plan(unplaced_to)
            if dry_run:
                await self._tell_what_would_be()
            else:
                await self._put_structure()
                await self._fill()
                await self._end(store or new_store())
        finally:
            await self._scratch.close()
        self._report.seconds = self._clock.monotonic_s() - begun_s
        return self._report

    async def check_empty(self) -> None:
        """Raises StoreNotEmpty; a rebuilding that was interrupted is no reason."""
        if await self._upkeep.get_job(JOB) is None and (found := await self._what_is_there()):
            raise StoreNotEmpty(f"the database has {found} already")

    # ---- begin and end

    async def _begin(self) -> None:
        self._resumed = await self._upkeep.get_job(JOB) is not None
        if not self._resumed:
            reason = await self._upkeep.sealed()
            if reason is not None:
                raise StoreSealed(reason)
            await self._upkeep.put_job(JOB, b"{}")
        await self._upkeep.seal(SEAL)
        if not self._resumed and (found := await self._what_is_there()):
            # Somebody was faster.
            await self._upkeep.unseal()
            await self._upkeep.put_job(JOB, None)
            raise StoreNotEmpty(f"the database has {found} already")

    async def _what_is_there(self) -> str:
        for what, found in (
            ("accounts", await self._upkeep.account_records(UserId(0), 1)),
            ("mailboxes", await self._upkeep.mailbox_records(MailboxId(0), 1)),
            ("bodies", await self._upkeep.body_counts(BodyId(0), 1)),
        ):
            if found:
                return what
        return ""

    async def _end(self, store: str) -> None:
        # UIDs and MODSEQs are beyond what manifests tell: they have to be written as a whole.
        await put_state(self._upkeep, StoreState(store, rewrite=True))
        await self._upkeep.unseal()
        await self._upkeep.put_job(JOB, None)

    # ---- the plan

    async def _make_plan(self, unplaced_to: str) -> None:
        scratch = self._scratch
        uses = {normal_name(name): use for name, use in self._config.mail.special_use.items()}
        self._plan = Plan(
            await scratch.accounts(),
            await scratch.mailboxes(),
            accounts_gone=await scratch.accounts(gone=True),
            mailboxes_gone=await scratch.mailboxes(gone=True),
            special_use=uses,
        )
        since_s = self._report.told_until_s - _MARGIN_S if self._report.told_until_s else 0
        body_id = await scratch.greatest_body() + _BODY_DISTANCE
        after, done = "", 0
        while page := await scratch.unmentioned(after, since_s, _PAGE):
            after = page[-1].key
            claims = await self._claims(page)
            placed: list[tuple[Body, Claim, list[PlannedMailbox]]] = []
            for each in page:
                claim = claims.get(each.key)
                if claim is None:
                    continue
                body_id += 1
                mailboxes = self._places(claim, each.key, unplaced_to)
                placed.append((Body(body_id, each.key, -1, each.octets), claim, mailboxes))
            await scratch.place(
                (mailbox.id, claim.internaldate, claim.zone, body.id, " ".join(claim.flags))
                for body, claim, mailboxes in placed
                for mailbox in mailboxes
            )
            await scratch.add_bodies(body for body, _, mailboxes in placed if mailboxes)
            done += len(page)
            self._progress("asking objects", done, 0)
        self._plan.finish(self._clock.now_s())
        report = self._report
        report.accounts, report.mailboxes = len(self._plan.accounts), len(self._plan.mailboxes)
        report.new_accounts = [account.address for account in self._plan.accounts if account.line is None]
        report.new_mailboxes = [(box.account.address, box.name) for box in self._plan.mailboxes if box.line is None]

    def _places(self, claim: Claim, key: str, unplaced_to: str) -> list[PlannedMailbox]:
        self._report.unnamed_recipients += claim.unnamed
        if claim.addresses:
            return self._plan.places(claim)
        if unplaced_to:
            return [self._plan.recovered(unplaced_to)]
        self._report.add_unplaced(key)
        return []

    async def _claims(self, objects: Sequence[StoredObject]) -> dict[str, Claim]:
        """By key; of those that are still there."""
        claims: dict[str, Claim] = {}

        async def ask(each: StoredObject) -> None:
            try:
                about = await self._blobs.about(each.key)
            except BlobNotFound:
                return
            claim = claim_of(about, each.modified_s, self._config.limits)
            if not claim.addresses and not claim.unnamed:
                address = await self._delivered_to(each)
                claim = replace(claim, addresses=(address,) if address else ())
            claims[each.key] = claim

        await side_by_side(ask, objects)
        return claims

    async def _delivered_to(self, object_: StoredObject) -> str:
        try:
            record = await self._reader.read(object_.key, object_.octets)
        except Damaged:
            return ""
        return delivered_to(record.summary.header)

    async def _tell_what_would_be(self) -> None:
        by_id = {mailbox.id: mailbox for mailbox in self._plan.mailboxes}
        for mailbox_id, messages in (await self._scratch.placed_by_mailbox()).items():
            mailbox = by_id[mailbox_id]
            self._report.guessed.append(Guessed(mailbox.account.address, mailbox.name, messages))
        for lost in await self._scratch.lost():
            if lost.mailbox_id in by_id:
                mailbox = by_id[lost.mailbox_id]
                self._report.add_lost(Lost(mailbox.account.address, mailbox.name, lost.uid, lost.key, lost.reason))
        self._report.messages = await self._scratch.count("messages") - self._report.lost_messages

    # ---- into the database

    async def _put_structure(self) -> None:
        now_s = self._clock.now_s()
        for accounts in _pages(self._plan.accounts):
            await self._upkeep.put_accounts([account.record(now_s) for account in accounts])
        for mailboxes in _pages(self._plan.mailboxes):
            await self._upkeep.put_mailboxes([mailbox.record() for mailbox in mailboxes])

    async def _fill(self) -> None:
        total = await self._scratch.count("messages") + await self._scratch.count("placed")
        filling = Filling(
            upkeep=self._upkeep,
            scratch=self._scratch,
            reader=self._reader,
            report=self._report,
            progress=self._progress,
            total=total,
        )
        complete = await self._complete()
        for mailbox in self._plan.mailboxes:
            if complete.get(mailbox.id, 0) == mailbox.modseq:
                await filling.skip(mailbox)
            else:
                await filling.fill(mailbox)

    async def _complete(self) -> dict[int, int]:
        """MODSEQs of the mailboxes that an earlier attempt has put."""
        found: dict[int, int] = {}
        after = MailboxId(0)
        while self._resumed and (page := await self._upkeep.mailbox_records(after, _PAGE)):
            found |= {record.mailbox.id: record.mailbox.highest_modseq for record in page}
            after = page[-1].mailbox.id
        return found


def _pages(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), _PAGE):
        yield items[start : start + _PAGE]
