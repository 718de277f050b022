"""LANGUAGE and COMPARATOR (RFC 5255): in what language the server speaks, and how it compares texts."""

from __future__ import annotations

from lightmail._core import imap
from lightmail.imap.replies import Done
from lightmail.imap.session import Session
from lightmail.mail import comparators

_LANGUAGES = {"en": b"EN", "i-default": b"I-DEFAULT"}
"""As they are told, by tag in lower case. What is said in either is the same, so that nothing is kept of the choice:
UNAUTHENTICATE has nothing to take back (RFC 8437 §4.1), and the names of NAMESPACE need no translation (RFC 5255 §3.4).
"""
_DEFAULT = "i-default"
_MOST_SUBTAGS = max(tag.count("-") + 1 for tag in _LANGUAGES)
_LISTED = Done("These there are")
_CHOSEN = Done("This it is")
_UNKNOWN = Done("No such language here", status=b"NO")
_ACTIVE = Done("This is active")


async def language(session: Session, command: imap.Language) -> Done:
    """The first of the ranges that leads to a language decides (RFC 5255 §3.2)."""
    if not command.ranges:
        session.send(b"* LANGUAGE (%s)\r\n" % b" ".join(_LANGUAGES.values()))
        return _LISTED
    chosen = _look_up(command.ranges)
    if chosen is None:
        return _UNKNOWN
    session.send(b"* LANGUAGE (%s)\r\n" % _LANGUAGES[chosen])
    return _CHOSEN


def _look_up(ranges: tuple[str, ...]) -> str | None:
    """RFC 4647 §3.4: the end of a range is taken off until a language is left. "*" says nothing while others follow."""
    for place, sought in enumerate(ranges, start=1):
        subtags = sought.lower().split("-")
        if subtags == ["default"] or (subtags[0] == "*" and place == len(ranges)):
            return _DEFAULT
        if subtags[0] == "*":
            continue
        # Wildcards behind the first subtag do not count. What is longer than any language is never one.
        subtags = [subtag for subtag in subtags if subtag != "*"][:_MOST_SUBTAGS]
        while subtags:
            if (tag := "-".join(subtags)) in _LANGUAGES:
                return tag
            subtags.pop()
    return None


async def comparator(session: Session, command: imap.Comparator) -> Done:
    """RFC 5255 §4.7, §4.8."""
    if not command.wanted:
        session.send(b"* COMPARATOR %s\r\n" % session.comparator.name.encode())
        return _ACTIVE
    session.comparator, matching = comparators.choose(command.wanted)
    told = session.comparator.name
    if len(matching) > 1:
        told += f" ({' '.join(each.name for each in matching)})"
    session.send(b"* COMPARATOR %s\r\n" % told.encode())
    return _CHOSEN
