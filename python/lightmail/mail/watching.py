"""Accounts that somebody watches as a whole (NOTIFY, RFC 5465): all their mailboxes with their counters, what is noted of
them, and what changes.

One picture for an account and process, however many sessions watch it; a hint of a change makes one statement for all
of them, two where mailboxes themselves or subscriptions may have changed, and one more where somebody wants to know of
annotations. What is told comes from the database (law 4).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from lightmail.errors import SystemFault
from lightmail.mail.access import Access, Found
from lightmail.mail.annotations import annotatable
from lightmail.mail.changes import Changes
from lightmail.mail.live import LiveMailboxes
from lightmail.mail.mailboxes import Mailboxes
from lightmail.model import DELIMITER, SERVER, MailboxId, ModSeq, User, UserId
from lightmail.ports.changes import PLACE_OF_SERVER, ChangeFeed, place_of_account
from lightmail.ports.metadata import MetadataStore

RETRY_S = 1.0
"""After the database could not be asked."""
STRUCTURE_S = 10.0
ACCOUNTS_PER_S = 100
"""Hints that only say that something has happened somewhere come every second, or faster, where nothing better is there:
they make one statement for all accounts, and two or three for each, which see new mailboxes, subscriptions and annotations
too, for so many accounts in a second; where there are very many, each has its turn every STRUCTURE_S."""

Marks = Mapping[tuple[MailboxId, str], int]
"""Of annotations, by mailbox (or SERVER) and entry: another one for another value."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What one user sees."""

    places: dict[str, Found]
    """By the name that the user has for it."""
    subscribed: frozenset[str]
    parents: frozenset[str]
    """Names with mailboxes below them."""
    marks: Marks | None
    """Of the annotations that the user may read; None: nobody has asked for them."""


@dataclass(frozen=True, slots=True)
class AccountChange:
    """Between two pictures. Names are the user's, ordered."""

    before: Picture
    after: Picture
    changed: list[tuple[Found, Found]]
    """Mailboxes with other counters, before and after."""
    names: list[str]
    """Created, deleted, or the parent of such a one (RFC 5465 §5.4)."""
    renamed: list[tuple[str, str]]
    """Old and new name; what is below a renamed mailbox goes with it."""
    subscriptions: list[str]
    """Subscribed, or no longer."""
    annotated: list[tuple[str, list[str]]]
    """Mailboxes ("": the server) with the entries that have been set or removed."""


Listener = Callable[[AccountChange], None]


class AccountWatch:
    """Of one account in this process; while somebody watches it."""

    def __init__(self, owner: Watching, user: User) -> None:
        self.user = user
        self.picture = Picture({}, frozenset(), frozenset(), None)
        self.listeners: dict[Listener, bool] = {}
        """And whether they want to know of annotations."""
        self.ready = False
        self._owner = owner
        self._dirty = False
        self._structure = True
        self._task: asyncio.Task[None] | None = None
        self._followed: set[MailboxId] = set()

    def look(self, *, structure: bool) -> None:
        """Something has changed. structure: perhaps not only the counters of mailboxes."""
        self._dirty = True
        self._structure = self._structure or structure
        if self._task is None:
            self._task = self._owner.live.spawn(self._refresh())

    async def refreshed(self) -> None:
        """Return when what has happened until now is in the picture. Raises Unavailable."""
        self.look(structure=True)
        while self._task is not None:
            await asyncio.shield(self._task)

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
        for mailbox_id in self._followed:
            self._owner.unfollow(mailbox_id, self)
        self._followed.clear()

    async def _refresh(self) -> None:
        try:
            while self._dirty:
                self._dirty = False
                structure, self._structure = self._structure, False
                try:
                    await self._look(structure)
                except BaseException:
                    self._dirty, self._structure = True, self._structure or structure
                    raise
        except SystemFault:
            asyncio.get_running_loop().call_later(RETRY_S, self._again)
            raise
        finally:
            self._task = None

    async def _look(self, structure: bool) -> None:
        owner, old = self._owner, self.picture
        places = {place.wire_name: place for place in await owner.access.visible(self.user)}
        subscribed = await owner.mailboxes.subscriptions(self.user.id) if structure else old.subscribed
        ids = {place.mailbox.id for place in places.values()} | {place_of_account(self.user.id)}
        marks: Marks | None = None
        if any(self.listeners.values()):
            ids.add(PLACE_OF_SERVER)
            marks = old.marks
            if structure or marks is None:
                noted = [SERVER, *(place.mailbox.id for place in places.values() if annotatable(place))]
                marks = await owner.metadata.annotation_marks(self.user.id, noted)
        for mailbox_id in self._followed - ids:
            owner.unfollow(mailbox_id, self)
        new = ids - self._followed
        self._followed = ids
        if new:
            await owner.follow(new, self)
            # What was committed between the question and this is nobody's hint.
            self._dirty = self._structure = True
        self.picture = Picture(places, subscribed, frozenset(_parents(places)), marks)
        if self.ready:
            change = difference(old, self.picture)
            for listener in tuple(self.listeners):
                listener(change)

    def _again(self) -> None:
        if self.listeners:
            self.look(structure=False)


