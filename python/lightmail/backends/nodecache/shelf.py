"""The files of the cache: found, read, kept, dropped. Blocking, any thread, and never in the way: whatever the disk
does, the answer is that nothing is here, or that nothing could be kept.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import structlog

from lightmail.backends.disks import disk_trouble
from lightmail.backends.nodecache.cover import Cover, gaps_between, pieces, with_few_gaps
from lightmail.backends.nodecache.eviction import Evictor
from lightmail.backends.nodecache.extents import Damaged, Extent, extent_of, head_of, read_extent
from lightmail.backends.nodecache.paths import Paths, named
from lightmail.backends.nodecache.usage import Usage, charge

_log = structlog.get_logger("lightmail.nodecache")

FULL_PERCENT = 95
"""From here on room is made before it is needed."""
_LARGEST_SHARE = 4
"""An extent larger than this part of the cache is not kept."""
_FRESH_S = 60.0
"""A file's time of last use is not written more often."""
_OBJECTS_REMEMBERED = 1_024
_COMPLAIN_S = 60.0


class Kept(NamedTuple):
    """Octets of an object to be kept; last: it ends with them."""

    key: str
    start: int
    octets: bytes
    last: bool


class Shelf:
    """One per process; all that processes know of each other is in the folder."""

    def __init__(self, root: Path, most_octets: int) -> None:
        self._root = root
        self._paths = Paths(root)
        self._most_octets = most_octets
        self.usage = Usage(root / "usage", most_octets)
        self.evictor = Evictor(root, self._paths.folders, self.usage, most_octets)
        self._evicting = threading.Lock()
        self._extents: OrderedDict[str, tuple[Extent, ...]] = OrderedDict()
        """Of objects of several extents, as far as this process knows; a hint, the files are the truth."""
        self._extents_lock = threading.Lock()
        self._complained_s = -_COMPLAIN_S
        self._complaints = 0
        self._can_read_nowait = hasattr(os, "RWF_NOWAIT")
        self.damaged = 0
        """Files that were not what had been written."""

    def prepare(self) -> None:
        """Make the folders; count what is there, or make room, where that is due."""
        with self._untroubled():
            for folder in self._paths.folders:
                os.makedirs(folder, mode=0o700, exist_ok=True)
            self.make_room()

    def octets(self) -> int:
        """Held now by all processes together."""
        with self._untroubled():
            self.usage.look()
        return self.usage.seen

    # ---- out

    def may_have(self, key: str) -> bool:
        """Whether a look is worth the way to a thread; does not wait where directories are in memory."""
        return os.path.exists(self._paths.beginning(key)) or os.path.exists(self._paths.others(key))

    def read(self, key: str, start: int, end: int) -> Cover:
        """What is here of [start, end), and what is not."""
        extents = self._look(key)
        parts, stop = self._read_parts(key, extents, start, end)
        return with_few_gaps(Cover(start, stop, parts, gaps_between(parts, start, stop)))

    def read_nowait(self, key: str, start: int, end: int) -> bytes | None:
        """All of it, fewer octets only at the object's end, when it is in memory; None otherwise."""
        if not self._can_read_nowait:
            return None
        extents = self._extents.get(key)
        try:
            if extents is None:
                extent, octets = self._read_file(self._paths.beginning(key), start, end, os.RWF_NOWAIT)
                return octets if start >= extent.start and (extent.end >= end or extent.last) else None
            found, stop = pieces(extents, start, end)
            if sum(until - begin for _, begin, until in found) < stop - start:
                return None
            parts = [
                self._read_file(self._paths.of(key, extent), begin, until, os.RWF_NOWAIT)[1]
                for extent, begin, until in found
            ]
        except OSError as error:
            if error.errno == errno.EOPNOTSUPP:
                self._can_read_nowait = False
            return None
        except Damaged:
            # Found again, and removed, by the one that may wait.
            return None
        if sum(map(len, parts)) < stop - start:
            return None
        return parts[0] if len(parts) == 1 else b"".join(parts)

    # ---- in

    def keep(self, batch: Sequence[Kept], wanted: Callable[[Kept], bool]) -> None:
        """wanted: asked when a file is about to appear; False: the object has been deleted meanwhile."""
        heads = [head_of(kept.start, kept.octets, last=kept.last) for kept in batch]
        rooms = [charge(len(head) + len(kept.octets)) for head, kept in zip(heads, batch, strict=True)]
        largest = self._most_octets // _LARGEST_SHARE
        rest = [file for file in zip(batch, heads, rooms, strict=True) if file[2] <= largest]
        room_made = False
        with self._untroubled():
            while rest:
                with self.usage.changing():
                    fitting = self.usage.take([room for _, _, room in rest])
                    self._write_all(rest[:fitting], wanted)
                rest = rest[fitting:]
                if room_made and not fitting:
                    break
                room_made = bool(rest) or self.usage.seen > self._most_octets * FULL_PERCENT // 100
                if room_made:
                    self.make_room()

    def drop(self, keys: Iterable[str]) -> None:
        with self._untroubled(), self.usage.changing():
            freed = 0
            try:
                for key in keys:
                    freed += _remove(self._paths.beginning(key))
                    others = self._paths.others(key)
                    with self._untroubled():
                        freed += sum(_remove(f"{others}/{name}") for name in os.listdir(others))
                        os.rmdir(others)
                    self._forget(key)
            finally:
                if freed:
                    self.usage.give_back(freed)

    def make_room(self) -> None:
        """Does nothing when somebody is at it."""
        if not self._evicting.acquire(blocking=False):
            return
        try:
            with self._untroubled():
                self.evictor.run()
        finally:
            self._evicting.release()

    # ---- steps

    def _look(self, key: str) -> tuple[Extent, ...]:
        """The extents of an object that there are now."""
        found = []
        with self._untroubled():
            fd = os.open(self._paths.beginning(key), os.O_RDONLY | os.O_CLOEXEC)
            try:
                found.append(extent_of(fd))
            except Damaged as damage:
                self._damaged(self._paths.beginning(key), damage)
            finally:
                os.close(fd)
        with self._untroubled():
            found += filter(None, map(named, os.listdir(self._paths.others(key))))
        extents = tuple(found)
        if any(extent.start for extent in extents):
            self._remember(key, extents)
        else:
            self._forget(key)
        return extents

    def _read_parts(
        self, key: str, extents: Sequence[Extent], start: int, end: int
    ) -> tuple[list[tuple[int, bytes]], int]:
        found, stop = pieces(extents, start, end)
        parts = []
        for extent, begin, until in found:
            path = self._paths.of(key, extent)
            with self._untroubled():
                try:
                    _, octets = self._read_file(path, begin, until, 0)
                except Damaged as damage:
                    self._damaged(path, damage)
                    continue
                if len(octets) == until - begin:
                    parts.append((begin, octets))
        return parts, stop

    def _read_file(self, path: str, start: int, end: int, flags: int) -> tuple[Extent, bytes]:
        """Raises Damaged, OSError."""
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            extent, octets = read_extent(fd, start, end, flags=flags)
            now_s = time.time()
            if now_s - os.fstat(fd).st_mtime > _FRESH_S:
                os.utime(fd, (now_s, now_s))
            return extent, octets
        finally:
            os.close(fd)

    def _write_all(self, files: Sequence[tuple[Kept, bytes, int]], wanted: Callable[[Kept], bool]) -> None:
        """Room has been taken for all of them."""
        spare = sum(room for _, _, room in files)
        try:
            for kept, head, room in files:
                with self._untroubled():
                    spare -= self._write(kept, head, room, wanted)
        finally:
            if spare:
                self.usage.give_back(spare)

    def _write(self, kept: Kept, head: bytes, room: int, wanted: Callable[[Kept], bool]) -> int:
        """How much more the cache holds now. Raises OSError; then nothing is left behind."""
        key, extent = kept.key, Extent(kept.start, kept.start + len(kept.octets), kept.last)
        path, scratch = self._paths.of(key, extent), self._paths.scratch(key)
        fd = _create(scratch)
        try:
            try:
                view = memoryview(head + kept.octets)
                while view:
                    view = view[os.write(fd, view) :]
            finally:
                os.close(fd)
            replaced = _octets(path)
            if not wanted(kept) or replaced > room:
                # Of two that begin at the same place the longer stays.
                os.unlink(scratch)
                return 0
            try:
                os.rename(scratch, path)
            except FileNotFoundError:
                os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
                os.rename(scratch, path)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(scratch)
            raise
        if not wanted(kept):
            return room - replaced - _remove(path)
        with self._extents_lock:
            known = self._extents.get(key)
        if known is not None:
            self._remember(key, (*known, extent))
        elif extent.start:
            self._look(key)
        return room - replaced

    def _remember(self, key: str, extents: tuple[Extent, ...]) -> None:
        with self._extents_lock:
            self._extents[key] = extents
            self._extents.move_to_end(key)
            if len(self._extents) > _OBJECTS_REMEMBERED:
                self._extents.popitem(last=False)

    def _forget(self, key: str) -> None:
        with self._extents_lock:
            self._extents.pop(key, None)

    def _damaged(self, path: str, damage: Damaged) -> None:
        self.damaged += 1
        _log.warning("a cached body was damaged; it is fetched again", file=path, damage=str(damage))
        with self.usage.changing():
            freed = _remove(path)
            if freed:
                self.usage.give_back(freed)

    @contextlib.contextmanager
    def _untroubled(self) -> Iterator[None]:
        """A failure of the disk costs the cache, not the mail; it is told once in a while."""
        try:
            yield
        except FileNotFoundError:
            # Evicted, or the whole folder was emptied, between two steps.
            return
        except OSError as error:
            self._complaints += 1
            now_s = time.monotonic()
            if now_s - self._complained_s >= _COMPLAIN_S:
                _log.warning(
                    "the body cache cannot use its disk",
                    path=str(self._root),
                    error=str(error),
                    way_out=disk_trouble(error, "the body cache").way_out,
                    times=self._complaints,
                )
                self._complained_s, self._complaints = now_s, 0


def _create(path: str) -> int:
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o600)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        return os.open(path, flags, 0o600)


def _octets(path: str) -> int:
    try:
        return charge(os.stat(path).st_size)
    except FileNotFoundError:
        return 0


def _remove(path: str) -> int:
    """What was freed."""
    octets = _octets(path)
    try:
        os.unlink(path)
    except FileNotFoundError:
        return 0
    return octets
