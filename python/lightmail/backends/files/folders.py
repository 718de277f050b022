"""The folders of a store: opened once, made durable in groups, and a place of its own for each process's new files."""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
from pathlib import Path

from lightmail.backends.files.paths import folder_paths


class Folder:
    """An open folder. What was renamed into it is durable once `sync` has returned."""

    __slots__ = ("_requested", "_state", "_synced", "_syncing", "fd")

    def __init__(self, path: Path) -> None:
        self.fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        self._requested = 0
        self._synced = 0
        self._state = threading.Lock()
        self._syncing = threading.Lock()

    def sync(self) -> None:
        """One fsync serves all that asked before it began. Blocks. Raises OSError."""
        with self._state:
            self._requested += 1
            mine = self._requested
        with self._syncing:
            if self._synced >= mine:
                return
            with self._state:
                covered = self._requested
            os.fsync(self.fd)
            self._synced = covered

    def close(self) -> None:
        os.close(self.fd)


def open_folders(root: Path) -> list[Folder]:
    """The folders for objects, made where they are missing, by number (see `paths.folder_of`)."""
    objects = root / "objects"
    objects.mkdir(mode=0o700, parents=True, exist_ok=True)
    missing = [path for path in folder_paths() if not (objects / path).is_dir()]
    for path in missing:
        (objects / path).mkdir(mode=0o700, parents=True, exist_ok=True)
    if missing:
        for parent in (root.parent, root, objects, *objects.iterdir()):
            folder = Folder(parent)
            try:
                folder.sync()
            finally:
                folder.close()
    folders: list[Folder] = []
    try:
        for path in folder_paths():
            folders.append(Folder(objects / path))
    except BaseException:
        for folder in folders:
            folder.close()
        raise
    return folders


class Scratch:
    """Where this process writes files before they get their name: a folder below tmp/ that it holds locked.

    The lock tells a living process's folder from leftovers of one that was killed; those are removed at the next start.
    """

    def __init__(self, root: Path) -> None:
        tmp = root / "tmp"
        tmp.mkdir(mode=0o700, parents=True, exist_ok=True)
        _remove_leftovers(tmp)
        while True:
            path = tmp / os.urandom(8).hex()
            path.mkdir(mode=0o700)
            # Until it is locked, another process that begins may take it for a leftover.
            try:
                fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            except FileNotFoundError:
                continue
            fcntl.flock(fd, fcntl.LOCK_EX)
            if path.is_dir():
                break
            os.close(fd)
        self.fd = fd
        self._path = path
        self._names = 0
        self._lock = threading.Lock()

    def new_name(self) -> str:
        with self._lock:
            self._names += 1
            return str(self._names)

    def close(self) -> None:
        shutil.rmtree(self._path, ignore_errors=True)
        os.close(self.fd)


def _remove_leftovers(tmp: Path) -> None:
    for path in tmp.iterdir():
        try:
            fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except (FileNotFoundError, NotADirectoryError):
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            shutil.rmtree(path, ignore_errors=True)
        finally:
            os.close(fd)
