"""Whose turn it is to write: processes that write to one file take turns.

SQLite alone lets a process that waits for the write lock sleep for ever longer times, while the one that has it takes it
again and again. Here whoever has written stands behind whoever waits: one may wait at the door, and nobody passes it.

    door   held while waiting for the pen; the one who comes back from writing finds it held, and waits before it
    pen    held while writing

SQLite's own lock still decides; this only orders the attempts. The kernel lets go of what a killed process held.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from pathlib import Path

from lightmail.backends.disks import disk_trouble
from lightmail.backends.sqlite.connection import DATABASE

_DOOR, _PEN = 0, 1
_LOOK_AGAIN_S = 0.0002


class Turns:
    """For one thread."""

    def __init__(self, database: Path, patience_s: float) -> None:
        """patience_s: whoever has waited for so long goes on without its turn. Raises Unavailable."""
        try:
            self._file = os.open(f"{database}-turns", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise disk_trouble(error, DATABASE) from error
        self._patience_s = patience_s

    def take(self) -> None:
        """Blocks until it is our turn."""
        if self._try(_DOOR) and self._try(_PEN):
            self._leave(_DOOR)
            return
        until_s = time.monotonic() + self._patience_s
        for place in (_DOOR, _PEN):
            while not self._try(place) and time.monotonic() < until_s:
                time.sleep(_LOOK_AGAIN_S)
        self._leave(_DOOR)

    def done(self) -> None:
        self._leave(_PEN)

    def close(self) -> None:
        os.close(self._file)

    def _try(self, place: int) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
        except OSError as error:
            return error.errno not in (errno.EAGAIN, errno.EACCES)  # a file system without locks: there are no turns
        return True

    def _leave(self, place: int) -> None:
        with contextlib.suppress(OSError):
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, place)
