"""What every importable source is: found items in order, each with what its format knows about the message."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lightmail.errors import UserError


class NotImportable(UserError):
    """A path that holds no mail in a form we know."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Item:
    """One message, as found. `octets` has the line ends of the file."""

    place: str
    """For people: a file name, or "archive.mbox: message 17"."""
    mailbox: str
    """Below the target: "" for the target itself, "Work/2024" for a subfolder."""
    octets: bytes
    received_s: int | None
    """When it arrived, seconds UTC; None when the source does not know."""
    file_s: int | None
    """When its file was written, for want of anything better."""
    flags: tuple[str, ...]
    source_octets: int
    """How far reading it moves through the source, for the progress."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Something that should have been a message."""

    place: str
    reason: str
    source_octets: int


class Source(Protocol):
    kind: str
    """"mbox", "Maildir", "eml"."""
    total_octets: int

    def items(self, most_octets: int) -> Iterator[Item | Refused]:
        """In a stable order. Larger messages than `most_octets` are refused without being read."""
        ...


def file_problem(error: OSError) -> str:
    return f"cannot be read: {error.strerror or error}"
