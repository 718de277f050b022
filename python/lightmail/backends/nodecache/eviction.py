"""Making room: the extents that nobody has read for longest go first, by one process of a node at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import stat
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from lightmail.backends.nodecache.paths import FOLDER_MARK, SCRATCH_MARK
from lightmail.backends.nodecache.usage import Usage, charge

KEEP_PERCENT = 90
"""How full the cache is left."""
_SAMPLE = 16_384
"""So many ages tell which files are old; where there are no more files, exactly."""
_ABANDONED_S = 600.0
"""A file this long on its way in is a killed process's."""
_ROUNDS = 4


class Evictor:
    """Blocking: a cache of half a million files takes seconds, most of which wait for the disk."""

    def __init__(self, root: Path, folders: Sequence[str], usage: Usage, most_octets: int) -> None:
        self._lock = root / "evictor"
        self._folders = folders
        self._usage = usage
        self._target_octets = most_octets * KEEP_PERCENT // 100
        self.evicted = 0
        """Files removed."""

    def run(self) -> bool:
        """Count what there is, and remove what is too much; False: another process is at it. Raises OSError."""
        with contextlib.ExitStack() as stack:
            fd = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            stack.callback(os.close, fd)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            before = self._usage.read()
            total, ages = self._count()
            for _ in range(_ROUNDS):
                if total <= self._target_octets or not ages:
                    break
                total = self._remove(total, _oldest(ages, total - self._target_octets, total))
                if total > self._target_octets:
                    total, ages = self._count()
            self._usage.counted(total, since=before)
        return True

    def _count(self) -> tuple[int, list[tuple[int, int]]]:
        """Octets of all files, and (age in ns since 1970, octets) of a fair sample of them."""
        total = number = 0
        ages: list[tuple[int, int]] = []
        abandoned_s = time.time() - _ABANDONED_S
        for path, status in self._files():
            octets = charge(status.st_size)
            if os.path.basename(path).startswith(SCRATCH_MARK):
                if status.st_mtime < abandoned_s:
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(path)
                    continue
            elif len(ages) < _SAMPLE:
                ages.append((status.st_mtime_ns, octets))
            elif (place := random.randrange(number + 1)) < _SAMPLE:
                ages[place] = (status.st_mtime_ns, octets)
            number += 1
            total += octets
        return total, ages

    def _remove(self, total: int, until_ns: int) -> int:
        """Files that were read last at that time or before, until few enough are left; what is left."""
        for path, status in self._files():
            if total <= self._target_octets:
                break
            if status.st_mtime_ns > until_ns or os.path.basename(path).startswith(SCRATCH_MARK):
                continue
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
                self.evicted += 1
            total -= charge(status.st_size)
            if os.path.dirname(path).endswith(FOLDER_MARK):
                with contextlib.suppress(OSError):
                    os.rmdir(os.path.dirname(path))
        return total

    def _files(self) -> Iterator[tuple[str, os.stat_result]]:
        """In another order each time, so that equal ages are treated alike."""
        for folder in random.sample(self._folders, len(self._folders)):
            yield from _files_below(folder)


def _files_below(folder: str, *, deeper: bool = True) -> Iterator[tuple[str, os.stat_result]]:
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        if stat.S_ISDIR(status.st_mode):
            if deeper:
                yield from _files_below(entry.path, deeper=False)
        else:
            yield entry.path, status


def _oldest(ages: list[tuple[int, int]], excess: int, total: int) -> int:
    """The time of the youngest that has to go, for `excess` of `total` octets to go."""
    ages = sorted(ages)
    wanted = sum(octets for _, octets in ages) * excess / total
    for age, octets in ages:
        wanted -= octets
        if wanted <= 0:
            return age
    return ages[-1][0]
