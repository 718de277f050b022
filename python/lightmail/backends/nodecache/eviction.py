"""Making room: the extents that nobody has read for longest go first, by one process of a node at a time.

Keys spread evenly over the folders, so that some thousand files from a few of them are a fair sample of all: the oldest
quarter of each sample goes until there is room enough. A small cache is one such sample.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import stat
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from lightmail.backends.nodecache.paths import FOLDER_MARK, SCRATCH_MARK
from lightmail.backends.nodecache.usage import Usage, charge

KEEP_PERCENT = 90
"""How full the cache is left."""
SAMPLE_FILES = 4_096
_COUNT_AGAIN_S = 86_400.0
"""What processes take for files and then, being killed, do not write is found out by counting."""
_DRIFT_PERCENT = 70
"""With less than this of what should be there, somebody has emptied a part of the cache by hand."""
_ABANDONED_S = 600.0
"""A file this long on its way in is a killed process's."""
_ROUNDS = 16


class _File(NamedTuple):
    used_ns: int
    """When it was last read, nearly."""
    octets: int
    path: str


class Evictor:
    """Blocking."""

    def __init__(self, root: Path, folders: Sequence[str], usage: Usage, most_octets: int) -> None:
        self._lock = root / "evictor"
        """Its time of change is when the files were last counted."""
        self._folders = folders
        self._usage = usage
        self._target_octets = most_octets * KEEP_PERCENT // 100
        self.evicted = 0
        """Files removed."""

    def run(self) -> None:
        """Remove what is too much; does nothing when another process is at it. Raises OSError."""
        with contextlib.ExitStack() as stack:
            fd = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            stack.callback(os.close, fd)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            used = self._usage.read()
            counted = used is None or time.time() - os.fstat(fd).st_mtime > _COUNT_AGAIN_S
            if counted:
                used = self._count(fd)
            for _ in range(_ROUNDS):
                if used is None or used <= self._target_octets:
                    break
                freed = self._round(used, believed=counted)
                if freed is None:
                    used, counted = self._count(fd), True
                else:
                    used -= freed

    def _count(self, fd: int) -> int:
        """fd: of the lock, which remembers when that was."""
        with self._usage.counting():
            octets = sum(file.octets for sample, _ in self._samples() for file in sample)
            self._usage.counted(octets)
        os.utime(fd)
        return octets

    def _round(self, used: int, *, believed: bool) -> int | None:
        """Remove a part of each sample, until enough has gone; how much that was.

        None: there is much less than is said to be in use, unless that has just been counted.
        """
        excess = used - self._target_octets
        freed = 0
        for sample, folders in self._samples():
            octets = sum(file.octets for file in sample)
            if not believed and octets * len(self._folders) < used * folders * _DRIFT_PERCENT // 100:
                return None
            believed = True
            removed = self._remove(sample, min(excess - freed, octets // 4 + 1))
            self._usage.give_back(removed)
            freed += removed
            if freed >= excess:
                break
        return freed

    def _remove(self, sample: list[_File], octets: int) -> int:
        """The oldest, of so many octets at least; what they had."""
        freed = 0
        for file in sorted(sample):
            if freed >= octets:
                break
            if os.path.basename(file.path).startswith(SCRATCH_MARK):
                continue
            with contextlib.suppress(FileNotFoundError):
                os.unlink(file.path)
                self.evicted += 1
            freed += file.octets
            folder = os.path.dirname(file.path)
            if folder.endswith(FOLDER_MARK):
                with contextlib.suppress(OSError):
                    os.rmdir(folder)
        return freed

    def _samples(self) -> Iterator[tuple[list[_File], int]]:
        """All files, those of several folders together, in another order each time; and of how many folders."""
        sample: list[_File] = []
        folders = 0
        abandoned_ns = int((time.time() - _ABANDONED_S) * 1e9)
        for folder in random.sample(self._folders, len(self._folders)):
            for file in _files_below(folder):
                if file.used_ns < abandoned_ns and os.path.basename(file.path).startswith(SCRATCH_MARK):
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(file.path)
                else:
                    sample.append(file)
            folders += 1
            if len(sample) >= SAMPLE_FILES:
                yield sample, folders
                sample, folders = [], 0
        if folders:
            yield sample, folders


def _files_below(folder: str, *, deeper: bool = True) -> Iterator[_File]:
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        if not stat.S_ISDIR(status.st_mode):
            yield _File(status.st_mtime_ns, charge(status.st_size), entry.path)
        elif deeper:
            yield from _files_below(entry.path, deeper=False)
