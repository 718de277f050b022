"""What moving knows of a mail store, and what it tells of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from lightmail.ports.blobs import BlobStore
from lightmail.ports.directory import Directory
from lightmail.ports.metadata import MetadataStore
from lightmail.ports.upkeep import Upkeep


@dataclass(frozen=True, slots=True)
class Side:
    """The source or the target."""

    metadata: MetadataStore
    directory: Directory
    upkeep: Upkeep
    blobs: BlobStore
    name: str
    """For people, without secrets: "mysql://db/lightmail and s3://mail"."""


class Progress(Protocol):
    def phase(self, name: str, messages: int, octets: int) -> None:
        """Something new begins; so many messages (bodies, objects) and octets are expected, 0: nobody knows."""
        ...

    def advance(self, messages: int, octets: int) -> None:
        """So many more are done."""
        ...


class Unseen:
    """Progress that nobody looks at."""

    def phase(self, name: str, messages: int, octets: int) -> None:
        """Nothing."""

    def advance(self, messages: int, octets: int) -> None:
        """Nothing."""


@dataclass(slots=True)
class Report:
    """What has been moved, all runs together where the last one ended well."""

    accounts: int = 0
    mailboxes: int = 0
    messages: int = 0
    octets: int = 0
    """RFC822.SIZE of all messages."""
    bodies_copied: int = 0
    octets_copied: int = 0
    """As stored; by this run, as `bodies_copied`."""
    bodies_kept: int = 0
    """Objects that were in the target already."""
    bodies_read_back: int = 0
    """From the target, whose hashes were compared."""
    rounds: int = 0
    seconds: float = 0.0
    sealed_s: float | None = None
    """How long no side took writes; None: it has not been switched, or an earlier run did it."""
    switched: bool = False
