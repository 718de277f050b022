"""MESSAGELIMIT and SAVELIMIT (RFC 9738): how many messages one command deals with, where the operator bounds it.

Commands that need not deal with all of their messages deal with the last ones, and say from which on; COPY and APPEND,
which are all or nothing, SORT and THREAD are refused (§3.1, §3.3). EXPUNGE, CLOSE and STATUS know no limit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from lightmail._core.index import UidSet
from lightmail.config import Limits
from lightmail.errors import TooManyMessages
from lightmail.imap.replies import Done
from lightmail.imap.response_codes import code_of
from lightmail.imap.session import Session


@dataclass(frozen=True, slots=True)
class Part:
    """The messages of a set that a command deals with."""

    uids: UidSet
    exceeded: TooManyMessages | None = None
    """What is told when these are not all of them."""

    def told(self, session: Session, done: Done) -> Done:
        """The answer, with the code where there were more. A tagged response that has a code of its own, or is no OK,
        stays as it is, and an untagged one goes before it (§3.1).
        """
        if self.exceeded is None:
            return done
        code = code_of(self.exceeded)
        if done.code or done.status != b"OK":
            session.send(b"* NO [%s] Only the last messages\r\n" % code)
            return done
        return replace(done, text=f"{done.text}: only the last messages", code=code)


def last_messages(uids: UidSet, limits: Limits) -> Part:
    """As many of them as one command may deal with, from the last one on."""
    limit = limits.messages_per_command
    if not limit or len(uids) <= limit:
        return Part(uids)
    last = uids.window(-1, -limit)
    return Part(last, TooManyMessages(limit, last.first))


def most_saved(limits: Limits) -> int:
    """How many messages COPY and APPEND add; 0: no limit."""
    return limits.messages_per_command or limits.saved_messages


def check_saved(uids: UidSet, limits: Limits) -> None:
    """Raises TooManyMessages where COPY may not have so many."""
    limit = most_saved(limits)
    if limit and len(uids) > limit:
        raise TooManyMessages(limit, uids.window(-1, -limit).first)


def check_window(window: tuple[int, int] | None, limits: Limits) -> None:
    """Raises TooManyMessages for a PARTIAL of FETCH that asks for more at once (§3.1)."""
    limit = limits.messages_per_command
    if window is not None and limit and abs(window[1] - window[0]) >= limit:
        raise TooManyMessages(limit)
