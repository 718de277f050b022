"""All objects of a body store at one time, kept on disk: a check of a hundred million bodies needs no more memory for it.

SQLite makes the file where the system keeps temporary ones, and removes it, also when the process is killed.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from lightmail.mail.manifests import PREFIX as MANIFESTS
from lightmail.ports.blobs import StoredObject

T = TypeVar("T")

_MEMORY_KIB = 16_384
_PAGE = 1_000


class ObjectList:
    """Close it."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="object-list")
        self._connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._connection.execute(f"PRAGMA cache_size = -{_MEMORY_KIB}")
        self._connection.execute(
            "CREATE TABLE objects (key TEXT PRIMARY KEY, octets INTEGER, modified_s INTEGER) WITHOUT ROWID"
        )

    async def fill(self, objects: AsyncIterator[StoredObject], listed: Callable[[int, int], None]) -> None:
        """objects: of a whole body store; manifests are no bodies. listed: called with how many more, and their octets.

        Raises Unavailable.
        """
        page: list[StoredObject] = []
        async for each in objects:
            if each.key.startswith(MANIFESTS):
                continue
            page.append(each)
            if len(page) == _PAGE:
                await self._add(page, listed)
                page = []
        await self._add(page, listed)

    async def take(self, keys: Iterable[str]) -> Mapping[str, int]:
        """Octets of those of these objects that are listed; they are struck off."""
        return await self._run(self._take, json.dumps(list(keys)))

    async def left(self) -> AsyncIterator[list[StoredObject]]:
        """What has not been taken, in pages, ascending by key. Those of a page may be taken meanwhile."""
        after = ""
        while page := await self._run(self._after, after):
            yield page
            after = page[-1].key

    async def close(self) -> None:
        await self._run(self._connection.close)
        self._thread.shutdown()

    # ---- in the thread

    async def _run(self, call: Callable[..., T], *values: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *values)

    async def _add(self, page: Sequence[StoredObject], listed: Callable[[int, int], None]) -> None:
        await self._run(self._insert, [(each.key, each.octets, each.modified_s) for each in page])
        listed(len(page), sum(each.octets for each in page))

    def _insert(self, rows: Sequence[tuple[str, int, int]]) -> None:
        self._connection.execute("BEGIN")
        self._connection.executemany("INSERT OR REPLACE INTO objects VALUES (?, ?, ?)", rows)
        self._connection.execute("COMMIT")

    def _take(self, keys: str) -> dict[str, int]:
        chosen = "FROM objects WHERE key IN (SELECT value FROM json_each(?))"
        found = dict(self._connection.execute(f"SELECT key, octets {chosen}", (keys,)).fetchall())
        self._connection.execute(f"DELETE {chosen}", (keys,))
        return found

    def _after(self, key: str) -> list[StoredObject]:
        statement = "SELECT key, octets, modified_s FROM objects WHERE key > ? ORDER BY key LIMIT ?"
        return [StoredObject(*row) for row in self._connection.execute(statement, (key, _PAGE))]
