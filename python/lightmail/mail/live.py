"""Live mailboxes: one immutable `Snapshot` per open mailbox and process, shared by all sessions, moved on by Deltas.

A change made by this process is applied from its Delta; a hint of a change made elsewhere, or a Delta that does not
fit, is answered by one `changes_since`, however many sessions wait for it. What is known is never older than the last
answer given by this process, and as fresh as the hints for changes of other processes (law 4).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

from lightmail._core.index import Snapshot
from lightmail.errors import MailboxNotFound, SystemFault
from lightmail.model import Delta, MailboxId, ModSeq
from lightmail.ports.changes import ChangeFeed
from lightmail.ports.metadata import MetadataStore

RETRY_S = 1.0
"""After a look into the database that failed: a client that idles asks for nothing, and waits to be told."""

T = TypeVar("T")
Watcher = Callable[["LiveMailbox"], None]
"""Called on the loop thread when the snapshot has moved on, or the mailbox is gone; must not block."""


class LiveMailbox:
    """One open mailbox. Hold it by `LiveMailboxes.open`, give it back by `release`, once each."""

    __slots__ = ("_hinted", "_owner", "_refreshing", "_watchers", "deleted", "mailbox_id", "references", "snapshot")

    def __init__(self, owner: LiveMailboxes, mailbox_id: MailboxId, snapshot: Snapshot) -> None:
        self.mailbox_id = mailbox_id
        self.snapshot = snapshot
        self.deleted = False
        """The mailbox exists no more; the snapshot is its last state."""
        self.references = 0
        self._owner = owner
        self._watchers: list[Watcher] = []
        self._hinted = ModSeq(0)
        self._refreshing: asyncio.Task[None] | None = None

    def watch(self, watcher: Watcher) -> None:
        self._watchers.append(watcher)
        if self.stale and self._refreshing is None:
            # A hint that came while nobody watched: there may be no other.
            self._start_refresh()

    def unwatch(self, watcher: Watcher) -> None:
        """A watcher that is not there is ignored."""
        if watcher in self._watchers:
            self._watchers.remove(watcher)

    def release(self) -> None:
        self._owner.release(self)

    @property
    def stale(self) -> bool:
        """A hint names a later state than the one known."""
        return self._hinted > self.snapshot.highest_modseq

    async def refresh(self) -> Snapshot:
        """What the database has now; callers at the same time share one statement.

        Raises Unavailable; MailboxNotFound when the mailbox is gone (then `deleted` is set).
        """
        if self._refreshing is not None:
            # That statement may have been sent before the change the caller means, so it is not enough.
            await asyncio.shield(self._refreshing)
        if self._refreshing is None:
            self._start_refresh()
        if self._refreshing is not None:
            await asyncio.shield(self._refreshing)
        return self.snapshot

    def apply(self, delta: Delta) -> bool:
        """Move on by a Delta; False when it starts later than what is known here, so that something is missing.

        A Delta holds whole rows, so one that began earlier fits as well.
        """
        known = self.snapshot.highest_modseq
        if delta.highest_modseq <= known:
            return True
        if delta.base_modseq > known:
            self._hinted = max(self._hinted, delta.highest_modseq)
            return False
        self._replace(
            self.snapshot.apply(
                delta.rows,
                delta.expunged,
                keywords=delta.keywords,
                uid_next=delta.uid_next,
                highest_modseq=delta.highest_modseq,
            )
        )
        return True

    def hint(self, modseq: ModSeq) -> None:
        """Someone says that the mailbox is at `modseq`."""
        if modseq <= self.snapshot.highest_modseq:
            return
        self._hinted = max(self._hinted, modseq)
        if self._watchers and self._refreshing is None:
            self._start_refresh()

    def mark_deleted(self) -> None:
        if not self.deleted:
            self.deleted = True
            self._tell()

    def _replace(self, snapshot: Snapshot) -> None:
        grown = snapshot.memory_octets - self.snapshot.memory_octets
        self.snapshot = snapshot
        self._owner.resized(self, grown)
        self._tell()

    def _tell(self) -> None:
        for watcher in tuple(self._watchers):
            watcher(self)

    def _start_refresh(self) -> None:
        self._refreshing = self._owner.spawn(self._refresh())
        self._refreshing.add_done_callback(self._refreshed)

    def _refreshed(self, task: asyncio.Task[None]) -> None:
        if self._refreshing is task:
            self._refreshing = None
        # A hint that came in the meantime is not lost.
        if not task.cancelled() and task.exception() is None and self.stale and self._watchers:
            self._start_refresh()

    async def _refresh(self) -> None:
        hinted = self._hinted
        try:
            delta = await self._owner.metadata.changes_since(self.mailbox_id, ModSeq(self.snapshot.highest_modseq))
        except MailboxNotFound:
            self._owner.drop(self.mailbox_id)
            raise
        except SystemFault:
            self._owner.look_later((self.mailbox_id,))
            raise
        self.apply(delta)
        if self._hinted == hinted:
            # The database is the truth: a hint beyond it was wrong, and must not keep this mailbox stale for ever.
            self._hinted = min(self._hinted, ModSeq(self.snapshot.highest_modseq))


class LiveMailboxes:
    """All live mailboxes of a process. Those nobody holds are kept within max_octets, least recently used out first."""

    def __init__(self, metadata: MetadataStore, feed: ChangeFeed, *, max_octets: int, exclusive: bool) -> None:
        """feed: is told which mailboxes are held; what it hears comes by `hint`.

        exclusive: no other process is expected to write, so that what is kept is trusted until a hint comes;
        otherwise opening a kept mailbox asks the database for changes first.
        """
        self.metadata = metadata
        self._feed = feed
        self._max_octets = max_octets
        self._exclusive = exclusive
        self._octets = 0
        self._live: dict[MailboxId, LiveMailbox] = {}
        self._idle: OrderedDict[MailboxId, LiveMailbox] = OrderedDict()
        self._loading: dict[MailboxId, asyncio.Task[None]] = {}
        self._hints_while_loading: dict[MailboxId, ModSeq] = {}
        self._unsure_while_loading: set[MailboxId] = set()
        """Somebody said to look; what the load finds may be of a time before that."""
        self._checking: asyncio.Task[None] | None = None
        self._unsure: set[MailboxId] = set()
        """Those to ask the database for, with the next check."""
        self._failed: set[MailboxId] = set()
        """Those that could not be asked for."""
        self._retry: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def octets(self) -> int:
        """Memory of all snapshots kept, in octets; chunks shared with older snapshots are not counted twice."""
        return self._octets

    def __len__(self) -> int:
        return len(self._live)

    def get(self, mailbox_id: MailboxId) -> LiveMailbox | None:
        """The live mailbox if it is here; not held by this call."""
        return self._live.get(mailbox_id)

    async def open(self, mailbox_id: MailboxId) -> LiveMailbox:
        """Hold a mailbox, loading it once however many ask. Does not suspend when it is here and up to date.

        Raises MailboxNotFound, Unavailable.
        """
        try:
            # Before anything is asked: what is committed later than the answer is told by the feed.
            await self._feed.follow(mailbox_id)
            live, fresh = self._live.get(mailbox_id), False
            while live is None:
                fresh = await self._load(mailbox_id)
                live = self._live.get(mailbox_id)
            self._hold(live)
            try:
                if live.stale or not (fresh or self._exclusive):
                    await live.refresh()
            except BaseException:
                self._let_go(live)
                raise
        except BaseException:
            self._feed.unfollow(mailbox_id)
            raise
        return live

    def release(self, live: LiveMailbox) -> None:
        self._let_go(live)
        self._feed.unfollow(live.mailbox_id)

    def _hold(self, live: LiveMailbox) -> None:
        live.references += 1
        self._idle.pop(live.mailbox_id, None)

    def _let_go(self, live: LiveMailbox) -> None:
        live.references -= 1
        if live.references == 0 and self._live.get(live.mailbox_id) is live:
            self._idle[live.mailbox_id] = live
            self._evict()

    async def absorb(self, deltas: Iterable[Delta | None]) -> None:
        """Apply what this process has just committed; afterwards every mailbox that is held here is at least there.

        A Delta that does not fit (another writer was faster) is replaced by one statement; when that fails, the hint
        keeps the mailbox stale: the change itself is committed and is not unsaid by it.
        """
        for delta in deltas:
            if delta is None:
                continue
            live = self._live.get(delta.mailbox_id)
            if live is None:
                self._note_while_loading(delta.mailbox_id, delta.highest_modseq)
            elif not live.apply(delta):
                await self.catch_up(delta.mailbox_id, delta.highest_modseq)

    async def catch_up(self, mailbox_id: MailboxId, modseq: ModSeq) -> None:
        """The database is at `modseq`: afterwards a mailbox that is held here is at least there, or stale. Never raises."""
        live = self._live.get(mailbox_id)
        if live is None or not live.references or modseq <= live.snapshot.highest_modseq:
            return
        try:
            await live.refresh()
        except (MailboxNotFound, SystemFault):
            live.hint(modseq)

    def hint(self, mailbox_id: MailboxId, modseq: ModSeq) -> None:
        """A ChangeListener (see ports/changes.py)."""
        if not mailbox_id:
            self._unsure_while_loading.update(self._loading)
            self._check(self._cared_for())
            return
        live = self._live.get(mailbox_id)
        if live is None:
            if modseq:
                self._note_while_loading(mailbox_id, modseq)
            elif mailbox_id in self._loading:
                self._unsure_while_loading.add(mailbox_id)
        elif modseq:
            live.hint(modseq)
        elif live.references or self._exclusive:
            # Otherwise nobody looks before it is opened, and the database is asked then.
            self._check((mailbox_id,))

    def _cared_for(self) -> set[MailboxId]:
        """Those whose changes must be known before they are opened once more: then the database is asked anyway."""
        return set(self._live) if self._exclusive else self._live.keys() - self._idle.keys()

    def _check(self, mailbox_ids: Iterable[MailboxId]) -> None:
        """Ask once which of these have changed; asked while an answer is under way, ask once more."""
        self._unsure.update(mailbox_ids)
        if self._unsure and self._checking is None:
            unsure, self._unsure = self._unsure, set()
            self._checking = self.spawn(self._ask(unsure))
            self._checking.add_done_callback(self._asked)

    def drop(self, mailbox_id: MailboxId) -> None:
        """The mailbox exists no more: its holders are told, nobody finds it here again."""
        live = self._live.pop(mailbox_id, None)
        if live is None:
            return
        self._idle.pop(mailbox_id, None)
        self._octets -= live.snapshot.memory_octets
        live.mark_deleted()

    async def close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._retry is not None:
            self._retry.cancel()

    def resized(self, live: LiveMailbox, octets: int) -> None:
        """The snapshot of `live` has grown by so many octets."""
        if self._live.get(live.mailbox_id) is live:
            self._octets += octets
            self._evict()

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run a load or refresh as a task that several may wait for and that is not lost."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            # Whoever awaits the task gets the error; what a hint has started is tried again by itself.
            task.exception()

    def _note_while_loading(self, mailbox_id: MailboxId, modseq: ModSeq) -> None:
        if mailbox_id in self._loading:
            self._hints_while_loading[mailbox_id] = max(modseq, self._hints_while_loading.get(mailbox_id, ModSeq(0)))

    async def _load(self, mailbox_id: MailboxId) -> bool:
        """False: what is loaded may be of a time before this call."""
        task = self._loading.get(mailbox_id)
        first = task is None
        if task is None:
            task = self.spawn(self._load_once(mailbox_id))
            self._loading[mailbox_id] = task
        # Shielded: the first to ask may hang up, the others still wait for it.
        await asyncio.shield(task)
        return first

    async def _load_once(self, mailbox_id: MailboxId) -> None:
        try:
            packed = await self.metadata.load(mailbox_id)
            snapshot = Snapshot.load(
                packed.blocks,
                keywords=packed.keywords,
                uid_next=packed.uid_next,
                highest_modseq=packed.highest_modseq,
            )
            live = LiveMailbox(self, mailbox_id, snapshot)
            self._live[mailbox_id] = live
            self._idle[mailbox_id] = live
            self._octets += snapshot.memory_octets
            live.hint(self._hints_while_loading.get(mailbox_id, ModSeq(0)))
            if mailbox_id in self._unsure_while_loading:
                self._check((mailbox_id,))
        finally:
            self._loading.pop(mailbox_id, None)
            self._hints_while_loading.pop(mailbox_id, None)
            self._unsure_while_loading.discard(mailbox_id)

    def look_later(self, mailbox_ids: Iterable[MailboxId]) -> None:
        """The database could not be asked for these, and there may be no other hint. One timer for all of them."""
        self._failed.update(mailbox_ids)
        if self._retry is None:
            self._retry = asyncio.get_running_loop().call_later(RETRY_S, self._look_again)

    def _look_again(self) -> None:
        self._retry = None
        failed, self._failed = self._failed, set()
        self._check(failed & self._cared_for())

    async def _ask(self, mailbox_ids: Iterable[MailboxId]) -> None:
        try:
            modseqs = await self.metadata.modseqs(sorted(mailbox_ids))
        except SystemFault:
            self.look_later(mailbox_ids)
            raise
        for mailbox_id in mailbox_ids:
            modseq = modseqs.get(mailbox_id)
            live = self._live.get(mailbox_id)
            if modseq is None:
                self.drop(mailbox_id)
            elif live is not None:
                live.hint(modseq)

    def _asked(self, task: asyncio.Task[None]) -> None:
        self._checking = None
        if not task.cancelled():
            self._check(())

    def _evict(self) -> None:
        while self._octets > self._max_octets and self._idle:
            mailbox_id, live = self._idle.popitem(last=False)
            del self._live[mailbox_id]
            self._octets -= live.snapshot.memory_octets
