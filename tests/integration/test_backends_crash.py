"""Processes that are killed, and processes that write at the same time, on the real SQLite file (laws 1 and 2)."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from lightmail.backends.files import FileBlobs
from lightmail.backends.local import LocalChangeFeed
from lightmail.backends.sqlite import SqliteDatabase, SqliteDirectory, SqliteMetadata, SqliteUpkeep
from lightmail.config import Config
from lightmail.config.sections import Server, Storage
from lightmail.model import BodyId, BodyRecord, Mailbox, NewMessage
from tests.support.aio import run
from tests.support.backends import HandClock, Store
from tests.support.trust import assert_sound

pytestmark = pytest.mark.integration
ROOT = Path(__file__).resolve().parents[2]
WRITERS = 8


async def _open(folder: Path, name: str) -> tuple[SqliteDatabase, Store, Mailbox]:
    database = await SqliteDatabase.open(folder / "test.sqlite")
    metadata, directory = SqliteMetadata(database), SqliteDirectory(database)
    user = await directory.resolve("ann@example.org")
    store = Store(metadata, directory, SqliteUpkeep(database), HandClock(), user)
    return database, store, await metadata.get_mailbox(user.id, name)


async def _prepare(folder: Path) -> None:
    database = await SqliteDatabase.open(folder / "test.sqlite")
    user = await SqliteDirectory(database).add_user("ann@example.org", "")
    await SqliteMetadata(database).create_mailbox(user.id, "INBOX")
    await database.close()


async def write_until(folder: Path, prefix: str, count: int) -> None:
    """Append from several tasks at once and print `uid key` of each message after it was answered."""
    database, store, mailbox = await _open(folder, "INBOX")
    blobs = await FileBlobs.open(folder / "bodies")
    numbers = iter(range(count))

    async def write() -> None:
        for number in numbers:
            octets = f"{prefix} {number} ".encode() * 100
            record = store.body(len(octets))
            key = f"{prefix}/{number}"
            await blobs.put(key, octets)
            body = BodyRecord(key, len(octets), len(octets), record.digest, record.summary)
            message = NewMessage(mailbox.id, body, ("\\Seen",) if number % 2 else (), 0, 0, 0)
            (appended,), _ = await store.metadata.append([message])
            sys.stdout.write(f"{appended.uid} {key}\n")
            sys.stdout.flush()

    await asyncio.gather(*(write() for _ in range(WRITERS)))
    await database.close()
    await blobs.close()


def _writer(folder: Path, prefix: str, count: int) -> subprocess.Popen[str]:
    program = (
        "import sys; from pathlib import Path; from tests.support.aio import run;"
        "from tests.integration.test_backends_crash import write_until;"
        f"run(write_until(Path({str(folder)!r}), {prefix!r}, {count}))"
    )
    return subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def _check(folder: Path, answered: dict[int, str]) -> None:
    """Everything answered is there, whole; the counters are those of the rows; the file is sound."""

    async def check() -> None:
        database, store, mailbox = await _open(folder, "INBOX")
        blobs = await FileBlobs.open(folder / "bodies")
        snapshot = await store.load(mailbox)
        body_ids = [BodyId(body_id) for body_id in snapshot.body_ids(snapshot.uids())]
        bodies = dict(zip(snapshot.uids(), body_ids, strict=True))
        locations = {one.body_id: one for one in await store.metadata.body_locations(body_ids)}
        assert answered.keys() <= bodies.keys()
        for uid, body_id in bodies.items():
            location = locations[body_id]
            assert answered.get(uid, location.object_key) == location.object_key
            # Law 3: the body was durable before the row that names it.
            prefix, number = location.object_key.split("/")
            octets = await blobs.read(location.object_key, 0, location.stored_octets)
            assert octets == f"{prefix} {number} ".encode() * 100
        assert (mailbox.messages, mailbox.unseen, mailbox.size_octets) == (
            len(snapshot),
            snapshot.unseen,
            snapshot.size_octets,
        )
        assert mailbox.uid_next > max(bodies, default=0)
        assert list((folder / "bodies" / "tmp").iterdir())[1:] == []
        await database.close()
        await blobs.close()

    run(check())
    storage = Storage(metadata="sqlite://test.sqlite", bodies="file://bodies")
    assert_sound(Config(server=Server(data=str(folder)), storage=storage), read_back=False)
    connection = sqlite3.connect(folder / "test.sqlite")
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()


def test_a_kill_in_the_middle_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    run(_prepare(tmp_path))
    answered: dict[int, str] = {}
    for attempt in range(3):
        child = _writer(tmp_path, f"run{attempt}", 100_000)
        assert child.stdout is not None
        for _ in range(40 + 30 * attempt):
            uid, key = child.stdout.readline().split()
            assert int(uid) not in answered
            answered[int(uid)] = key
        child.send_signal(signal.SIGKILL)
        for line in child.stdout.read().splitlines():
            uid, _, key = line.partition(" ")
            if key:
                answered[int(uid)] = key
        child.wait()
        child.stdout.close()
        _check(tmp_path, answered)


def test_two_processes_write_at_once_and_notice_each_other(tmp_path: Path) -> None:
    async def test() -> dict[int, str]:
        await _prepare(tmp_path)
        database, store, mailbox = await _open(tmp_path, "INBOX")
        feed = LocalChangeFeed(store.metadata, version_poll_s=0.01)
        noticed = asyncio.Event()
        feed.listen(lambda mailbox_id, modseq: noticed.set() if not mailbox_id else None)
        await feed.start()
        child = _writer(tmp_path, "child", 100)
        blobs = await FileBlobs.open(tmp_path / "bodies")
        loop = asyncio.get_running_loop()
        output = loop.run_in_executor(None, child.communicate)
        given: dict[int, str] = {}
        while not output.done():
            number = len(given)
            octets = f"parent {number} ".encode() * 100
            record = store.body(len(octets))
            await blobs.put(f"parent/{number}", octets)
            body = BodyRecord(f"parent/{number}", len(octets), len(octets), record.digest, record.summary)
            (appended,), _ = await store.metadata.append([NewMessage(mailbox.id, body, (), 0, 0, 0)])
            assert appended.uid not in given
            given[appended.uid] = body.object_key
        for line in (await output)[0].splitlines():
            uid, _, key = line.partition(" ")
            assert int(uid) not in given
            given[int(uid)] = key
        assert child.returncode == 0
        assert sum(key.startswith("child/") for key in given.values()) == 100
        await asyncio.wait_for(noticed.wait(), 60)
        await feed.close()
        await blobs.close()
        await database.close()
        return given

    _check(tmp_path, run(test()))
