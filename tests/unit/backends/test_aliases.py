"""Addresses that lead to an account; no verb makes them yet, a person with a SQL prompt does."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightmail.backends.memory import MemoryDirectory, MemoryState
from lightmail.backends.sqlite import SqliteDatabase, SqliteDirectory
from lightmail.errors import UserExists, UserNotFound
from lightmail.ports.directory import Directory
from tests.support.aio import run


async def _resolves(directory: Directory) -> None:
    ann = await directory.get_user("ann@example.org")
    assert await directory.resolve("post@example.org") == ann
    with pytest.raises(UserNotFound):
        await directory.get_user("post@example.org")
    with pytest.raises(UserExists):
        await directory.add_user("post@example.org", "")
    await directory.delete_user(ann.id)
    with pytest.raises(UserNotFound):
        await directory.resolve("post@example.org")
    await directory.add_user("post@example.org", "")


def test_in_memory() -> None:
    async def test() -> None:
        state = MemoryState()
        directory = MemoryDirectory(state)
        user = await directory.add_user("ann@example.org", "")
        state.aliases["post@example.org"] = user.id
        await _resolves(directory)

    run(test())


def test_in_sqlite(tmp_path: Path) -> None:
    async def test() -> None:
        database = await SqliteDatabase.open(tmp_path / "test.sqlite")
        directory = SqliteDirectory(database)
        user = await directory.add_user("ann@example.org", "")
        await database.write(
            lambda statements: statements.run("INSERT INTO aliases VALUES ('post@example.org', ?)", (user.id,))
        )
        await _resolves(directory)
        await database.close()

    run(test())
