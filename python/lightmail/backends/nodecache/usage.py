"""How much the processes of a node keep together: one number in a file, changed under a lock.

The number is never too small: room is taken before a file is written, and given back after one is gone. It may be too
great by what killed processes left undone; counting the files (see `eviction.py`) puts that right.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

_NUMBER = struct.Struct("<q")
_PAGE_OCTETS = 4_096


def charge(octets: int) -> int:
    """What a file of so many octets takes on a disk."""
    return octets + -octets % _PAGE_OCTETS


class Usage:
    """Blocking; any thread."""

    def __init__(self, path: Path, most_octets: int) -> None:
        self._path = path
        self._changes_path = path.with_name("changes")
        self._most_octets = most_octets
        # flock does not keep threads of one process apart that came by the same path.
        self._lock = threading.Lock()
        self.seen = 0
        """As it was last."""

    def read(self) -> int | None:
        """None: nobody has counted yet. Raises OSError."""
        with self._locked() as fd:
            return self._get(fd)

    def look(self) -> None:
        """Brings `seen` up to date; waits for nobody. Raises OSError."""
        fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._get(fd)
        finally:
            os.close(fd)

    def take(self, files: Sequence[int]) -> int:
        """Room for files that are going to be written: for so many of them, from the first on. Raises OSError."""
        with self._locked() as fd:
            used = self._get(fd)
            if used is None:
                return 0
            fitting = 0
            for octets in files:
                if used + octets > self._most_octets:
                    break
                used += octets
                fitting += 1
            self._set(fd, used)
            return fitting

    def give_back(self, octets: int) -> None:
        """Raises OSError."""
        with self._locked() as fd:
            used = self._get(fd)
            if used is not None:
                self._set(fd, max(0, used - octets))

    def counted(self, octets: int) -> None:
        """By who holds `counting`. Raises OSError."""
        with self._locked() as fd:
            self._set(fd, octets)

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Held while number and files differ: nobody counts meanwhile. Any number of processes at a time. Raises OSError."""
        with self._held(fcntl.LOCK_SH):
            yield

    @contextlib.contextmanager
    def counting(self) -> Iterator[None]:
        """Number and files agree, and stay as they are but for what the holder does. Raises OSError."""
        with self._held(fcntl.LOCK_EX):
            yield

    @contextlib.contextmanager
    def _held(self, lock: int) -> Iterator[None]:
        fd = _open(self._changes_path)
        try:
            fcntl.flock(fd, lock)
            yield
        finally:
            os.close(fd)

    def _get(self, fd: int) -> int | None:
        octets = os.pread(fd, _NUMBER.size, 0)
        if len(octets) != _NUMBER.size:
            return None
        (used,) = _NUMBER.unpack(octets)
        self.seen = max(0, used)
        return self.seen

    def _set(self, fd: int, octets: int) -> None:
        os.pwrite(fd, _NUMBER.pack(octets), 0)
        self.seen = octets

    @contextlib.contextmanager
    def _locked(self) -> Iterator[int]:
        with self._lock:
            fd = _open(self._path)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX)
                yield fd
            finally:
                os.close(fd)


def _open(path: Path) -> int:
    """Anew each time: whoever empties the folder may do so while we run."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o600)
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(path, flags, 0o600)
