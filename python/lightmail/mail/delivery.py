"""Delivery: one message, any number of recipients, one stored body, one transaction (law 5).

What is told about the message on its way (Return-Path, Received) stands in the body, so it can only be what is equal
for all recipients. Delivered-To names one address: it is written when there is exactly one recipient, and left out
otherwise, because one body for all outweighs it. No address of one recipient is ever shown to another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import formatdate

from lightmail.config import Config
from lightmail.errors import LightMailError, MailboxNameInvalid, MailboxNotFound, MailboxNotSelectable, OverQuota
from lightmail.mail.about import delivered_to
from lightmail.mail.bodies import Bodies
from lightmail.mail.incoming import Incoming
from lightmail.mail.mailboxes import Mailboxes
from lightmail.mail.messages import Messages
from lightmail.model import INBOX, BodyRecord, Mailbox, MailboxId, NewMessage, User, UserId
from lightmail.ports.clock import Clock

_OWN_WORDS = frozenset({"\\Drafts", "\\Sent"})
"""Mailboxes of what their owner wrote: no stranger's mail is put there, whatever the subaddress says."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a message is for, and the `detail` of `user+detail@domain`."""

    user: User
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """What the trace header says. Every string is free of CR, LF and NUL (the caller's duty)."""

    sender: str
    """The reverse-path without its angle brackets; "" for <> (RFC 5321 §4.4)."""
    addresses: Sequence[str]
    """Of all recipients, as given."""
    client: str
    """Who gave it to us, as `Received: from` names it: "mx.example.org ([192.0.2.1])"; "" when nobody did."""
    protocol: str
    """"LMTP", "LMTPS", "UTF8LMTP" (RFC 3848, RFC 6531 §4.3), "local"."""
    session: str
    """Finds the session in the log."""


class Delivery:
    def __init__(
        self, *, mailboxes: Mailboxes, messages: Messages, bodies: Bodies, clock: Clock, config: Config
    ) -> None:
        self._mailboxes = mailboxes
        self._messages = messages
        self._bodies = bodies
        self._clock = clock
        self._hostname = config.server.hostname or "localhost"
        self._details = config.lmtp.subaddress_mailboxes

    async def receive(self, trace: Trace, recipients: Sequence[Recipient]) -> Incoming:
        """A new body that begins with its trace header; the octets of the message follow.

        recipients: whom it is going to be delivered to, as far as is known.
        """
        accounts = [recipient.user.address for recipient in recipients]
        incoming = self._bodies.receive(
            about=delivered_to(accounts, internaldate=self._clock.now_s()),
            account=recipients[0].user.id if recipients else 0,
        )
        await incoming.write(self._trace_header(trace).encode("utf-8", "surrogateescape"))
        return incoming

    async def deliver(
        self,
        recipients: Sequence[Recipient],
        body: BodyRecord,
        *,
        flags: tuple[str, ...] = (),
        internaldate: int | None = None,
    ) -> list[LightMailError | None]:
        """Put a stored body into everybody's mailbox; what became of it for each, in the order given.

        None means: committed durably (law 1). Recipients that share a mailbox get one copy.
        internaldate: seconds UTC; None is now.
        """
        places = await self._places(recipients)
        failure = await self._store_where_room_is(places, body, flags, internaldate)
        if isinstance(failure, MailboxNotFound):
            # One of the mailboxes has been deleted since; what was meant for it goes to INBOX.
            places = await self._places([Recipient(recipient.user) for recipient in recipients])
            failure = await self._store_where_room_is(places, body, flags, internaldate)
        return [place if isinstance(place, LightMailError) else failure for place in places]

    async def _store_where_room_is(
        self,
        places: list[MailboxId | LightMailError],
        body: BodyRecord,
        flags: tuple[str, ...],
        internaldate: int | None,
    ) -> LightMailError | None:
        """A mailbox that has no room does not keep the others from theirs: its error takes its place in `places`."""
        while True:
            failure = await self._store(places, body, flags, internaldate)
            if not isinstance(failure, OverQuota) or not failure.mailbox_ids:
                return failure
            # Each time there are fewer mailboxes left.
            places[:] = [failure if place in failure.mailbox_ids else place for place in places]

    async def _store(
        self,
        places: Sequence[MailboxId | LightMailError],
        body: BodyRecord,
        flags: tuple[str, ...],
        internaldate: int | None,
    ) -> LightMailError | None:
        mailbox_ids = dict.fromkeys(place for place in places if not isinstance(place, LightMailError))
        now = self._clock.now_s()
        messages = [
            NewMessage(
                mailbox_id=mailbox_id,
                body=body,
                flags=flags,
                internaldate=now if internaldate is None else internaldate,
                internaldate_zone=0,
                savedate=now,
            )
            for mailbox_id in mailbox_ids
        ]
        try:
            if messages:
                await self._messages.append(messages)
        except LightMailError as error:
            # The body stays where it is: the transaction may have been committed all the same (law 3).
            return error
        return None

    async def _places(self, recipients: Sequence[Recipient]) -> list[MailboxId | LightMailError]:
        """One statement for all INBOXes, and one for each subaddress."""
        places = [await self._detail_place(recipient) for recipient in recipients]
        user_ids = [recipient.user.id for recipient, place in zip(recipients, places, strict=True) if place is None]
        try:
            inboxes: Mapping[UserId, MailboxId | LightMailError] = await self._mailboxes.inboxes(user_ids)
        except LightMailError:
            # One of the accounts may have gone; the others still get their mail.
            inboxes = {user_id: await self._inbox(user_id) for user_id in dict.fromkeys(user_ids)}
        return [
            inboxes[recipient.user.id] if place is None else place
            for recipient, place in zip(recipients, places, strict=True)
        ]

    async def _inbox(self, user_id: UserId) -> MailboxId | LightMailError:
        try:
            return (await self._mailboxes.get(user_id, INBOX)).id
        except LightMailError as error:
            return error

    async def _detail_place(self, recipient: Recipient) -> MailboxId | LightMailError | None:
        """None: INBOX."""
        try:
            mailbox = await self._detail_mailbox(recipient)
        except LightMailError as error:
            return error
        return None if mailbox is None else mailbox.id

    async def _detail_mailbox(self, recipient: Recipient) -> Mailbox | None:
        """The mailbox that a subaddress names, if it exists and may be named (RFC 5233 §4)."""
        if not self._details or not recipient.detail:
            return None
        try:
            mailbox = await self._mailboxes.get(recipient.user.id, recipient.detail)
        except (MailboxNotFound, MailboxNotSelectable, MailboxNameInvalid):
            return None
        return None if _OWN_WORDS.intersection(mailbox.special_use) else mailbox

    def _trace_header(self, trace: Trace) -> str:
        """Source: RFC 5321 §4.4."""
        only = trace.addresses[0] if len(trace.addresses) == 1 else ""
        lines = [f"Return-Path: <{trace.sender}>"]
        if only:
            lines.append(f"Delivered-To: {only}")
        lines.append(f"Received: from {trace.client}" if trace.client else "Received:")
        lines.append(f"\tby {self._hostname} (LightMail) with {trace.protocol} id {trace.session}")
        if only:
            lines.append(f"\tfor <{only}>")
        lines[-1] += ";"
        lines.append(f"\t{formatdate(self._clock.now_s())}")
        return "".join(line + "\r\n" for line in lines)