class Watching:
    """One instance per process."""

    def __init__(
        self,
        *,
        access: Access,
        mailboxes: Mailboxes,
        metadata: MetadataStore,
        live: LiveMailboxes,
        feed: ChangeFeed,
        changes: Changes,
        exclusive: bool,
    ) -> None:
        """exclusive: hints that do not say where something has happened are rare."""
        self.access = access
        self.mailboxes = mailboxes
        self.live = live
        self.metadata = metadata
        self._feed = feed
        self._exclusive = exclusive
        self._accounts: dict[UserId, AccountWatch] = {}
        self._watchers: dict[MailboxId, set[AccountWatch]] = {}
        self._asking: asyncio.Task[None] | None = None
        self._structure_at = 0.0
        self._later: asyncio.TimerHandle | None = None
        changes.listen(self._hint)

    async def join(self, user: User, listener: Listener, *, annotations: bool) -> AccountWatch:
        """Be told of what changes from now on, of annotations too where that is wanted. Raises Unavailable. `leave` once
        each.
        """
        watch = self._accounts.get(user.id)
        if watch is None:
            watch = self._accounts[user.id] = AccountWatch(self, user)
        watch.listeners[listener] = annotations
        try:
            if not watch.ready or (annotations and watch.picture.marks is None):
                await watch.refreshed()
                watch.ready = True
        except BaseException:
            self.leave(watch, listener)
            raise
        return watch

    def leave(self, watch: AccountWatch, listener: Listener) -> None:
        del watch.listeners[listener]
        if not watch.listeners:
            del self._accounts[watch.user.id]
            watch.close()
        if not self._accounts and self._later is not None:
            self._later.cancel()
            self._later = None

    async def follow(self, mailbox_ids: Iterable[MailboxId], watch: AccountWatch) -> None:
        for mailbox_id in mailbox_ids:
            self._watchers.setdefault(mailbox_id, set()).add(watch)
        await asyncio.gather(*(self._feed.follow(mailbox_id) for mailbox_id in mailbox_ids))

    def unfollow(self, mailbox_id: MailboxId, watch: AccountWatch) -> None:
        watchers = self._watchers.get(mailbox_id)
        if watchers is not None:
            watchers.discard(watch)
            if not watchers:
                del self._watchers[mailbox_id]
        self._feed.unfollow(mailbox_id)

    def _hint(self, mailbox_id: MailboxId, modseq: ModSeq) -> None:
        if not self._accounts:
            return
        if mailbox_id:
            for watch in tuple(self._watchers.get(mailbox_id, ())):
                watch.look(structure=not modseq)
            return
        loop = asyncio.get_running_loop()
        if self._exclusive or loop.time() >= self._structure_at:
            self._look_everywhere()
            return
        if self._later is None:
            self._later = loop.call_at(self._structure_at, self._look_everywhere)
        if self._asking is None:
            self._asking = self.live.spawn(self._ask())

    def _look_everywhere(self) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later = None
        pause_s = min(STRUCTURE_S, len(self._accounts) / ACCOUNTS_PER_S)
        self._structure_at = asyncio.get_running_loop().time() + pause_s
        for watch in tuple(self._accounts.values()):
            watch.look(structure=True)

    async def _ask(self) -> None:
        """One statement for all accounts: whose mailboxes have other messages than in the picture."""
        try:
            ids = sorted(mailbox_id for mailbox_id in self._watchers if mailbox_id > 0)
            modseqs = await self.metadata.modseqs(ids)
            for watch in tuple(self._accounts.values()):
                boxes = [place.mailbox for place in watch.picture.places.values()]
                if any(modseqs.get(box.id) != box.highest_modseq for box in boxes):
                    watch.look(structure=False)
        finally:
            self._asking = None


def difference(before: Picture, after: Picture) -> AccountChange:
    old = {place.mailbox.id: place for place in before.places.values()}
    new = {place.mailbox.id: place for place in after.places.values()}
    changed: list[tuple[Found, Found]] = []
    moved: list[tuple[str, str]] = []
    names: set[str] = set()
    for mailbox_id, place in new.items():
        known = old.get(mailbox_id)
        if known is None:
            names |= {place.wire_name, place.wire_name.rpartition(DELIMITER)[0]}
        else:
            if known.wire_name != place.wire_name:
                moved.append((known.wire_name, place.wire_name))
            elif known.mailbox.selectable != place.mailbox.selectable:
                names.add(place.wire_name)
            if _counters(known) != _counters(place):
                changed.append((known, place))
    for mailbox_id, place in old.items():
        if mailbox_id not in new:
            names |= {place.wire_name, place.wire_name.rpartition(DELIMITER)[0]}
    pairs = frozenset(moved)
    return AccountChange(
        before=before,
        after=after,
        changed=changed,
        names=sorted(names - {""}),
        renamed=sorted(pair for pair in moved if not _goes_along(pair, pairs)),
        subscriptions=sorted(before.subscribed ^ after.subscribed),
        annotated=_annotated(before, after),
    )


def _annotated(before: Picture, after: Picture) -> list[tuple[str, list[str]]]:
    """Of mailboxes that are there, and whose annotations the user may read: of others nothing is told."""
    if before.marks is None or after.marks is None:
        return []
    readable = {place.mailbox.id: name for name, place in after.places.items() if annotatable(place)}
    readable[SERVER] = ""
    entries: dict[str, list[str]] = {}
    for mailbox_id, entry in sorted({key for key, _ in before.marks.items() ^ after.marks.items()}):
        name = readable.get(mailbox_id)
        if name is not None:
            entries.setdefault(name, []).append(entry)
    return sorted(entries.items())


def _counters(place: Found) -> tuple[int, ...]:
    box = place.mailbox
    return (box.uid_validity, box.uid_next, box.messages, box.unseen, box.highest_modseq)


def _goes_along(pair: tuple[str, str], pairs: frozenset[tuple[str, str]]) -> bool:
    """With a mailbox above it, which was renamed."""
    old, _, last = pair[0].rpartition(DELIMITER)
    new, _, other = pair[1].rpartition(DELIMITER)
    return last == other and (old, new) in pairs


def _parents(names: Iterable[str]) -> Iterable[str]:
    for name in names:
        end = name.rfind(DELIMITER)
        while end > 0:
            yield name[:end]
            end = name.rfind(DELIMITER, 0, end)
