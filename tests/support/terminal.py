"""Programs that want a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import threading
from collections.abc import Mapping

LIMIT_S = 110.0


def in_terminal(command: list[str], environment: Mapping[str, str]) -> tuple[int, str]:
    """Run a command that needs no keys to be pressed in a terminal of 80 columns; its exit code and what it drew.

    One that has not ended by itself in LIMIT_S is killed.
    """
    ours, its = pty.openpty()
    process = subprocess.Popen(
        command,
        stdin=its,
        stdout=its,
        stderr=its,
        env={**os.environ, "TERM": "xterm", "LINES": "24", "COLUMNS": "80", **environment},
        start_new_session=True,
    )
    os.close(its)
    limit = threading.Timer(LIMIT_S, process.kill)
    limit.start()
    drawn = bytearray()
    try:
        while octets := _read(ours):
            drawn += octets
        return process.wait(), drawn.decode(errors="replace")
    finally:
        limit.cancel()
        os.close(ours)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # EIO: the last program has left the terminal
        return b""
