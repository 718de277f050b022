"""What a manifest consists of: lines of JSON, the first of which is its head; packed like a body. Pure.

Manifests of one store may be read in any order, and some of them twice: of each thing the latest wins.

    message     the row with the greatest MODSEQ, unless the expunge log has its UID
    mailbox     with the greatest UIDVALIDITY, of these with the greatest MODSEQ, of these with the greatest `told`,
                unless some manifest says that it is gone
    account     with the greatest `told`, unless some manifest says that it is gone

`zstd -d` makes text of a manifest that is not encrypted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from lightmail._core.frames import CorruptBody, Keyring, decode_all, ingest
from lightmail._core.mime import MimeLimits
from lightmail.model import AccountRecord, Annotation, ExpungeRange, Mailbox, MailboxRecord, Quota
from lightmail.ports.metadata import BodyLocation

VERSION = 1
"""Of what is written here. Readers skip names that they do not know; what means something else gets another version."""
_NO_ANALYSIS = MimeLimits(depth=1, parts=1, header_octets=1)


_VALIDITY_SHIFT = 31


class BadManifest(ValueError):
    """An object that is no manifest, or one that this program cannot read."""


class Known(Struct, array_like=True, frozen=True):
    """What a manifest says of one mailbox, in short, for who continues."""

    id: int
    modseq: int
    digest: int
    """Of its other properties; see `mailbox_digest`."""
    told: int
    """As its line has it."""

    @property
    def order(self) -> tuple[int, int, int]:
        """Of two the greater counts, of equal ones the later."""
        return validity_in(self.digest), self.modseq, self.told


class KnownAccount(Struct, array_like=True, frozen=True):
    id: int
    digest: int
    told: int


class Head(Struct, frozen=True, kw_only=True, tag_field="line", tag="manifest"):
    version: Annotated[int, Meta(ge=1)] = VERSION
    store: str
    number: int
    """Greater for later ones."""
    started_s: int
    """What was committed before is in it, or in one before it."""
    full: str = ""
    """One name for all parts of a whole state; "": changes only."""
    part: int = 0
    """From 0 on, of those with the same `full`."""
    last: bool = False
    """Of its `full`: together they hold everything, and those with smaller numbers than the first nothing more."""
    last_body: int = 0
    """Bodies up to this id have been looked at for `dead`."""
    accounts: Sequence[KnownAccount] = ()
    accounts_gone: Sequence[int] = ()
    mailboxes: Sequence[Known] = ()
    """Those that are told to their end."""
    mailboxes_gone: Sequence[int] = ()
    dead: Sequence[str] = ()
    """Keys of objects that no message had any more."""


class AccountLine(Struct, frozen=True, kw_only=True, tag_field="line", tag="account"):
    told: int
    """The number of the manifest in which it was told first."""
    id: int
    address: str
    password_hash: str
    enabled: bool
    created_s: int
    aliases: Sequence[str] = ()
    subscriptions: Sequence[str] = ()
    last_uid_validity: int = 0
    annotations: Sequence[Annotation] = ()
    administrator: bool = False
    quota: Quota = Quota()


class MailboxLine(Struct, frozen=True, kw_only=True, tag_field="line", tag="mailbox"):
    told: int
    id: int
    account: int
    name: str
    uid_validity: int
    uid_next: int
    modseq: int
    selectable: bool = True
    recent_from: int = 1
    special_use: Sequence[str] = ()
    keywords: Sequence[str] = ()
    """In the order of their bits."""
    acl: Mapping[str, str] = {}
    """Letters of RFC 4314 by identifier."""


class BodyPlace(Struct, array_like=True, frozen=True):
    id: int
    key: str
    raw_octets: int
    stored_octets: int


class RowsLine(Struct, frozen=True, kw_only=True, tag_field="line", tag="messages"):
    mailbox: int
    uid_validity: int
    rows: str
    """Packed (MESSAGE_ROW)."""
    bodies: Sequence[BodyPlace]
    """Of these rows; one that had none any more is missing."""


class LoggedRange(Struct, array_like=True, frozen=True):
    modseq: int
    first_uid: int
    last_uid: int


class ExpungesLine(Struct, frozen=True, kw_only=True, tag_field="line", tag="expunged"):
    mailbox: int
    uid_validity: int
    ranges: Sequence[LoggedRange]


Line = AccountLine | MailboxLine | RowsLine | ExpungesLine

_encoder = msgspec.json.Encoder()
_head_decoder = msgspec.json.Decoder(Head)
_line_decoder = msgspec.json.Decoder(Line)


# ---- records as lines


def account_line(record: AccountRecord, told: int) -> AccountLine:
    user = record.user
    return AccountLine(
        told=told,
        id=user.id,
        address=user.address,
        password_hash=user.password_hash,
        enabled=user.enabled,
        created_s=user.created_s,
        aliases=record.aliases,
        subscriptions=record.subscriptions,
        last_uid_validity=record.last_uid_validity,
        annotations=record.annotations,
        administrator=user.administrator,
        quota=user.quota,
    )


def mailbox_line(record: MailboxRecord, told: int) -> MailboxLine:
    mailbox = record.mailbox
    return MailboxLine(
        told=told,
        id=mailbox.id,
        account=mailbox.user_id,
        name=mailbox.name,
        uid_validity=mailbox.uid_validity,
        uid_next=mailbox.uid_next,
        modseq=mailbox.highest_modseq,
        selectable=mailbox.selectable,
        recent_from=mailbox.recent_from,
        special_use=mailbox.special_use,
        keywords=record.keywords,
        acl={identifier: rights.letters for identifier, rights in record.acl},
    )


def rows_line(mailbox: Mailbox, rows: str, places: Iterable[BodyLocation]) -> RowsLine:
    bodies = [BodyPlace(place.body_id, place.object_key, place.raw_octets, place.stored_octets) for place in places]
    return RowsLine(mailbox=mailbox.id, uid_validity=mailbox.uid_validity, rows=rows, bodies=bodies)


def expunges_line(mailbox: Mailbox, ranges: Iterable[ExpungeRange]) -> ExpungesLine:
    logged = [LoggedRange(each.modseq, each.first_uid, each.last_uid) for each in ranges]
    return ExpungesLine(mailbox=mailbox.id, uid_validity=mailbox.uid_validity, ranges=logged)


def account_digest(record: AccountRecord) -> int:
    return digest_of(account_line(record, 0))


def mailbox_digest(mailbox: Mailbox) -> int:
    """Of what changes without a new MODSEQ; who has seen which message is not among it: it changes with every SELECT.

    The upper bits are the UIDVALIDITY: a name that has become selectable again has the id that it had.
    """
    others = (mailbox.user_id, mailbox.name, mailbox.special_use, mailbox.selectable)
    return mailbox.uid_validity << _VALIDITY_SHIFT | digest_of(others) >> 63 - _VALIDITY_SHIFT


def validity_in(digest: int) -> int:
    return digest >> _VALIDITY_SHIFT


def digest_of(value: object) -> int:
    """63 bits that differ when it does."""
    return int.from_bytes(blake2b(_encoder.encode(value), digest_size=8).digest()) >> 1


# ---- heads


def told_mailboxes(heads: Iterable[Head]) -> list[Known]:
    """heads: ascending by number. Ascending by id."""
    told: dict[int, Known] = {}
    gone: set[int] = set()
    for head in heads:
        gone.update(head.mailboxes_gone)
        for known in head.mailboxes:
            if known.id not in told or told[known.id].order <= known.order:
                told[known.id] = known
    return [told[id_] for id_ in sorted(told.keys() - gone)]


def told_accounts(heads: Iterable[Head]) -> list[KnownAccount]:
    """heads: ascending by number. Ascending by id."""
    told: dict[int, KnownAccount] = {}
    gone: set[int] = set()
    for head in heads:
        gone.update(head.accounts_gone)
        for known in head.accounts:
            if known.id not in told or told[known.id].told <= known.told:
                told[known.id] = known
    return [told[id_] for id_ in sorted(told.keys() - gone)]


# ---- octets


def encoded(line: Head | Line) -> bytes:
    return _encoder.encode(line) + b"\n"


def packed(head: Head, lines: Iterable[bytes], object_key: str, keyring: Keyring) -> bytes:
    """The object; lines: `encoded`."""
    text = encoded(head) + b"".join(lines)
    return ingest(text, _NO_ANALYSIS, object_key=object_key, keyring=keyring).tail


def head_of(octets: bytes) -> Head | None:
    """octets: the beginning of the text. None: it does not end there. Raises BadManifest."""
    end = octets.find(b"\n")
    if end < 0:
        return None
    try:
        head = _head_decoder.decode(octets[:end])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadManifest(str(error)) from error
    if head.version > VERSION:
        raise BadManifest(f"it has version {head.version}, and needs a newer release of LightMail")
    return head


def joined(texts: Sequence[bytes], number: int) -> tuple[Head, list[bytes]]:
    """Several of changes as one; texts: ascending by number, none empty. Raises BadManifest."""
    heads = []
    for text in texts:
        head = head_of(text)
        if head is None:
            raise BadManifest("it has no head")
        heads.append(head)
    head = Head(
        store=heads[-1].store,
        number=number,
        started_s=max(head.started_s for head in heads),
        last_body=max(head.last_body for head in heads),
        accounts=told_accounts(heads),
        accounts_gone=sorted({id_ for head in heads for id_ in head.accounts_gone}),
        mailboxes=told_mailboxes(heads),
        mailboxes_gone=sorted({id_ for head in heads for id_ in head.mailboxes_gone}),
        dead=sorted({key for head in heads for key in head.dead}),
    )
    return head, [text[text.index(b"\n") + 1 :] for text in texts]


def text_of(stored: bytes, object_key: str, keyring: Keyring) -> bytes:
    """Raises BadManifest, _core.frames.KeyUnusable."""
    try:
        return decode_all(stored, object_key, keyring)
    except CorruptBody as error:
        raise BadManifest(f"it is damaged: {error}") from error


def lines_of(text: bytes) -> Iterator[Line]:
    """Those after the head. Raises BadManifest."""
    for line in text.split(b"\n")[1:-1]:
        try:
            yield _line_decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadManifest(str(error)) from error
