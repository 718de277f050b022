"""Bodies as files: names, durability, leftovers, failures."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from lightmail.backends.files import FileBlobs, writing
from lightmail.backends.files.folders import Folder, Scratch
from lightmail.backends.files.paths import FOLDERS, file_name, folder_of, folder_paths, key_of
from lightmail.errors import Unavailable
from lightmail.ports.blobs import BlobNotFound
from tests.support.aio import run


def on_files(root: Path, test: Callable[[FileBlobs], Awaitable[None]]) -> None:
    async def with_blobs() -> None:
        blobs = await FileBlobs.open(root)
        try:
            await test(blobs)
        finally:
            await blobs.close()

    run(with_blobs())


def files(root: Path) -> list[str]:
    return sorted(path.name for path in root.rglob("*") if path.is_file())


# ---- names


@pytest.mark.parametrize("key", ["7f/03c9", "a", "A-b_c.d", "0/1/2", "x" * 200])
def test_a_key_and_its_file_name_belong_together(key: str) -> None:
    assert key_of(file_name(key)) == key
    assert "/" not in file_name(key)


@pytest.mark.parametrize(
    "key",
    [
        "",
        ".",
        "..",
        "../x",
        "a/../b",
        "a//b",
        "/etc/passwd",
        "a/",
        "a/.b",
        "a+b",
        "a\x00b",
        "a b",
        "ä",
        "x" * 201,
        "a\n",
    ],
)
def test_what_could_name_another_file_is_no_key(key: str) -> None:
    with pytest.raises(ValueError, match="cannot be the key"):
        file_name(key)


def test_no_key_leads_out_of_the_folder(tmp_path: Path) -> None:
    async def test(blobs: FileBlobs) -> None:
        (tmp_path / "secret").write_bytes(b"secret")
        for key in ("../secret", "../../secret", str(tmp_path / "secret")):
            with pytest.raises(ValueError, match="cannot be the key"):
                await blobs.read(key, 0, 10)
            with pytest.raises(ValueError, match="cannot be the key"):
                blobs.read_nowait(key, 0, 10)
            with pytest.raises(ValueError, match="cannot be the key"):
                await blobs.put(key, b"x")
            with pytest.raises(ValueError, match="cannot be the key"):
                await blobs.delete([key])
        assert (tmp_path / "secret").read_bytes() == b"secret"

    on_files(tmp_path / "bodies", test)


def test_keys_spread_evenly() -> None:
    counts = [0] * FOLDERS
    for number in range(FOLDERS * 100):
        counts[folder_of(f"{number % 256:02x}/{number:030x}")] += 1
    assert min(counts) > 40 and max(counts) < 180
    assert len(set(folder_paths())) == FOLDERS


# ---- what survives


def test_objects_are_there_after_reopening(tmp_path: Path) -> None:
    async def write(blobs: FileBlobs) -> None:
        await blobs.put("ab/one", b"one")

    async def read(blobs: FileBlobs) -> None:
        assert await blobs.read("ab/one", 0, 10) == b"one"
        assert blobs.read_nowait("ab/one", 1, 1) in (b"n", None)

    on_files(tmp_path, write)
    on_files(tmp_path, read)


def test_leftovers_of_a_killed_process_are_removed(tmp_path: Path) -> None:
    leftover = tmp_path / "tmp" / "0123456789abcdef"
    leftover.mkdir(parents=True)
    (leftover / "1").write_bytes(b"half a message")
    (tmp_path / "tmp" / "a-file").write_bytes(b"")

    async def test(blobs: FileBlobs) -> None:
        assert not leftover.exists()
        assert await _keys(blobs) == []

    on_files(tmp_path, test)


def test_files_of_a_living_process_are_left_alone(tmp_path: Path) -> None:
    """The command line opens the store of a running server."""

    async def test(server: FileBlobs) -> None:
        writer = await server.create("ab/long")
        await writer.write(b"first half, ")
        second = await FileBlobs.open(tmp_path)
        await second.put("ab/short", b"short")
        await second.close()
        await writer.write(b"second half")
        await writer.commit()
        assert await server.read("ab/long", 0, 100) == b"first half, second half"
        assert await server.read("ab/short", 0, 100) == b"short"

    on_files(tmp_path, test)


def test_nothing_is_left_in_the_scratch_folder_after_closing(tmp_path: Path) -> None:
    async def test(blobs: FileBlobs) -> None:
        writer = await blobs.create("ab/never-finished")
        await writer.write(b"half")

    on_files(tmp_path, test)
    assert list((tmp_path / "tmp").iterdir()) == []


def test_strange_files_are_no_objects(tmp_path: Path) -> None:
    async def test(blobs: FileBlobs) -> None:
        (tmp_path / "objects" / "0" / "0" / ".nfs0001").write_bytes(b"")
        await blobs.put("ab/one", b"one")
        assert await _keys(blobs) == ["ab/one"]

    on_files(tmp_path, test)


# ---- durability


def test_a_commit_syncs_the_file_before_it_is_named_and_the_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law 1."""
    calls: list[str] = []
    fsync, rename = os.fsync, os.rename

    def seen_fsync(fd: int) -> None:
        calls.append("fsync folder" if os.path.isdir(f"/proc/self/fd/{fd}") else "fsync file")
        fsync(fd)

    def seen_rename(*args: object, **kwargs: object) -> None:
        calls.append("rename")
        rename(*args, **kwargs)  # type: ignore[arg-type]

    async def test(blobs: FileBlobs) -> None:
        monkeypatch.setattr(os, "fsync", seen_fsync)
        monkeypatch.setattr(os, "rename", seen_rename)
        await blobs.put("ab/one", b"one")
        writer = await blobs.create("ab/two")
        await writer.write(b"two")
        assert calls == ["fsync file", "rename", "fsync folder"]
        await writer.commit()
        assert calls == ["fsync file", "rename", "fsync folder"] * 2
        monkeypatch.undo()

    on_files(tmp_path, test)


