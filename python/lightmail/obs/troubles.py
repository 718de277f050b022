"""What is not available, in the log once for each trouble and not once for each command that meets it.

All who meet a trouble get the same id for it, so that what a client was told leads to the line in the log.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from lightmail.errors import NeedsOperator, Unavailable

OVER_AFTER_S = 60.0
"""A trouble that nobody has met for so long is a new one when it comes again."""
REMIND_EVERY_S = 300.0
_MOST = 64
"""Told apart at the same time; texts of servers may differ in a detail each time."""

_log = structlog.get_logger("lightmail.troubles")


@dataclass(slots=True)
class _Trouble:
    id: str
    told_s: float
    met_s: float
    times: int = 0
    """Met since it was told."""


class Troubles:
    """Of one process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: OrderedDict[str, _Trouble] = OrderedDict()
        self.times = 0
        """Met so far, all together."""

    def met(self, error: Unavailable, event: str, **fields: object) -> str:
        """Somebody could not be served because of it. Returns the trouble's id.

        event, fields: what its line in the log tells of the first one, besides the error and the id.
        """
        now_s = self._clock()
        self.times += 1
        text = str(error)
        trouble = self._known.get(text)
        log = _log.error if isinstance(error, NeedsOperator) else _log.warning
        if trouble is None or now_s - trouble.met_s > OVER_AFTER_S:
            trouble = self._known[text] = _Trouble(secrets.token_hex(4), now_s, now_s)
            self._known.move_to_end(text)
            if len(self._known) > _MOST:
                self._known.popitem(last=False)
            log(event, fault_id=trouble.id, error=text, **fields)
            return trouble.id
        trouble.met_s = now_s
        trouble.times += 1
        if now_s - trouble.told_s >= REMIND_EVERY_S:
            log("still failing", fault_id=trouble.id, error=text, times=trouble.times)
            trouble.told_s, trouble.times = now_s, 0
        return trouble.id

    def forget(self) -> None:
        """What comes next is new."""
        self._known.clear()


troubles = Troubles()
"""Of this process."""
