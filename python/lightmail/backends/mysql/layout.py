"""What tables, columns and indexes there are: as the migrations make them, and as a database has them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from lightmail.backends.mysql.database import MysqlDatabase
from lightmail.backends.mysql.schema import CREATE_VERSIONS, MIGRATIONS, Migration

SELECT_COLUMNS = """
    SELECT table_name, column_name, data_type, character_maximum_length, column_type LIKE '%%unsigned%%', is_nullable,
        collation_name
    FROM information_schema.columns WHERE table_schema = DATABASE() ORDER BY table_name, ordinal_position
"""
SELECT_INDEXES = """
    SELECT table_name, index_name, non_unique, column_name
    FROM information_schema.statistics WHERE table_schema = DATABASE() ORDER BY table_name, index_name, seq_in_index
"""

PRIMARY = "PRIMARY"

_CREATE = re.compile(r"\s*CREATE TABLE IF NOT EXISTS (\w+) \((.*)\) ENGINE=.* COLLATE=(\w+)\s*", re.DOTALL)
_ADD = re.compile(r"\s*ALTER TABLE (\w+) ADD (?:COLUMN )?(.*?)\s*", re.DOTALL)
_FILL = re.compile(r"\s*INSERT IGNORE INTO .*", re.DOTALL)
_KEY = re.compile(r"(?:(PRIMARY|UNIQUE) )?KEY ?(\w*) ?\(([\w, ]+)\)")
_COLUMN = re.compile(r"(\w+)\s+(\w+)(?:\((\d+)\))?(.*)", re.DOTALL)
_TEXT_OCTETS = {"text": 2**16 - 1, "mediumtext": 2**24 - 1, "mediumblob": 2**24 - 1}
_CHARACTERS = frozenset(("varchar", "text", "mediumtext"))
_OCTETS = frozenset(("binary", "varbinary", "mediumblob"))


@dataclass(frozen=True, slots=True)
class Column:
    type: str
    """In lower case, without the display width that some servers give integers."""
    length: int | None
    """Characters of a VARCHAR, octets of what is named after octets; None for numbers."""
    unsigned: bool
    nullable: bool
    collation: str | None
    """None for what is no text."""

    def __str__(self) -> str:
        """As docs/schema.md writes it: `VARCHAR(320)`, `INT UNSIGNED`."""
        length = f"({self.length})" if self.length and self.type not in _TEXT_OCTETS else ""
        return f"{self.type.upper()}{length}{' UNSIGNED' if self.unsigned else ''}"


@dataclass(frozen=True, slots=True)
class Index:
    columns: tuple[str, ...]
    unique: bool


@dataclass(slots=True)
class Table:
    columns: dict[str, Column] = field(default_factory=dict)
    indexes: dict[str, Index] = field(default_factory=dict)


def expected(migrations: Iterable[Migration] = MIGRATIONS) -> dict[str, Table]:
    """Raises ValueError for a statement in a form that is not known here."""
    tables: dict[str, Table] = {}
    for statement in (CREATE_VERSIONS, *(one for migration in migrations for one in migration.statements)):
        if created := _CREATE.fullmatch(statement):
            table = tables[created[1]] = Table()
            for item in _items(created[2]):
                _add(table, item, created[3])
        elif added := _ADD.fullmatch(statement):
            _add(tables[added[1]], added[2], "utf8mb4_bin")
        elif not _FILL.fullmatch(statement):
            raise ValueError(f"neither CREATE TABLE nor ALTER TABLE … ADD: {statement}")
    return tables


async def found(database: MysqlDatabase) -> dict[str, Table]:
    """Raises Unavailable."""
    tables: dict[str, Table] = {}
    for name, column, kind, length, unsigned, nullable, collation in await database.all(SELECT_COLUMNS):
        table = tables.setdefault(name, Table())
        table.columns[column] = Column(kind.lower(), length, bool(unsigned), nullable == "YES", collation)
    indexed: dict[tuple[str, str, bool], list[str]] = {}
    for name, index, non_unique, column in await database.all(SELECT_INDEXES):
        indexed.setdefault((name, index, not int(non_unique)), []).append(column)
    for (name, index, unique), columns in indexed.items():
        tables[name].indexes[index] = Index(tuple(columns), unique)
    return tables


def differences(wanted: dict[str, Table], has: dict[str, Table]) -> list[str]:
    """What is missing or other than wanted. What a database has besides is its operator's business."""
    lines = []
    for name, table in wanted.items():
        if name not in has:
            lines.append(f"table {name} is missing")
            continue
        for column, want in table.columns.items():
            got = has[name].columns.get(column)
            if got is None:
                lines.append(f"column {name}.{column} is missing")
            elif got != want:
                lines.append(f"column {name}.{column} is {_full(got)}, expected {_full(want)}")
        for index, indexed in table.indexes.items():
            if has[name].indexes.get(index) != indexed:
                lines.append(f"index {index} on {name} ({', '.join(indexed.columns)}) is missing or different")
    return lines


def _full(column: Column) -> str:
    collation = f" COLLATE {column.collation}" if column.collation else ""
    return f"{column}{collation}{'' if column.nullable else ' NOT NULL'}"


def _items(body: str) -> list[str]:
    """The definitions of a CREATE TABLE."""
    return [" ".join(item.split()) for item in re.split(r",(?![^(]*\))", _without_inner_parentheses(body))]


def _without_inner_parentheses(body: str) -> str:
    """Expressions of generated columns are of no interest, and their parentheses would be in the way."""
    return re.sub(r"GENERATED ALWAYS AS \(.*?\) STORED", "", body, flags=re.DOTALL)


def _add(table: Table, item: str, collation: str) -> None:
    if item.startswith("CONSTRAINT"):
        return
    if key := _KEY.fullmatch(item):
        columns = tuple(key[3].replace(" ", "").split(","))
        table.indexes[key[2] or PRIMARY] = Index(columns, key[1] is not None)
        return
    column = _COLUMN.fullmatch(item)
    if column is None:
        raise ValueError(f"not a column: {item}")
    name, kind, length, rest = column[1], column[2].lower(), column[3], column[4]
    own = re.search(r"COLLATE (\w+)", rest)
    table.columns[name] = Column(
        kind,
        int(length) if length else _TEXT_OCTETS.get(kind),
        "UNSIGNED" in rest,
        "NOT NULL" not in rest,
        (own[1] if own else collation) if kind in _CHARACTERS else None,
    )
