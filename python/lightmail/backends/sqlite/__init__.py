"""Metadata and accounts in one SQLite file: WAL, full durability, one writer with group commit."""

from __future__ import annotations

from lightmail.backends.sqlite.database import SqliteDatabase
from lightmail.backends.sqlite.directory import SqliteDirectory
from lightmail.backends.sqlite.keeping import SqliteUpkeep
from lightmail.backends.sqlite.metadata import SqliteMetadata
from lightmail.backends.sqlite.sessions import SqliteSessions

__all__ = ["SqliteDatabase", "SqliteDirectory", "SqliteMetadata", "SqliteSessions", "SqliteUpkeep"]
