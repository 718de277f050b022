"""INPROGRESS (RFC 9585): a command that takes long says how far it is, so that no client takes the connection for dead.

A timer for as long as the command runs, none otherwise (law 7).
"""

from __future__ import annotations

import asyncio
from types import TracebackType

from lightmail.imap.session import Session

INTERVAL_S = 10.0
"""Nothing is told of commands that are done before."""


class Progress:
    """Of one command, which sends nothing itself meanwhile: `with Progress(session, tag) as progress: …`"""

    __slots__ = ("_done", "_goal", "_session", "_tag", "_timer")

    def __init__(self, session: Session, tag: str) -> None:
        self._session = session
        self._tag = tag
        self._done = 0
        self._goal = 0
        self._timer: asyncio.TimerHandle | None = None

    def at(self, done: int, goal: int) -> None:
        """So many of so many messages have been looked at."""
        self._done, self._goal = done, goal

    def __enter__(self) -> Progress:
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _start(self) -> None:
        if self._session.capabilities.has_command("INPROGRESS"):
            self._timer = asyncio.get_running_loop().call_later(INTERVAL_S, self._tell)

    def _tell(self) -> None:
        # A tag may have a "]", which would look like the end of the response code (RFC 9585 §4).
        tag = b"NIL" if "]" in self._tag else b'"%s"' % self._tag.encode()
        known = b"%d %d" % (self._done, self._goal) if self._goal else b"NIL NIL"
        self._session.output.send_now(b"* OK [INPROGRESS (%s %s)] Still at it\r\n" % (tag, known))
        self._start()
