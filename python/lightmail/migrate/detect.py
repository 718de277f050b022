"""Which kind of source a path is."""

from __future__ import annotations

from pathlib import Path

from lightmail.migrate.eml import Eml
from lightmail.migrate.maildir import Maildir, is_maildir
from lightmail.migrate.mbox import Mbox
from lightmail.migrate.source import NotImportable, Source

FORMATS = ("mbox", "maildir", "eml")


def open_source(path: Path, format_: str | None = None, *, unquote: bool = True) -> Source:
    """format_: one of FORMATS, or None to see for ourselves. Raises NotImportable."""
    if not path.exists():
        raise NotImportable(path, "no such file or folder")
    match format_ or _guess(path):
        case "maildir":
            return Maildir(path)
        case "eml":
            return Eml(path)
        case _:
            return Mbox(path, unquote=unquote)


def _guess(path: Path) -> str:
    if path.is_dir():
        return "maildir" if is_maildir(path) else "eml"
    return "eml" if path.suffix.lower() == ".eml" else "mbox"
