"""APPEND and delivery, worked out without any I/O; shared by the SQL backends.

arrivals = Arrivals(messages)
... lock `arrivals.mailbox_ids`, insert `arrivals.bodies` ...
arrivals.place(mailboxes, body_ids)
... insert `arrivals.rows`, write the mailboxes ...
arrivals.answer()
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence

from lightmail._core.index import UidSet
from lightmail.backends.mailbox_change import MailboxChange
from lightmail.backends.packing import packed
from lightmail.backends.quotas import Arrival, require
from lightmail.model import Appended, BodyId, BodyRecord, Delta, MailboxId, NewMessage, ReplaceOutcome, Uid

MESSAGE_COLUMNS = (
    "uid, size_octets, flags, modseq, body_id, internaldate, internaldate_zone, savedate, sent_date, sent_zone,"
    " mailbox_id"
)


class Arrivals:
    def __init__(self, messages: Sequence[NewMessage]) -> None:
        self._messages = messages
        self._counts = Counter(message.mailbox_id for message in messages)
        self._mailboxes: Mapping[MailboxId, MailboxChange] = {}
        self._blocks: dict[MailboxId, list[str]] = {mailbox_id: [] for mailbox_id in self._counts}
        self._appended: list[Appended] = []
        self.mailbox_ids = list(self._counts)
        self.bodies: dict[str, BodyRecord] = {message.body.object_key: message.body for message in messages}
        """By object key."""
        self.references = Counter(message.body.object_key for message in messages)
        """By object key: how many messages name the body."""
        self.rows: list[tuple[int, ...]] = []
        """For `messages`, as MESSAGE_COLUMNS has them."""

    def place(self, mailboxes: Mapping[MailboxId, MailboxChange], body_ids: Mapping[str, int]) -> None:
        """Give each message its UID and its flags. body_ids: by object key. Raises LimitExceeded, OverQuota."""
        self._mailboxes = mailboxes
        self._require_room()
        next_uid = {mailbox_id: mailboxes[mailbox_id].take_uids(count) for mailbox_id, count in self._counts.items()}
        for message in self._messages:
            mailbox = mailboxes[message.mailbox_id]
            body = message.body
            uid = next_uid[mailbox.id]
            next_uid[mailbox.id] = uid + 1
            flags = mailbox.keywords.bits_of(message.flags, create=True)
            mailbox.count(flags, 1, body.raw_octets)
            body_id = body_ids[body.object_key]
            row = (
                uid,
                body.raw_octets,
                flags,
                mailbox.modseq,
                body_id,
                message.internaldate,
                message.internaldate_zone,
                message.savedate,
                body.summary.sent_date,
                body.summary.sent_zone,
            )
            self.rows.append((*row, mailbox.id))
            self._blocks[mailbox.id].append(packed(row))
            self._appended.append(Appended(mailbox.id, Uid(uid), mailbox.uid_validity, BodyId(body_id)))

    def _require_room(self) -> None:
        rooms = {mailbox.user_id: mailbox.room for mailbox in self._mailboxes.values()}
        if not any(rooms.values()):
            return
        octets: Counter[MailboxId] = Counter()
        for message in self._messages:
            octets[message.mailbox_id] += message.body.raw_octets
        require(
            rooms,
            (
                Arrival(mailbox.id, mailbox.user_id, octets[mailbox.id], self._counts[mailbox.id])
                for mailbox in self._mailboxes.values()
            ),
        )

    def place_for(self, target: MailboxChange, source: MailboxChange, octets: int, body_ids: Mapping[str, int]) -> None:
        """The only message, for one of so many octets in `source`: in one account it needs the difference only
        (RFC 8508 §3.4). Raises as `place`.
        """
        room = target.room
        if room is not None and target.user_id == source.user_id:
            target.room = dataclasses.replace(room, octets=room.octets - octets, messages=room.messages - 1)
        self.place({target.id: target}, body_ids)

    def replaced(self, source: MailboxChange, gone: UidSet) -> ReplaceOutcome:
        """The only message has come in place of one in `source`."""
        (appended,), (delta,) = self.answer()
        if source.id == appended.mailbox_id:
            return ReplaceOutcome(appended, dataclasses.replace(delta, expunged=gone), None)
        return ReplaceOutcome(appended, source.delta([], gone), delta)

    def answer(self) -> tuple[list[Appended], list[Delta]]:
        deltas = [self._mailboxes[at].delta(["".join(blocks)]) for at, blocks in self._blocks.items()]
        return self._appended, deltas
