"""The BlobStore over a folder. Everything that may wait for a disk runs in a few threads; a small object takes one hop."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from lightmail._core.frames import Keyring
from lightmail.backends.disks import Recovery
from lightmail.backends.files.attributes import about_of
from lightmail.backends.files.folders import Folder, Scratch, open_folders
from lightmail.backends.files.paths import file_name, folder_of, key_of
from lightmail.backends.files.writing import BODIES, FileBlobWriter, NewFile, told_plainly
from lightmail.errors import Unavailable
from lightmail.ports.blobs import NO_KEYS, NOTHING, BlobNotFound, StoredObject

T = TypeVar("T")

THREADS = 8
"""They wait for the disk most of the time; the kernel joins the fsyncs that come together."""


class FileBlobs:
    """Implements `ports.blobs.BlobStore`. Several processes may use one folder."""

    def __init__(self, folders: list[Folder], scratch: Scratch, keyring: Keyring) -> None:
        """Called by `open`."""
        self.keyring = keyring
        self._folders = folders
        self._scratch = scratch
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="body-files")
        # Not every file system can say whether a read would wait.
        self._can_read_nowait = hasattr(os, "RWF_NOWAIT")
        self._recovery = Recovery(BODIES)
        self._closed = False

    @classmethod
    async def open(cls, root: Path, keyring: Keyring = NO_KEYS) -> FileBlobs:
        """Opens or makes the folder, and removes what killed processes left half-written. Raises Unavailable."""

        def prepare() -> FileBlobs:
            with told_plainly():
                folders = open_folders(root)
                return cls(folders, Scratch(root), keyring)

        return await asyncio.get_running_loop().run_in_executor(None, prepare)

    async def create(self, key: str, *, about: Mapping[str, str] = NOTHING, account: int = 0) -> FileBlobWriter:
        return FileBlobWriter(self._new_file(key, about), self._in_thread, self._completed)

    async def put(self, key: str, octets: bytes, *, about: Mapping[str, str] = NOTHING, account: int = 0) -> None:
        await self._completed(self._new_file(key, about).put, octets)

    async def read(self, key: str, start: int, octets: int, *, account: int = 0) -> bytes:
        return await self._in_thread(self._read, key, start, octets)

    def read_nowait(self, key: str, start: int, octets: int) -> bytes | None:
        if not self._can_read_nowait:
            return None
        try:
            fd = self._open(key)
        except OSError:
            return None
        try:
            wanted = min(octets, os.fstat(fd).st_size - start)
            if wanted <= 0:
                return b""
            buffer = bytearray(wanted)
            # Fewer octets: the rest is not in the page cache.
            return bytes(buffer) if os.preadv(fd, [buffer], start, os.RWF_NOWAIT) == wanted else None
        except OSError as error:
            if error.errno == errno.EOPNOTSUPP:
                self._can_read_nowait = False
            return None
        finally:
            os.close(fd)

    async def delete(self, keys: Sequence[str]) -> None:
        await self._in_thread(self._delete, keys)

    async def objects(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        for number, folder in enumerate(self._folders):
            for found in await self._in_thread(_objects_in, number, folder, prefix):
                yield found

    async def about(self, key: str) -> Mapping[str, str]:
        return await self._in_thread(self._about, key)

    async def close(self) -> None:
        """Waits for what is under way. Safe to call twice."""
        if not self._closed:
            self._closed = True
            await asyncio.get_running_loop().run_in_executor(None, self._close)

    # ---- blocking

    def _new_file(self, key: str, about: Mapping[str, str]) -> NewFile:
        return NewFile(self._scratch, self._folders[folder_of(key)], file_name(key), about)

    def _open(self, key: str) -> int:
        return os.open(file_name(key), os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._folders[folder_of(key)].fd)

    def _read(self, key: str, start: int, octets: int) -> bytes:
        try:
            fd = self._open(key)
        except FileNotFoundError:
            raise BlobNotFound(key) from None
        try:
            left = min(octets, os.fstat(fd).st_size - start)
            chunks = []
            # A signal, or the kernel's limit on one call, may end it early.
            while left > 0 and (chunk := os.pread(fd, left, start)):
                chunks.append(chunk)
                start, left = start + len(chunk), left - len(chunk)
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)
        finally:
            os.close(fd)

    def _about(self, key: str) -> Mapping[str, str]:
        try:
            fd = self._open(key)
        except FileNotFoundError:
            raise BlobNotFound(key) from None
        try:
            return about_of(fd)
        finally:
            os.close(fd)

    def _delete(self, keys: Sequence[str]) -> None:
        # Not fsynced: an object that comes back after a crash is found by the sweep.
        for key in keys:
            try:
                os.unlink(file_name(key), dir_fd=self._folders[folder_of(key)].fd)
            except FileNotFoundError:
                continue

    def _close(self) -> None:
        self._threads.shutdown()
        self._scratch.close()
        for folder in self._folders:
            folder.close()

    async def _completed(self, call: Callable[..., T], *values: object) -> T:
        """What makes an object durable."""
        try:
            done = await self._in_thread(call, *values)
        except Unavailable as error:
            self._recovery.failed(error)
            raise
        self._recovery.worked()
        return done

    async def _in_thread(self, call: Callable[..., T], *values: object) -> T:
        if self._closed:
            raise Unavailable(f"{BODIES} (closed)")
        with told_plainly():
            return await asyncio.get_running_loop().run_in_executor(self._threads, call, *values)


def _objects_in(number: int, folder: Folder, prefix: str) -> list[StoredObject]:
    """A file that somebody has put into another folder than its key's is no object: nobody would read it."""
    found = []
    for name in os.listdir(folder.fd):
        key = key_of(name)
        if key is None or not key.startswith(prefix) or folder_of(key) != number:
            continue
        try:
            status = os.stat(name, dir_fd=folder.fd)
        except FileNotFoundError:
            continue
        found.append(StoredObject(key, status.st_size, int(status.st_mtime)))
    return found
