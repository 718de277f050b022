"""What an object is, in words that a store can keep beside it: ASCII, and no more than it takes. Pure.

    {"mailbox": "Entwürfe", "recipients": "ann@example.org,bob@example.org"}
    →  mailbox: Entw%C3%BCrfe    recipients: ann@example.org,bob@example.org

Values are percent-encoded UTF-8, spaces and "%" included: header fields keep neither other octets nor every space.
What does not fit is shortened where it shows: a list (commas) ends in how many are not named (",+12"), other text in "...".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote

_PLAIN = "!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~"
_CUT = "..."
_MORE = re.compile(r"\+[0-9]{1,9}")


def encoded(about: Mapping[str, str], most_octets: int, prefix: str = "") -> dict[str, str]:
    """prefix: of every name. most_octets: of all names, prefix included, and values together.

    names: letters, digits, "-" and "_" (kept as "-": many a proxy drops header fields with underscores).
    """
    if not about:
        return {}
    fields = {
        prefix + name.lower().replace("_", "-"): quote(value, _PLAIN, errors="replace") for name, value in about.items()
    }
    room = most_octets - sum(map(len, fields))
    if sum(map(len, fields.values())) > room:
        longest = _longest(sorted(map(len, fields.values())), room)
        fields = {name: _shortened(value, longest) for name, value in fields.items()}
    return fields


def decoded(fields: Mapping[str, str], prefix: str = "") -> dict[str, str]:
    """Fields without the prefix are left out; the case of names does not matter."""
    return {
        name.lower().removeprefix(prefix): unquote(value)
        for name, value in fields.items()
        if name.lower().startswith(prefix)
    }


def _longest(lengths: list[int], room: int) -> int:
    """The greatest length that all may have: short ones are left whole, the long ones share the rest evenly.

    lengths: ascending.
    """
    for number, length in enumerate(lengths):
        share = room // (len(lengths) - number)
        if length > share:
            return share
        room -= length
    return lengths[-1]


def _shortened(value: str, octets: int) -> str:
    if len(value) <= octets:
        return value
    items = value.split(",")
    kept = len(value)
    # One that was shortened before ends in how many it does not name.
    unnamed = int(items[-1][1:]) - 1 if _MORE.fullmatch(items[-1]) else 0
    for count in range(len(items) - 1, 0, -1):
        kept -= len(items[count]) + 1
        more = f",+{len(items) - count + unnamed}"
        if kept + len(more) <= octets:
            return value[:kept] + more
    cut = value[: max(octets - len(_CUT), 0)]
    if "%" in cut[-2:]:
        cut = cut[: cut.rindex("%")]
    # 80 to BF continue a character, which is left out whole.
    while value[len(cut)] == "%" and value[len(cut) + 1] in "89AB":
        cut = cut[:-3]
    return (cut + _CUT)[:octets]