def test_one_fsync_of_a_folder_serves_all_that_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Folder(tmp_path)
    first_begun, others_wait = threading.Event(), threading.Event()
    calls = []

    def slow_fsync(fd: int) -> None:
        calls.append(fd)
        first_begun.set()
        others_wait.wait()

    monkeypatch.setattr(os, "fsync", slow_fsync)
    threads = [threading.Thread(target=folder.sync) for _ in range(5)]
    threads[0].start()
    first_begun.wait()
    for thread in threads[1:]:
        thread.start()
    while folder._requested < 5:
        threading.Event().wait(0.001)
    others_wait.set()
    for thread in threads:
        thread.join()
    folder.close()
    # The first one began before the others had renamed anything; one more is enough for all four.
    assert len(calls) == 2


# ---- failures


@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_a_full_disk_is_named_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    def full(*args: object, **kwargs: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    async def test(blobs: FileBlobs) -> None:
        writer = await blobs.create("ab/streamed")
        await writer.write(b"first")
        with monkeypatch.context() as patch:
            patch.setattr(os, call, full)
            with pytest.raises(Unavailable, match="the disk is full"):
                await blobs.put("ab/one", b"one")
            with pytest.raises(Unavailable, match="the disk is full"):
                await _finish(writer, b"more")
        await writer.abort()
        assert files(tmp_path) == []
        await blobs.put("ab/one", b"one")
        assert files(tmp_path) == ["ab+one"]

    on_files(tmp_path, test)


def test_a_folder_that_cannot_be_synced_is_no_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(folder: Folder) -> None:
        raise OSError(errno.EIO, "Input/output error")

    async def test(blobs: FileBlobs) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(Folder, "sync", fail)
            with pytest.raises(Unavailable, match="I/O error"):
                await blobs.put("ab/one", b"one")
        with pytest.raises(BlobNotFound):
            await blobs.read("ab/one", 0, 3)

    on_files(tmp_path, test)


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write

    async def test(blobs: FileBlobs) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", lambda fd, octets: write(fd, bytes(octets)[:7]))
            await blobs.put("ab/one", b"0123456789" * 10)
        assert await blobs.read("ab/one", 0, 1000) == b"0123456789" * 10

    on_files(tmp_path, test)


def test_an_abort_waits_for_the_write_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cancelled caller aborts while its write is still in a thread; the descriptor must not be closed under it."""
    write = os.write

    async def test(blobs: FileBlobs) -> None:
        loop = asyncio.get_running_loop()
        begun, go_on = asyncio.Event(), threading.Event()

        def slow_write(fd: int, octets: bytes) -> int:
            loop.call_soon_threadsafe(begun.set)
            go_on.wait()
            return write(fd, octets)

        with monkeypatch.context() as patch:
            patch.setattr(os, "write", slow_write)
            writer = await blobs.create("ab/one")
            writing_task = asyncio.ensure_future(writer.write(b"octets"))
            await begun.wait()
            writing_task.cancel()
            aborting = asyncio.ensure_future(writer.abort())
            await asyncio.sleep(0)
            assert not aborting.done()
            go_on.set()
            await aborting
        assert files(tmp_path) == []
        with pytest.raises(ValueError, match="given up"):
            await writer.write(b"more")

    on_files(tmp_path, test)


def test_a_file_system_that_cannot_read_without_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def unsupported(*args: object) -> int:
        asked.append(args)
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    async def test(blobs: FileBlobs) -> None:
        await blobs.put("ab/one", b"one")
        monkeypatch.setattr(os, "preadv", unsupported)
        assert blobs.read_nowait("ab/one", 0, 3) is None
        assert blobs.read_nowait("ab/one", 0, 3) is None
        assert len(asked) == 1
        assert await blobs.read("ab/one", 0, 3) == b"one"

    on_files(tmp_path, test)


def test_what_is_not_in_memory_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def would_wait(*args: object) -> int:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    async def test(blobs: FileBlobs) -> None:
        await blobs.put("ab/one", b"one")
        with monkeypatch.context() as patch:
            patch.setattr(os, "preadv", would_wait)
            assert blobs.read_nowait("ab/one", 0, 3) is None
            patch.setattr(os, "preadv", lambda fd, buffers, start, flags: 2)
            assert blobs.read_nowait("ab/one", 0, 3) is None

    on_files(tmp_path, test)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    async def test() -> None:
        with pytest.raises(Unavailable, match="the body store"):
            await FileBlobs.open(tmp_path / "file" / "bodies")

    run(test())


def test_after_close_nothing_is_available(tmp_path: Path) -> None:
    async def test(blobs: FileBlobs) -> None:
        await blobs.put("ab/one", b"one")
        await blobs.close()
        with pytest.raises(Unavailable, match="closed"):
            await blobs.put("ab/two", b"two")
        assert blobs.read_nowait("ab/one", 0, 3) is None

    on_files(tmp_path, test)


def test_a_scratch_folder_taken_for_a_leftover_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process may clear it between its making and its locking."""
    taken: list[Path] = []

    def steal(fd: int, operation: int) -> None:
        if not taken:
            path = Path(os.readlink(f"/proc/self/fd/{fd}"))
            taken.append(path)
            path.rmdir()

    monkeypatch.setattr("fcntl.flock", steal)
    scratch = Scratch(tmp_path)
    assert len(taken) == 1
    file = writing.NewFile(scratch, Folder(tmp_path), "one")
    file.put(b"one")
    assert (tmp_path / "one").read_bytes() == b"one"
    scratch.close()


def test_processes_that_begin_together_have_a_scratch_folder_each(tmp_path: Path) -> None:
    """Each looks for leftovers, and finds folders that others are about to lock."""
    made: list[Scratch] = []
    starts = threading.Barrier(8)

    def begin() -> None:
        starts.wait()
        for _ in range(50):
            made.append(Scratch(tmp_path))

    threads = [threading.Thread(target=begin) for _ in range(starts.parties)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == len(list((tmp_path / "tmp").iterdir())) == 400
    for scratch in made:
        scratch.close()


async def _finish(writer: writing.FileBlobWriter, octets: bytes) -> None:
    await writer.write(octets)
    await writer.commit()


async def _keys(blobs: FileBlobs) -> list[str]:
    return sorted([found.key async for found in blobs.objects()])
