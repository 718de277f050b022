"""What one client has asked to be told of by NOTIFY (RFC 5465), and the telling of it, also between commands.

The selected mailbox is told of by `sync`, which asks here what is wanted of it. Everything else comes from the picture
of the account that `mail.watching` keeps: one line for each mailbox waits here until it can be sent, and the names of
annotations.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from lightmail._core import imap
from lightmail._core.imap import FetchPlan
from lightmail._core.index import UidSet
from lightmail.errors import Unavailable
from lightmail.imap import sync
from lightmail.imap.commands.metadata import changed_line
from lightmail.imap.commands.status import status_line
from lightmail.imap.filters import SELECTED, Test, test_of
from lightmail.imap.selected import Selected
from lightmail.imap.state import State
from lightmail.mail.access import Found, Place
from lightmail.mail.live import LiveMailbox
from lightmail.mail.mailboxes import normal_name
from lightmail.mail.watching import AccountChange, AccountWatch, Picture
from lightmail.model import DELIMITER, Mailbox, MailboxId, Rights

if TYPE_CHECKING:
    from lightmail.imap.session import Session

EVENTS = (
    "MessageNew",
    "MessageExpunge",
    "FlagChange",
    "MailboxName",
    "SubscriptionChange",
    "MailboxMetadataChange",
    "ServerMetadataChange",
)
"""Those there are here, for BADEVENT."""
MOST_LINES = 4_096
"""Waiting for a client that does not read; with more, it is told NOTIFICATIONOVERFLOW (law 7)."""
_OVERFLOW = b"* OK [NOTIFICATIONOVERFLOW] Too much has happened; nothing more is told\r\n"
_METADATA = frozenset({"MAILBOXMETADATACHANGE", "SERVERMETADATACHANGE"})
_STRUCTURAL = (imap.Create, imap.Delete, imap.Rename, imap.Subscribe, imap.Unsubscribe)


class Notifying:
    """Of one session, from NOTIFY to the next one. Without groups: NOTIFY NONE."""

    __slots__ = (
        "_annotated",
        "_asking",
        "_groups",
        "_lines",
        "_live",
        "_lost",
        "_own_added",
        "_own_entries",
        "_own_names",
        "_session",
        "_tests",
        "_waiting",
        "_watch",
        "attributes",
        "delayed",
        "flags",
        "idling",
        "messages",
        "own_new",
    )

    def __init__(self, session: Session, groups: tuple[imap.EventGroup, ...]) -> None:
        self.messages = False
        """Messages that come and go in the selected mailbox are told."""
        self.flags = False
        """And other flags."""
        self.delayed = False
        """Expunges only where a command admits them."""
        self.attributes: FetchPlan | None = None
        """What is fetched of new messages of the selected mailbox."""
        self.own_new = UidSet()
        """Messages that this client has added to the selected mailbox, and has not been told of."""
        self.idling = False
        self._session = session
        self._groups = tuple(group for group in groups if group.filter.kind not in SELECTED)
        self._tests: list[tuple[Test, frozenset[str]]] = []
        self._watch: AccountWatch | None = None
        self._live: LiveMailbox | None = None
        self._lines: dict[tuple[str, str], bytes] = {}
        self._annotated: dict[str, dict[str, None]] = {}
        """Entries to be told of, by mailbox ("": the server)."""
        self._waiting = False
        self._asking = False
        """Whether the selected mailbox may still be told of."""
        self._own_names = frozenset[str]()
        self._own_entries = frozenset[tuple[str, str]]()
        self._lost = set[str]()
        """Mailboxes of others that have been told as \\NoAccess."""
        self._own_added: dict[MailboxId, list[UidSet]] = {}
        for group in groups:
            if group.filter.kind in SELECTED:
                self.messages = "MESSAGENEW" in group.events
                self.flags = "FLAGCHANGE" in group.events
                self.delayed = group.filter.kind == "SELECTED-DELAYED"
                self.attributes = group.attributes

    async def start(self) -> None:
        """Raises Unavailable; then nothing is watched."""
        user = self._session.user
        assert user is not None
        if any(group.events for group in self._groups):
            self._watch = await self._session.mail.watching.join(
                user, self._changed, annotations=any(group.events & _METADATA for group in self._groups)
            )
            self._test(self._watch.picture)
        self.selected_changed()

    def stop(self) -> None:
        self._unwatch()
        watch, self._watch = self._watch, None
        if watch is not None:
            self._session.mail.watching.leave(watch, self._changed)
        self._lines.clear()
        self._annotated.clear()

    def selected_changed(self) -> None:
        """Another mailbox is selected, or none."""
        self.own_new = UidSet()
        self._unwatch()
        selected = self._session.selected
        if selected is not None and self.messages:
            self._live = selected.live
            self._live.watch(self._live_changed)

    def wake(self) -> None:
        """There is something to tell, or may be."""
        if not self._waiting:
            self._waiting = True
            self._session.output.run_soon(self._tell)

    def beginning(self) -> Iterator[bytes]:
        """In answer to NOTIFY SET: what cannot be watched; with STATUS, `status_of` follows (RFC 5465 §3.1)."""
        for place, events in self._watched():
            if events and Rights.READ not in place.rights:
                yield b'* LIST (\\NoAccess) "%s" %s\r\n' % (
                    DELIMITER.encode(),
                    self._session.mailbox_name(place.wire_name),
                )

    def status(self) -> Iterator[bytes]:
        """STATUS of each mailbox with message events but for the selected one (RFC 5465 §3.1)."""
        selected = self._session.selected
        for place, events in self._watched():
            if "MESSAGENEW" not in events or not place.mailbox.selectable or Rights.READ not in place.rights:
                continue
            if selected is not None and place.mailbox.id == selected.mailbox.id:
                continue
            items = ["MESSAGES", "UIDNEXT", "UIDVALIDITY"]
            if "FLAGCHANGE" in events:
                items.append("HIGHESTMODSEQ")
            yield status_line(self._session, place.wire_name, place.mailbox, items)

    # ---- around commands: what the client does itself is no news to it (RFC 5465 §5)

    def begin(self, command: object) -> None:
        if self._watch is None:
            return
        if isinstance(command, imap.SetMetadata):
            name = normal_name(command.mailbox)
            self._own_entries = frozenset((name, entry) for entry, _ in command.values)
        elif isinstance(command, _STRUCTURAL):
            named = [getattr(command, field, "") for field in ("mailbox", "source", "target")]
            names = [normal_name(name.rstrip(DELIMITER)) for name in named if name]
            self._own_names = frozenset(above for name in names for above in _up(name))

    async def end(self) -> None:
        """The command is over, well or badly."""
        if (self._own_names or self._own_entries) and self._watch is not None:
            with suppress(Unavailable):
                await self._watch.refreshed()
        self._own_names = frozenset()
        self._own_entries = frozenset()

    def added(self, mailbox_id: MailboxId, uids: UidSet) -> None:
        """By this client, in one transaction; to be called before anything is told of it."""
        selected = self._session.selected
        if selected is not None and selected.mailbox.id == mailbox_id:
            if self.attributes is not None:
                self.own_new |= uids
        elif self._watch is not None and uids:
            self._own_added.setdefault(mailbox_id, []).append(uids)

    # ---- changes

    def _live_changed(self, live: LiveMailbox) -> None:
        self.wake()

    def _unwatch(self) -> None:
        live, self._live = self._live, None
        if live is not None:
            live.unwatch(self._live_changed)

    def _test(self, picture: Picture) -> None:
        """RFC 5465 §6.4: what SUBSCRIBED means changes with the subscriptions."""
        self._tests = [(test_of(group.filter, picture.subscribed), group.events) for group in self._groups]

    def _events(self, place: Place) -> frozenset[str]:
        return frozenset[str]().union(*(events for test, events in self._tests if test(place)))

    def _watched(self) -> Iterator[tuple[Found, frozenset[str]]]:
        if self._watch is not None:
            places = self._watch.picture.places
            for name in sorted(places):
                yield places[name], self._events(places[name])

    def _changed(self, change: AccountChange) -> None:
        """A Listener of `mail.watching`."""
        if change.subscriptions:
            self._test(change.after)
        for old, new in change.changed:
            own = self._all_own(old.mailbox, new.mailbox)
            line = b"" if own else self._status_change(old, new)
            if line:
                self._lines["STATUS", new.wire_name] = line
        for name in change.names:
            place = self._place(change, name)
            events = self._events(place)
            access = not place.own and self._access_changed(change.after, name, events)
            if (access or "MAILBOXNAME" in events) and name not in self._own_names:
                self._lines["LIST", name] = self._list_line(change.after, name)
        for source, target in change.renamed:
            events = self._events(self._place(change, target)) | self._events(self._place(change, source))
            if "MAILBOXNAME" in events and target not in self._own_names:
                self._lines["LIST", target] = self._list_line(change.after, target, old=source)
        for name in change.subscriptions:
            if "SUBSCRIPTIONCHANGE" in self._events(self._place(change, name)) and name not in self._own_names:
                self._lines["LIST", name] = self._list_line(change.after, name)
        for name, entries in change.annotated:
            self._note(name, entries, self._place(change, name))
        if self._lines or self._annotated:
            self.wake()

    def _access_changed(self, after: Picture, name: str, events: frozenset[str]) -> bool:
        """Of a mailbox of somebody else whose messages are watched: whether the user has no right to see it any more, or
        once more (RFC 5465 §5.9).
        """
        if "MESSAGENEW" not in events:
            return False
        if name not in after.places:
            self._lost.add(name)
            return True
        told = name in self._lost
        self._lost.discard(name)
        return told

    def _note(self, name: str, entries: list[str], place: Place) -> None:
        """RFC 5465 §5.6, §5.7. The server is of no group: whichever asks for it."""
        if name:
            wanted = "MAILBOXMETADATACHANGE" in self._events(place)
        else:
            wanted = any("SERVERMETADATACHANGE" in group.events for group in self._groups)
        news = [entry for entry in entries if (name, entry) not in self._own_entries] if wanted else []
        if news:
            self._annotated.setdefault(name, {}).update(dict.fromkeys(news))

    def _place(self, change: AccountChange, name: str) -> Place:
        """Of a mailbox that is there, or was; or of a name that only is subscribed, or has mailboxes below it."""
        place = change.after.places.get(name) or change.before.places.get(name)
        user = self._session.user
        assert user is not None
        return place or Place(name, user.id, user.address, name, Rights.ALL, True)

    def _all_own(self, old: Mailbox, new: Mailbox) -> bool:
        """Whether only messages are new that this client has added, and nothing else has happened: each of its
        transactions has made one MODSEQ.
        """
        waiting = self._own_added.pop(new.id, None)
        if waiting is None:
            return False
        there = [uids for uids in waiting if uids.last < new.uid_next]
        if len(there) < len(waiting):
            self._own_added[new.id] = waiting[len(there) :]
        there = [uids for uids in there if uids.first >= old.uid_next]
        return (
            new.uid_validity == old.uid_validity
            and new.messages - old.messages == sum(map(len, there))
            and new.highest_modseq - old.highest_modseq == len(there)
        )

    def _status_change(self, old: Found, new: Found) -> bytes:
        """RFC 5465 §5.1 to §5.3. Of the selected mailbox nothing: SELECTED says what is told of that."""
        session = self._session
        selected = session.selected
        before, now = old.mailbox, new.mailbox
        if (selected is not None and selected.mailbox.id == now.id) or Rights.READ not in new.rights:
            return b""
        events = self._events(new)
        if "MESSAGENEW" not in events:
            return b""
        modseq = session.condstore or session.qresync
        items: list[str] = []
        if (now.uid_next, now.messages) != (before.uid_next, before.messages):
            items += ["MESSAGES", "UIDNEXT"]
            if modseq:
                items.append("HIGHESTMODSEQ")
        if "FLAGCHANGE" in events:
            if modseq:
                items += [item for item in ("UIDVALIDITY", "HIGHESTMODSEQ") if item not in items]
            if now.unseen != before.unseen:
                items.append("UNSEEN")
        return status_line(session, new.wire_name, now, items) if items else b""

    def _list_line(self, picture: Picture, name: str, old: str | None = None) -> bytes:
        """RFC 5465 §5.4, §5.5."""
        place = picture.places.get(name)
        attributes: list[str] = []
        if place is None:
            attributes.append("\\NonExistent")
            if name in self._lost:
                attributes.append("\\NoAccess")
        elif not place.mailbox.selectable:
            attributes.append("\\Noselect")
        attributes.append("\\HasChildren" if name in picture.parents else "\\HasNoChildren")
        if place is not None:
            attributes += place.mailbox.special_use
        if name in picture.subscribed:
            attributes.append("\\Subscribed")
        written = self._session.mailbox_name
        return b'* LIST (%s) "%s" %s%s\r\n' % (
            " ".join(attributes).encode(),
            DELIMITER.encode(),
            written(name),
            b' ("OLDNAME" (%s))' % written(old) if old is not None else b"",
        )

    # ---- telling

    async def _tell(self) -> None:
        self._waiting = False
        session = self._session
        if session.notify is not self:
            return
        if len(self._lines) + sum(map(len, self._annotated.values())) > MOST_LINES:
            # RFC 5465 §5.8: as if NOTIFY NONE had come.
            session.set_notify(Notifying(session, ()))
            session.send(_OVERFLOW)
            return
        selected = session.selected
        if selected is not None and (self.messages or self.idling):
            if selected.live.deleted:
                sync.leave_deleted(session)
            elif not selected.own and (self._asking or not self._may_be_told(selected)):
                pass
            elif selected.behind:
                await sync.tell(session, selected, expunge=self.idling or not self.delayed, uid=True)
        lines = b"".join(
            (
                *self._lines.values(),
                *(changed_line(session, name, entries) for name, entries in self._annotated.items()),
            )
        )
        self._lines.clear()
        self._annotated.clear()
        if lines and session.state is not State.LOGOUT:
            session.send(lines)

    def _may_be_told(self, selected: Selected) -> bool:
        """Of somebody else's mailbox."""
        self._asking = True
        if sync.may_be_told(self._session, selected, self._known):
            self._asking = False
            return True
        self._asking = Rights.READ in selected.rights
        return False

    def _known(self) -> None:
        self._asking = False
        self.wake()


def _up(name: str) -> Iterator[str]:
    """The name, and those above it."""
    yield name
    end = name.rfind(DELIMITER)
    while end > 0:
        yield name[:end]
        end = name.rfind(DELIMITER, 0, end)
