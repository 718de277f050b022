"""Maildir folders, with Maildir++ subfolders (".Work.2024") or folders inside folders.

Source: https://cr.yp.to/proto/maildir.html, Courier's Maildir++, Dovecot's dovecot-keywords files.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from lightmail._core.imap import decode_utf7
from lightmail.migrate.source import Item, NotImportable, Refused, file_problem
from lightmail.model import DELIMITER

_FLAGS = {
    "S": "\\Seen",
    "R": "\\Answered",
    "F": "\\Flagged",
    "T": "\\Deleted",
    "D": "\\Draft",
    "P": "$Forwarded",
}
_INFO = re.compile(r"[:;!]2,([A-Za-z]*)(?:,[^:;!]*)*$")
"""":" cannot be in a file name everywhere; programs then take ; or !."""
_KEYWORD_LINE = re.compile(r"(\d+) ([^\s\x00-\x1f\x7f-\uffff(){%*\"\\\]]+)")


def is_maildir(path: Path) -> bool:
    return (path / "cur").is_dir() and (path / "new").is_dir()


class Maildir:
    """A Maildir with its subfolders. kind: "Maildir"."""

    kind = "Maildir"

    def __init__(self, path: Path) -> None:
        """Raises NotImportable."""
        if not is_maildir(path):
            raise NotImportable(path, "is not a Maildir: it has no cur and new")
        self._folders = list(_folders(path))
        self.total_octets = sum(_size(entry) for _, folder in self._folders for entry in _entries(folder))

    def items(self, most_octets: int) -> Iterator[Item | Refused]:
        for mailbox, folder in self._folders:
            keywords = _keywords(folder)
            for entry in _entries(folder):
                yield _item(entry, mailbox, folder, keywords, most_octets)


def _folders(root: Path) -> Iterator[tuple[str, Path]]:
    """(mailbox below the target, folder), the root first."""
    yield "", root
    pending = [("", root)]
    while pending:
        parent, folder = pending.pop()
        for child in sorted(folder.iterdir()):
            if child.name in ("cur", "new", "tmp") or child.is_symlink() or not (child / "cur").is_dir():
                continue
            levels = child.name[1:].split(".") if child.name.startswith(".") else [child.name]
            name = DELIMITER.join(filter(None, [parent, *map(_decoded, levels)]))
            yield name, child
            pending.append((name, child))


def _decoded(level: str) -> str:
    """Folder names are in modified UTF-7, or in UTF-8 when they do not read as that; / would part levels."""
    try:
        text = decode_utf7(level.encode("utf-8", "surrogateescape"))
    except ValueError:
        text = level.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return text.replace(DELIMITER, "_")


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """Messages in the order in which they arrived: names begin with the time."""
    found: list[os.DirEntry[str]] = []
    for part in ("cur", "new"):
        if (folder / part).is_dir():
            with os.scandir(folder / part) as entries:
                found.extend(entry for entry in entries if not entry.name.startswith(".") and entry.is_file())
    return sorted(found, key=lambda entry: (_arrival(entry.name), entry.name))


def _arrival(name: str) -> int:
    digits = re.match(r"\d{1,12}", name)
    return int(digits[0]) if digits else 0


def _size(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_size
    except OSError:
        return 0


def _keywords(folder: Path) -> dict[str, str]:
    """Letter to keyword: line "0 Work" of dovecot-keywords is letter a."""
    try:
        text = (folder / "dovecot-keywords").read_text("ascii", "replace")
    except OSError:
        return {}
    found = (_KEYWORD_LINE.fullmatch(line) for line in text.splitlines())
    return {chr(ord("a") + int(match[1])): match[2] for match in found if match and int(match[1]) < 26}


def _item(
    entry: os.DirEntry[str], mailbox: str, folder: Path, keywords: dict[str, str], most_octets: int
) -> Item | Refused:
    place = f"{mailbox or folder.name}: {entry.name}"
    try:
        status = entry.stat()
        if status.st_size > most_octets:
            return Refused(place, f"{status.st_size} octets, the limit is {most_octets}", status.st_size)
        octets = Path(entry.path).read_bytes()
    except OSError as error:
        return Refused(place, file_problem(error), 0)
    letters = match[1] if (match := _INFO.search(entry.name)) else ""
    flags = dict.fromkeys(flag for letter in letters if (flag := _FLAGS.get(letter) or keywords.get(letter)))
    return Item(place, mailbox, octets, int(status.st_mtime), None, tuple(flags), status.st_size)
