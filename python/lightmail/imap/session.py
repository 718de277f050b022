"""One client's session: who it is, what it has enabled, what it has selected. Writes through a port, reads nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from lightmail._core.imap import mailbox_name
from lightmail._core.index import UidSet
from lightmail.auth.authenticator import Authenticator
from lightmail.auth.client_limits import Seat
from lightmail.auth.decisions import DecisionService
from lightmail.auth.entrance import Entrance, Visitor
from lightmail.auth.line import ChannelBindings, Line
from lightmail.auth.policy import plaintext_allowed
from lightmail.config import Config
from lightmail.imap.capabilities import Capabilities
from lightmail.imap.selected import Selected
from lightmail.imap.state import State
from lightmail.mail import comparators
from lightmail.mail.access import Found, Place
from lightmail.mail.store import MailStore
from lightmail.model import MailboxId, Rights, User
from lightmail.obs.audit import audit

if TYPE_CHECKING:
    from lightmail.imap.notify import Notifying


class Output(Protocol):
    """The connection as a session sees it."""

    @property
    def tls(self) -> bool: ...

    @property
    def protocol(self) -> str:
        """What it was accepted as: "imap", or "imaps" where TLS begins with the first octet."""
        ...

    @property
    def peer_host(self) -> str | None:
        """The numeric address of the other side; None for a unix socket."""
        ...

    @property
    def channel_bindings(self) -> ChannelBindings | None:
        """None: without TLS, or where nothing is known of it."""
        ...

    def write(self, octets: bytes) -> None:
        """Takes octets; they leave together, when the command is answered or a bound is reached."""
        ...

    def send_now(self, octets: bytes) -> None:
        """Behind what is written, and at once, though the command is not answered yet; dropped while the client reads
        nothing.
        """
        ...

    async def drain(self) -> None:
        """Return once less than the high-water mark is waiting to be sent. Raises ConnectionLost."""
        ...

    def run_soon(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run this in a later turn of the loop: not before the client reads what it was sent, and between commands;
        what comes meanwhile waits. Then send what was written. What it raises is the dispatcher's, as what a handler
        raises is. One work at a time waits.
        """
        ...

    @property
    def compressing(self) -> bool:
        """In both directions (RFC 4978)."""
        ...

    def start_compression(self) -> None:
        """Behind what is written, and from the next octet that comes on."""
        ...

    def start_over(self) -> None:
        """Nobody is logged in any more: compression ends behind what is written, and the time to log in begins."""
        ...

    async def start_tls(self) -> None:
        """Send what is written, then speak TLS from the next octet on."""
        ...

    def close(self) -> None:
        """Send what is written, then close."""
        ...

    def abort(self) -> None:
        """Close without sending what is written."""
        ...


