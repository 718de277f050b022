"""Which mailboxes a client means by the filters of NOTIFY and ESEARCH (RFC 5465 §6, RFC 7377 §2.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from lightmail._core.imap import Filter
from lightmail.mail.access import Found, Place
from lightmail.mail.mailboxes import normal_name
from lightmail.model import DELIMITER, Rights

SELECTED = frozenset({"SELECTED", "SELECTED-DELAYED"})

Test = Callable[[Place], bool]
"""Whether a mailbox is meant."""


def test_of(filter_: Filter, subscribed: frozenset[str]) -> Test:
    """subscribed: the names this user has subscribed to; only SUBSCRIBED looks at them.

    Mail is delivered to any mailbox here (subaddresses), so INBOXES is what PERSONAL is (RFC 5465 §6.3). A name stands
    for itself: `*` and `%` are no wildcards (§6.6). A mailbox of another user that is not named has to be one that
    LIST may show (RFC 7377 §2.2).
    """
    names = frozenset(map(normal_name, filter_.names))
    match filter_.kind:
        case "INBOXES" | "PERSONAL":
            return lambda found: found.own
        case "SUBSCRIBED":
            return lambda found: found.wire_name in subscribed and Rights.LOOKUP in found.rights
        case "MAILBOXES":
            return lambda found: found.wire_name in names
        case "SUBTREE":
            return lambda found: not names.isdisjoint(_up(found.wire_name)) and Rights.LOOKUP in found.rights
        case "SUBTREE-ONE":
            return lambda found: (
                found.wire_name in names
                or (found.wire_name.rpartition(DELIMITER)[0] in names and Rights.LOOKUP in found.rights)
            )
        case _:
            return lambda found: False


def chosen(places: Iterable[Found], filters: Sequence[Filter], subscribed: frozenset[str]) -> list[Found]:
    """Those of `places` that one of the filters means, each once, ordered by name."""
    tests = [test_of(each, subscribed) for each in filters]
    found = [place for place in places if any(test(place) for test in tests)]
    return sorted(found, key=lambda place: place.wire_name)


def _up(name: str) -> Iterable[str]:
    """The name and all above it."""
    yield name
    end = name.rfind(DELIMITER)
    while end > 0:
        yield name[:end]
        end = name.rfind(DELIMITER, 0, end)
