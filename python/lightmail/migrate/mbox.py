"""mbox files: messages after one another, each behind a "From " line.

A "From " line begins a message where the line before is blank, or the file begins, and a time of day and a year follow
in it: sentences that begin with "From" do not. Quoting is undone as mboxrd (RFC 4155 leaves it open): one > less where
> signs stand before "From ", which is also right for the single > of mboxo. Source: RFC 4155; Dovecot and mutt on the
Status headers.
"""

from __future__ import annotations

import calendar
import mmap
import re
from collections.abc import Iterator
from pathlib import Path

from lightmail.migrate.source import Item, NotImportable, Refused, file_problem

_FROM_LINE = re.compile(rb"From [^\r\n]*?\b\d{1,2}:\d{2}(?::\d{2})?\b[^\r\n]*\r?(?:\n|\Z)")
_TIME = re.compile(
    rb"(?P<month>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\w*\s+(?P<day>\d{1,2}),?\s+"
    rb"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?(?:\s+(?P<zone>[+-]\d{4}|[A-Z]{1,5}))?\s+(?P<year>\d{4})"
    rb"(?:\s+(?P<late_zone>[+-]\d{4}))?"
)
_MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
_QUOTED = re.compile(rb"^>(?=>*From )", re.MULTILINE)
_STATUS = re.compile(rb"^(Status|X-Status|X-Keywords)[ \t]*:[ \t]*([^\r\n]*)", re.MULTILINE | re.IGNORECASE)
_STATUS_FLAGS = {"R": "\\Seen", "A": "\\Answered", "F": "\\Flagged", "T": "\\Draft", "D": "\\Deleted"}
_KEYWORD = re.compile(r"[^\s\x00-\x1f\x7f-\uffff(){%*\"\\\]]+")
_FOLDER_DATA = re.compile(rb"^X-IMAP(?:base)?:", re.MULTILINE | re.IGNORECASE)
_INTERNAL_SUBJECT = b"DON'T DELETE THIS MESSAGE"
_FIRST_CREDIBLE_S = 315532800
"""1980: earlier "From " lines are fillers, such as the epoch that archives write."""


class Mbox:
    """One mbox file. kind: "mbox"."""

    kind = "mbox"

    def __init__(self, path: Path, *, unquote: bool = True) -> None:
        """Raises NotImportable when the file does not begin as an mbox does."""
        self._path = path
        self._unquote = unquote
        try:
            self.total_octets = path.stat().st_size
            with path.open("rb") as file:
                head = file.read(1000)
        except OSError as error:
            raise NotImportable(path, file_problem(error)) from error
        if head.strip() and not head.lstrip(b"\r\n").startswith(b"From "):
            raise NotImportable(path, 'is not an mbox: it does not begin with "From "')

    def items(self, most_octets: int) -> Iterator[Item | Refused]:
        if not self.total_octets:
            return
        try:
            with self._path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as octets:
                for number, (start, end) in enumerate(_messages(octets), start=1):
                    yield self._item(octets, number, start, end, most_octets)
        except OSError as error:
            yield Refused(str(self._path), file_problem(error), 0)

    def _item(self, octets: mmap.mmap, number: int, start: int, end: int, most_octets: int) -> Item | Refused:
        place = f"{self._path.name}: message {number}"
        head_end = octets.find(b"\n", start, end) + 1 or end
        body_end = _without_separator(octets, head_end, end)
        if body_end - head_end > most_octets:
            return Refused(place, f"{body_end - head_end} octets, the limit is {most_octets}", end - start)
        message = octets[head_end:body_end]
        if self._unquote and b">From " in message:
            message = _QUOTED.sub(b"", message)
        header = message[: _header_end(message)]
        if number == 1 and _FOLDER_DATA.search(header) and _INTERNAL_SUBJECT in header:
            return Refused(place, "is the mail program's own folder data, not a message", end - start)
        return Item(place, "", message, from_line_time(octets[start:head_end]), None, status_flags(header), end - start)


def _messages(octets: mmap.mmap) -> Iterator[tuple[int, int]]:
    """Where each message is, from its "From " line to the next one's."""
    start = 0
    while octets[start : start + 1] in (b"\n", b"\r"):
        start += 1
    at = start
    while (found := octets.find(b"\nFrom ", at)) >= 0:
        at = found + 1
        if octets[max(found - 2, 0) : found].endswith((b"\n", b"\n\r")) and _is_from_line(octets, at):
            yield start, at
            start = at
    if start < len(octets):
        yield start, len(octets)


def _is_from_line(octets: mmap.mmap, at: int) -> bool:
    return _FROM_LINE.match(octets[at : at + 1000]) is not None


def _without_separator(octets: mmap.mmap, start: int, end: int) -> int:
    """The blank line before the next "From " line belongs to the format."""
    for separator in (b"\n\r\n", b"\n\n"):
        if octets[max(end - len(separator), start) : end] == separator:
            return end - len(separator) + 1
    return start if octets[start:end] in (b"\n", b"\r\n") else end


def _header_end(message: bytes) -> int:
    ends = [end for end in (message.find(b"\n\n"), message.find(b"\n\r\n")) if end >= 0]
    return min(ends, default=len(message)) + 1


def from_line_time(line: bytes) -> int | None:
    """Seconds UTC of "From anna@example.org Thu Aug 22 12:36:23 2002"; zones that are not numbers count as UTC."""
    match = _TIME.search(line)
    if match is None:
        return None
    try:
        seconds = calendar.timegm(
            (
                int(match["year"]),
                _MONTHS.index(match["month"]) + 1,
                int(match["day"]),
                int(match["hour"]),
                int(match["minute"]),
                int(match["second"] or 0),
            )
        )
    except (ValueError, OverflowError):
        return None
    zone = match["late_zone"] or match["zone"] or b""
    if zone[:1] in (b"+", b"-"):
        offset = int(zone[1:3]) * 3600 + int(zone[3:5]) * 60
        seconds -= offset if zone[:1] == b"+" else -offset
    return seconds if seconds >= _FIRST_CREDIBLE_S else None


def status_flags(header: bytes) -> tuple[str, ...]:
    """What Status, X-Status and X-Keywords say of a message."""
    flags: dict[str, None] = {}
    for name, value in _STATUS.findall(header):
        text = value.decode("ascii", "replace")
        if name.lower() == b"x-keywords":
            flags.update(dict.fromkeys(word for word in text.split() if _KEYWORD.fullmatch(word)))
        else:
            flags.update(dict.fromkeys(_STATUS_FLAGS[letter] for letter in text if letter in _STATUS_FLAGS))
    return tuple(flags)
