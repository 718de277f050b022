"""Searches that a client wants to be told the changes of (RFC 5267 §4.3): RETURN (UPDATE), until CANCELUPDATE.

Messages keep what a search looks at, but for their flags: so of a change of the mailbox only the messages that are new
or have other flags are searched once more. Nor does the order of two messages ever change: where a SORT has more
results, all are ordered anew, from keys that are kept; where it has fewer, those are left out.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from lightmail._core.imap import FetchPlan, SearchProgram, SortOrder
from lightmail._core.index import FetchRun, Snapshot, UidList, UidSet
from lightmail._core.mime import UnknownEncoding
from lightmail.errors import SystemFault
from lightmail.imap.commands.fetch_bodies import send_with_bodies
from lightmail.imap.commands.fetch_windows import send_windows
from lightmail.imap.selected import Selected
from lightmail.imap.session import Session
from lightmail.mail.comparators import Comparator

MOST = 16
MOST_SORTED = 4
"""Of one session (law 7); more are refused with NOUPDATE. Those of SORT hold four octets for each message."""
_GREATEST_UID = 2**32 - 1


@dataclass(slots=True)
class Context:
    tag: str
    uid: bool
    program: SearchProgram
    """Lasting: see `Snapshot.lasting`."""
    attributes: FetchPlan | None
    """What to fetch of new messages that are added."""
    found: UidSet
    """What the client knows to match."""
    view: Snapshot
    """The state of the mailbox in which it does."""
    comparator: Comparator
    """The one that was active."""
    order: SortOrder | None = None
    ordered: UidList | None = None
    """Of a SORT: the same messages as `found`, as the client has them."""

    def removed(self, uids: UidSet, view: Snapshot) -> bytes:
        """These no longer match. view: whose sequence numbers are told."""
        self.found -= uids
        if self.ordered is None:
            return self._line(b" REMOVEFROM (0 %s)" % bytes(uids if self.uid else view.seqs(uids)))
        places = self.ordered.places(uids, last_first=True, view=None if self.uid else view)
        self.ordered = self.ordered.without(uids)
        return self._line(b" REMOVEFROM (%s)" % places)

    def added(self, uids: UidSet, view: Snapshot, ordered: UidList | None) -> bytes:
        """ordered: all that match now, of a SORT."""
        self.found |= uids
        self.ordered = ordered
        if ordered is None:
            return self._line(b" ADDTO (0 %s)" % bytes(uids if self.uid else view.seqs(uids)))
        return self._line(b" ADDTO (%s)" % ordered.places(uids, last_first=False, view=None if self.uid else view))

    def _line(self, item: bytes) -> bytes:
        """Position 0: the results are in mailbox order (RFC 5267 §4.3.3)."""
        return b'* ESEARCH (TAG "%s")%s%s\r\n' % (self.tag.encode(), b" UID" if self.uid else b"", item)


class Contexts:
    """Of one selected mailbox."""

    __slots__ = ("_by_tag",)

    def __init__(self) -> None:
        self._by_tag: dict[str, Context] = {}

    def __contains__(self, tag: str) -> bool:
        return tag in self._by_tag

    def full(self, *, sorted: bool) -> bool:
        """sorted: for one more SORT."""
        if len(self._by_tag) >= MOST:
            return True
        return sorted and sum(context.order is not None for context in self._by_tag.values()) >= MOST_SORTED

    def add(self, context: Context) -> None:
        self._by_tag[context.tag] = context

    def cancel(self, tag: str) -> None:
        """A tag that is not there is ignored."""
        self._by_tag.pop(tag, None)

    def behind(self, view: Snapshot) -> bool:
        """Whether something has happened since the client was told last."""
        return any(context.view is not view for context in self._by_tag.values())

    def removed(self, old: Snapshot, new: Snapshot) -> bytes:
        """REMOVEFROM for what the client is about to be told the EXPUNGE of, by the numbers it has before that
        (RFC 5267 §4.3.4). To be sent before the EXPUNGE.
        """
        if not self._by_tag:
            return b""
        gone = old.uids() - new.uids()
        told = b""
        for context in self._by_tag.values():
            removed = context.found & gone
            if removed:
                told += context.removed(removed, old)
        return told

    async def update(self, session: Session, selected: Selected, *, own: FetchPlan | None, fresh: UidSet) -> None:
        """Tell how the results have changed since the last time; FETCH of new messages before (RFC 5465 §7).

        own: what NOTIFY asks for of each of the `fresh` messages; one FETCH for it and the attributes of the
        contexts (RFC 5465 §5.2). What cannot be decided now, because something is not available, is told with a later
        change.
        Suspends only when summaries or octets of bodies are needed.
        """
        assert session.user is not None
        view = selected.view
        told = b""
        wanted: list[tuple[FetchPlan, UidSet]] = []
        if own is not None:
            wanted.append((own, fresh & view.uids()))
        for context in tuple(self._by_tag.values()):
            known = context.view
            if known is view:
                continue
            touched = view.changed_since(known.highest_modseq)
            matching, ordered = UidSet(), None
            try:
                if touched:
                    matching, _ = await session.mail.search(
                        context.program,
                        view,
                        saved=UidSet(),
                        recent_from=selected.recent_from,
                        account=session.user.id,
                        within=touched,
                        comparator=context.comparator,
                    )
                added = matching - context.found
                removed = (context.found & touched) - matching
                if added and context.order is not None:
                    matching_now = (context.found - removed) | added
                    ordered = await session.mail.sort(context.order, view, matching_now, comparator=context.comparator)
            except SystemFault:
                continue
            context.view = view
            if removed:
                told += context.removed(removed, view)
            if added:
                told += context.added(added, view, ordered)
                if context.attributes is not None:
                    wanted = _together(wanted, context.attributes, added & new_since(known))
        for plan, uids in wanted:
            await fetch_new(session, selected, plan, uids)
        if told:
            session.send(told)


def _together(wanted: list[tuple[FetchPlan, UidSet]], plan: FetchPlan, uids: UidSet) -> list[tuple[FetchPlan, UidSet]]:
    """One FETCH for each message, with all that is asked for of it (RFC 5465 §5.2). Never more groups than messages."""
    parts = []
    for other, others in wanted:
        parts += [(other | plan, others & uids), (other, others - uids)]
        uids -= others
    parts.append((plan, uids))
    return [(each, of) for each, of in parts if of]


async def fetch_new(session: Session, selected: Selected, plan: FetchPlan, uids: UidSet) -> None:
    """FETCH responses that nobody asked for with a FETCH; \\Seen stays as it is."""
    uids &= selected.view.uids()
    if not uids:
        return
    run = FetchRun(
        plan,
        selected.view,
        uids,
        # RFC 9051 §7.5.2, RFC 7162 §3.2.4
        uid=session.rev2 or session.qresync or session.uid_only,
        modseq=session.condstore,
        recent_from=selected.recent_from,
        rev2=session.rev2,
        utf8=session.utf8,
        uid_only=session.uid_only,
    )
    # What is not available now the client can ask for.
    with suppress(SystemFault, UnknownEncoding):
        if plan.needs_octets:
            await send_with_bodies(session, run, selected.view.body_ids(uids))
        else:
            await send_windows(session, run)


def new_since(view: Snapshot) -> UidSet:
    """All UIDs that messages after this view may have."""
    uid = view.uid_next
    return UidSet.from_ranges([(uid, _GREATEST_UID)]) if uid <= _GREATEST_UID else UidSet()