class Session:
    __slots__ = (
        "_condstore",
        "_offered",
        "authenticator",
        "by",
        "capabilities",
        "client",
        "comparator",
        "config",
        "decisions",
        "failed_logins",
        "logins",
        "mail",
        "name",
        "notify",
        "output",
        "qresync",
        "rev2",
        "seat",
        "selected",
        "state",
        "uid_only",
        "user",
        "utf8",
    )

    def __init__(
        self,
        *,
        mail: MailStore,
        authenticator: Authenticator,
        config: Config,
        capabilities: Capabilities,
        output: Output,
        logins: Counter[str],
        seat: Seat | None = None,
        decisions: DecisionService | None = None,
    ) -> None:
        """seat: among the connections that have limits; None: it has none. decisions: None: nobody else is asked who may
        log in.
        """
        self.mail = mail
        self.authenticator = authenticator
        self.config = config
        self.capabilities = capabilities
        """Other ones once the client has said what it is."""
        self._offered = capabilities
        self.output = output
        self.seat = seat
        self.decisions = decisions
        self.client: Mapping[str, str | None] = {}
        """What the client has said of itself."""
        self.logins = logins
        """Of the process, by outcome (`obs.metrics.Counts.logins`)."""
        self.state = State.NOT_AUTHENTICATED
        self.user: User | None = None
        self.by = ""
        """The address of who acts for the user; "": the user does."""
        self.name = ""
        """Of a session that has logged in, among those of all nodes."""
        self.selected: Selected | None = None
        self.failed_logins = 0
        self.qresync = False
        self.utf8 = False
        """UTF8=ACCEPT (RFC 6855)."""
        self.rev2 = False
        """ENABLE IMAP4rev2 (RFC 9051 §6.3.1)."""
        self.uid_only = False
        """No sequence numbers either way (RFC 9586)."""
        self.notify: Notifying | None = None
        """None until NOTIFY comes (RFC 5465 §3.1)."""
        self.comparator = comparators.DEFAULT
        """Of SEARCH, SORT and THREAD (RFC 5255 §4.2)."""
        self._condstore = False

    def send(self, octets: bytes) -> None:
        """Octets of untagged responses, CRLF included."""
        self.output.write(octets)

    async def drain(self) -> None:
        """See Output.drain; a handler with much to send calls it between its pieces."""
        await self.output.drain()

    @property
    def condstore(self) -> bool:
        """Whether FETCH responses carry MODSEQ (RFC 7162 §3.1)."""
        return self._condstore

    @condstore.setter
    def condstore(self, enabled: bool) -> None:
        if enabled and not self._condstore and self.selected is not None:
            # RFC 7162 §3.1: the first enabling command with a mailbox selected tells HIGHESTMODSEQ. Of the view: what
            # has happened since is told later, with greater MODSEQs.
            self.send(b"* OK [HIGHESTMODSEQ %d] Highest\r\n" % self.selected.known_modseq)
        self._condstore = enabled

    @property
    def names_are_utf8(self) -> bool:
        """Mailbox names on the wire: UTF-8, or modified UTF-7 (RFC 9051 §5.1, RFC 6855 §3)."""
        return self.utf8 or self.rev2

    def mailbox_name(self, name: str) -> bytes:
        """A mailbox's name as this client wants it."""
        return mailbox_name(name, utf8=self.utf8 or self.rev2)

    async def mailbox(self, name: str, need: Rights = Rights.READ) -> Found:
        """The mailbox that this user's name leads to, one's own or another's. Handlers ask here, and nowhere else.

        name: as the command has it. Raises MailboxNotFound, MailboxNotSelectable, NoRight.
        """
        assert self.user is not None
        return await self.mail.access.mailbox(self.user, name, need)

    async def place(self, name: str, need: Rights) -> Place:
        """Where the name leads, for what needs no mailbox that holds messages; in one's own hierarchy there may be none.

        Raises MailboxNotFound, NoRight.
        """
        assert self.user is not None
        return await self.mail.access.place(self.user, name, need)

    async def new_place(self, name: str) -> Place:
        """Where a mailbox of this name would be made, if the user may make one there.

        Raises MailboxNotFound, NoRight.
        """
        assert self.user is not None
        return await self.mail.access.new_place(self.user, name)

    async def visible(self) -> list[Found]:
        """All mailboxes that LIST may show this user, with counters as of now; in any order."""
        assert self.user is not None
        return await self.mail.access.visible(self.user)

    def plaintext_allowed(self) -> bool:
        """Whether a password may be sent on this connection as it is now."""
        policy = self.config.auth.plaintext_without_tls
        return plaintext_allowed(policy, tls=self.output.tls, host=self.output.peer_host)

    def line(self) -> Line:
        """The connection as it is now."""
        output = self.output
        return Line(output.peer_host, output.tls, self.plaintext_allowed(), output.channel_bindings)

    def capability_list(self) -> bytes:
        """What is advertised now (RFC 9051 §7.2.2)."""
        return self.capabilities.advertised(self.line(), authenticated=self.user is not None)

    def know_client(self, client: Mapping[str, str | None]) -> None:
        """The client has said what it is, perhaps again (RFC 2971)."""
        self.client = client
        self.capabilities = self._offered.for_client(client)

    def entrance(self) -> Entrance:
        """Where claims are made on this connection as it is now."""
        output = self.output
        visitor = Visitor(output.peer_host, output.protocol, output.tls, self.client)
        return Entrance(self.authenticator, visitor, self.decisions)

    def log_in(self, user: User, by: str = "") -> None:
        """by: who acts for that user; "": the user does. Raises LimitExceeded: nobody is logged in."""
        if self.seat is not None:
            self.seat.log_in(user.id, user.address)
        self.user = user
        self.by = by
        self.state = State.AUTHENTICATED
        self.name = self.mail.sessions.opened(user, protocol=self.output.protocol, peer=self.output.peer_host)

    def log_out(self) -> None:
        """Nothing of whoever was logged in remains, nor what was enabled; TLS and the client's ID do (RFC 8437 §3)."""
        self.set_notify(None)
        self.deselect()
        self._leave()
        if self.seat is not None:
            self.seat.log_out()
        self.user = None
        self.state = State.NOT_AUTHENTICATED
        self.comparator = comparators.DEFAULT
        self.qresync = self.utf8 = self.rev2 = self.uid_only = self._condstore = False

    def select(self, selected: Selected) -> None:
        """The mailbox selected before has been left."""
        self.selected = selected
        self.state = State.SELECTED
        if self.notify is not None:
            self.notify.selected_changed()

    def added(self, mailbox_id: MailboxId, uids: UidSet) -> None:
        """This client has added these, in one transaction: what it does itself is no news to it (RFC 5465 §5)."""
        if self.notify is not None:
            self.notify.added(mailbox_id, uids)

    def set_notify(self, notify: Notifying | None) -> None:
        """In the place of the one before."""
        before, self.notify = self.notify, notify
        if before is not None:
            before.stop()

    def deselect(self) -> None:
        """Leave the selected mailbox, if there is one."""
        selected, self.selected = self.selected, None
        if selected is not None:
            selected.live.release()
            if self.notify is not None:
                self.notify.selected_changed()
            if self.state is State.SELECTED:
                self.state = State.AUTHENTICATED

    def end(self, text: str, code: bytes = b"") -> None:
        """Say BYE (RFC 9051 §7.1.5) and close; no further command is answered."""
        if self.state is not State.LOGOUT:
            self.state = State.LOGOUT
            self.send(b"* BYE %s%s\r\n" % (b"[%s] " % code if code else b"", text.encode("ascii", "replace")))
        self.output.close()

    def close(self) -> None:
        """The connection is gone."""
        self.state = State.LOGOUT
        self.set_notify(None)
        self.deselect()
        self._leave()

    def _leave(self) -> None:
        """Whoever is logged in goes, and is told of once."""
        if self.name:
            self.mail.sessions.closed(self.name)
            self.audit("logout")
            self.name = ""

    def audit(self, event: str, **fields: object) -> None:
        """Something that this session has done (see `obs.audit`)."""
        if audit.wanted and self.user is not None:
            audit(event, user=self.user.address, by=self.by, peer=self.output.peer_host, session=self.name, **fields)
