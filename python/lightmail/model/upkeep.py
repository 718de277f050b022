"""What `lightmail db` tells of a database, whichever it is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SchemaState:
    """The schema that a database has, beside the one that this program works with."""

    server: str
    """What answers, with its version: "SQLite 3.40.1", "MariaDB 10.11.6"."""
    found: int
    """The last migration applied; 0: the database has no LightMail schema."""
    usable_from: int
    """The oldest schema version whose program may use the database; 0 without a schema."""
    expected: int
    """The last migration that this program knows."""

    @property
    def pending(self) -> tuple[int, ...]:
        """Versions that an upgrade would bring, in this order."""
        return tuple(range(self.found + 1, self.expected + 1))

    @property
    def too_new(self) -> bool:
        """A later release has removed what this one needs."""
        return self.usable_from > self.expected

    @property
    def usable(self) -> bool:
        """By this program, as it is."""
        return not self.pending and not self.too_new


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a check has found wrong."""

    where: str
    """What was looked at: "MySQL", "S3", "Redis", "SQLite"."""
    text: str
    serious: bool = True
    """False: a warning; it works as it is."""
