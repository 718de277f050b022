"""The audit log: who came, who went, what administrators did, what was deleted; one JSON object a line, in a file of its own.

Its fields are in docs/limits.md. Values are addresses, names of mailboxes and counts, never a secret or a part of mail.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import structlog

COMPLAIN_EVERY_S = 60.0

_log = structlog.get_logger("lightmail.audit")


class Audit:
    """Of one process. Several processes write into one file: a line leaves in one piece (O_APPEND)."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._file: int | None = None
        self._identity = (0, 0)
        self._complained_s = -COMPLAIN_EVERY_S

    @property
    def wanted(self) -> bool:
        return self._path is not None

    def configure(self, path: Path | None) -> None:
        """None: nothing is written. Safe to call again."""
        self._close()
        self._path = path

    def __call__(self, event: str, **fields: object) -> None:
        """Fields that are None or "" are left out. Never raises: what cannot be written is a line in the log."""
        if self._path is None:
            return
        told = {name: value for name, value in fields.items() if value not in (None, "")}
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = msgspec.json.encode({"time": now, "event": event, **told, "pid": os.getpid()}, enc_hook=str) + b"\n"
        try:
            os.write(self._descriptor(self._path), line)
        except OSError as error:
            if time.monotonic() - self._complained_s >= COMPLAIN_EVERY_S:
                self._complained_s = time.monotonic()
                _log.error("the audit log cannot be written", path=str(self._path), problem=error.strerror)

    def _descriptor(self, path: Path) -> int:
        """Of the file that has the name now: it may have been moved away, to begin another one."""
        try:
            status = path.stat()
            there = (status.st_dev, status.st_ino)
        except FileNotFoundError:
            there = (0, 0)
        if self._file is None or there != self._identity:
            self._close()
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            status = os.fstat(self._file)
            self._identity = (status.st_dev, status.st_ino)
        return self._file

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


audit = Audit()
"""Of this process."""
