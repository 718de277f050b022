"""What happens to one process of several: it stands still, or is gone."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path


def stop(pid: int) -> None:
    """SIGSTOP: it holds its sockets, locks and leases and does nothing. Returns once it does nothing."""
    os.kill(pid, signal.SIGSTOP)
    while _state(pid) not in "Tt":  # the signal takes a moment
        pass


def go_on(pid: int) -> None:
    os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def stopped(pid: int) -> Iterator[None]:
    stop(pid)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            go_on(pid)


def kill(pid: int) -> None:
    """What the kernel does when memory is short."""
    os.kill(pid, signal.SIGKILL)


def _state(pid: int) -> str:
    """One letter (proc(5)). Raises FileNotFoundError."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
