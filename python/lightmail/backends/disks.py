"""What the operating system's errors about a disk mean, with the way out; and that a disk takes writes again."""

from __future__ import annotations

import errno
import time

import structlog

from lightmail.errors import NeedsOperator, StoreReadOnly, Unavailable

_log = structlog.get_logger("lightmail.disk")

FULL = ("the disk is full", "make room on its disk")
_CALM_S = 3.0
_OWNER = "its folder and all in it must be this user's, and writable"
_CAUSES: dict[int, tuple[type[Unavailable], str, str]] = {
    errno.ENOSPC: (Unavailable, *FULL),
    errno.EDQUOT: (Unavailable, "the disk quota is used up", "make room, or raise the quota of this user"),
    errno.EROFS: (StoreReadOnly, "the file system is read-only", "see the log of the system, and mount it writable"),
    errno.EACCES: (NeedsOperator, "permission denied", _OWNER),
    errno.EPERM: (NeedsOperator, "permission denied", _OWNER),
    errno.EIO: (Unavailable, "an I/O error", "see the log of the system: the disk may be failing"),
    errno.EMFILE: (Unavailable, "too many open files", "raise the limit of open files of this process"),
    errno.ENFILE: (Unavailable, "too many open files", "raise the limit of open files of the system"),
}


def disk_trouble(error: OSError, what: str) -> Unavailable:
    """what: "the body store"."""
    kind, cause, way_out = _CAUSES.get(error.errno or 0) or (Unavailable, error.strerror or type(error).__name__, "")
    return kind(f"{what} ({cause})", way_out)


class Recovery:
    """Of something on a disk: a line in the log when it takes writes again. That it does not is told by who met it."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._problem = ""
        self._failed_s = 0.0

    def failed(self, error: Unavailable) -> None:
        self._problem = str(error)
        self._failed_s = time.monotonic()

    def worked(self) -> None:
        """On a disk that is nearly full some writes succeed, and others do not: those that succeed count later."""
        if self._problem and time.monotonic() - self._failed_s > _CALM_S:
            _log.info(f"{self._what} takes writes again", problem=self._problem)
            self._problem = ""
