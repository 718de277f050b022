"""GETMETADATA, SETMETADATA (RFC 5464); the METADATA of LIST (RFC 9590)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from lightmail._core import imap
from lightmail._core.imap import mailbox_name, string
from lightmail.imap.replies import Done
from lightmail.imap.session import Session

_DONE = Done("That is the metadata")
_SET = Done("The metadata is set")
_MOST_ENTRY_OCTETS = 255


async def get_metadata(session: Session, command: imap.GetMetadata) -> Done:
    """An entry that was asked for and is not there is told as NIL; with those below it, only what is there."""
    user = session.user
    assert user is not None
    annotations = session.mail.annotations
    mailbox = await annotations.place(user, command.mailbox) if command.mailbox else None
    found = await annotations.get(user, mailbox, command.entries if command.depth == "0" else None)
    values: dict[str, bytes | None] = dict.fromkeys(command.entries)
    for one in found:
        if one.entry in values or any(_below(one.entry, entry, command.depth) for entry in command.entries):
            values[one.entry] = one.value
    if command.depth != "0" and any(value is not None for value in values.values()):
        # RFC 5464 §4.2.2: "the value of the specified entry name (if it exists), plus all entries below".
        values = {entry: value for entry, value in values.items() if value is not None}
    too_long = 0
    if command.max_octets is not None:
        long = {entry: len(value) for entry, value in values.items() if value and len(value) > command.max_octets}
        too_long = max(long.values(), default=0)
        for entry in long:
            del values[entry]
    if values:
        session.send(metadata_line(session, command.mailbox, values.items()))
    if too_long:
        return Done(_DONE.text, code=b"METADATA LONGENTRIES %d" % too_long)
    return _DONE


async def set_metadata(session: Session, command: imap.SetMetadata) -> Done:
    """All entries or none (RFC 5464 §4.3)."""
    user = session.user
    assert user is not None
    annotations = session.mail.annotations
    limit = session.config.limits.annotation_octets
    if any(value is not None and len(value) > limit for _, value in command.values):
        return Done("A value is too long", code=b"METADATA MAXSIZE %d" % limit, status=b"NO")
    if any(len(entry) > _MOST_ENTRY_OCTETS for entry, _ in command.values):
        return Done("The name of an entry is too long", code=b"LIMIT", status=b"NO")
    # Of an entry that is named twice, the last value counts.
    values = list(dict(command.values).items())
    if command.mailbox:
        await annotations.set(user, await annotations.place(user, command.mailbox), values)
    else:
        await annotations.set_on_server(user, values)
    return _SET


def metadata_line(session: Session, name: str, values: Iterable[tuple[str, bytes | None]]) -> bytes:
    """The METADATA response with values (RFC 5464 §4.4.1)."""
    told = b" ".join(
        _entry(entry) + b" " + (b"NIL" if value is None else string(value, utf8=session.utf8))
        for entry, value in values
    )
    return b"* METADATA %s (%s)\r\n" % (session.mailbox_name(name), told)


def changed_line(session: Session, name: str, entries: Iterable[str]) -> bytes:
    """The METADATA response that tells of changes, without values (RFC 5464 §4.4.2). name: "" is the server."""
    return b"* METADATA %s %s\r\n" % (session.mailbox_name(name), b" ".join(map(_entry, entries)))


def listed(session: Session, name: str, entries: Sequence[str], values: Mapping[str, bytes]) -> bytes:
    """What follows the LIST of a mailbox (RFC 9590 §3)."""
    return metadata_line(session, name, ((entry, values.get(entry)) for entry in entries))


def _entry(entry: str) -> bytes:
    """An entry, which is ASCII, as an astring."""
    return mailbox_name(entry, utf8=True)


def _below(entry: str, above: str, depth: str) -> bool:
    """RFC 5464 §4.2.2."""
    if depth == "0" or not entry.startswith(above + "/"):
        return False
    return depth == "infinity" or "/" not in entry[len(above) + 1 :]
