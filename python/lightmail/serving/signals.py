"""Signals for a process without an event loop: they become readable."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Iterator
from types import FrameType

HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD)


class Signals:
    """A file descriptor that is readable when a signal of HANDLED has come."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._earlier = {number: signal.signal(number, _noted) for number in HANDLED}
        self._earlier_fd = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)

    def fileno(self) -> int:
        return self._reader.fileno()

    def read(self) -> set[int]:
        """What has come since the last call."""
        found: set[int] = set()
        with contextlib.suppress(BlockingIOError):
            while octets := self._reader.recv(4096):
                found.update(octets)
        return found

    def close(self) -> None:
        signal.set_wakeup_fd(self._earlier_fd)
        for number, handler in self._earlier.items():
            signal.signal(number, handler)
        self._reader.close()
        self._writer.close()

    def forget(self) -> None:
        """In a forked process: SIGTERM ends it for the time being; what a terminal or an operator sends to the whole
        group is the supervisor's.
        """
        signal.set_wakeup_fd(-1)
        for number in HANDLED:
            ours = number in (signal.SIGTERM, signal.SIGCHLD)
            signal.signal(number, signal.SIG_DFL if ours else signal.SIG_IGN)
        self._reader.close()
        self._writer.close()


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Signals wait until the end of the block."""
    earlier = signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, earlier)


def let_through() -> None:
    """In a process that was forked within `held_back`."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)


def _noted(_number: int, _frame: FrameType | None) -> None:
    """The wake-up descriptor has it; without a handler in Python nothing would be written there."""
