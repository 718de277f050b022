"""One file on its way into the store: written under a scratch name, fsynced, renamed, its folder fsynced (law 1)."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from lightmail.backends.disks import disk_trouble
from lightmail.backends.files.attributes import keep_about
from lightmail.backends.files.folders import Folder, Scratch
from lightmail.ports.blobs import NOTHING

BODIES = "the body store"


@contextmanager
def told_plainly() -> Iterator[None]:
    """Turns OSError into Unavailable."""
    try:
        yield
    except OSError as error:
        raise disk_trouble(error, BODIES) from error


class NewFile:
    """Blocking; its methods may be called from any thread, one after the other is seen to here."""

    def __init__(self, scratch: Scratch, folder: Folder, name: str, about: Mapping[str, str] = NOTHING) -> None:
        """name: of the object in its folder."""
        self._scratch = scratch
        self._folder = folder
        self._name = name
        self._about = about
        self._scratch_name = scratch.new_name()
        self._fd: int | None = None
        self._over = False
        # A caller that is cancelled aborts while its last write may still be under way in another thread.
        self._lock = threading.Lock()

    def write(self, octets: bytes) -> None:
        """Raises OSError; ValueError after the end."""
        with self._lock:
            self._write(octets)

    def commit(self) -> None:
        """Raises OSError; then nothing is left behind."""
        with self._lock:
            self._commit()

    def put(self, octets: bytes) -> None:
        """All of it. Raises OSError; then nothing is left behind."""
        with self._lock:
            try:
                self._write(octets)
            except OSError:
                self._abort()
                raise
            self._commit()

    def abort(self) -> None:
        """Leaves nothing behind; does nothing after the end."""
        with self._lock:
            self._abort()

    def _write(self, octets: bytes) -> None:
        if self._over:
            raise ValueError("this object is complete, or was given up")
        if self._fd is None:
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
            self._fd = os.open(self._scratch_name, flags, 0o600, dir_fd=self._scratch.fd)
        view = memoryview(octets)
        while view:
            view = view[os.write(self._fd, view) :]

    def _commit(self) -> None:
        self._write(b"")
        fd = self._fd
        assert fd is not None
        try:
            keep_about(fd, self._about)
            os.fsync(fd)
            os.rename(self._scratch_name, self._name, src_dir_fd=self._scratch.fd, dst_dir_fd=self._folder.fd)
        except OSError:
            self._abort()
            raise
        self._over, self._fd = True, None
        try:
            os.close(fd)
            self._folder.sync()
        except OSError:
            os.unlink(self._name, dir_fd=self._folder.fd)
            raise

    def _abort(self) -> None:
        if self._over:
            return
        self._over = True
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
            os.unlink(self._scratch_name, dir_fd=self._scratch.fd)


class InThread(Protocol):
    """Runs a blocking call in the store's threads."""

    async def __call__(self, call: Callable[..., Any], *values: Any) -> Any: ...


class FileBlobWriter:
    """Implements `ports.blobs.BlobWriter`."""

    def __init__(self, file: NewFile, in_thread: InThread, completed: InThread) -> None:
        """completed: for the last step."""
        self._file = file
        self._in_thread = in_thread
        self._completed = completed

    async def write(self, octets: bytes) -> None:
        await self._in_thread(self._file.write, octets)

    async def commit(self) -> None:
        await self._completed(self._file.commit)

    async def abort(self) -> None:
        await self._in_thread(self._file.abort)
