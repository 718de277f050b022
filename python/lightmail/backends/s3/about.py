"""What an object is, as S3 user metadata: x-amz-meta-NAME headers, ASCII, 1,536 octets in all. Pure.

    {"mailbox": "Entwürfe", "recipients": "ann@example.org,bob@example.org"}
    →  x-amz-meta-mailbox: Entw%C3%BCrfe    x-amz-meta-recipients: ann@example.org,bob@example.org

Values are percent-encoded UTF-8, spaces and "%" included: header values keep neither other octets nor every space.
What does not fit is shortened where it shows: a list (commas) ends in how many are not named (",+12"), other text in "...".
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

MAX_OCTETS = 1536
"""Of all names, prefix included, and values together. S3 takes 2,048 (user guide, "User-defined object metadata"); some
stores take 2,000, and count every x-amz- header of the request among them.
"""
_PREFIX = "x-amz-meta-"
_PLAIN = "!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~"
_CUT = "..."


def metadata_headers(about: Mapping[str, str]) -> dict[str, str]:
    """names: letters, digits, "-" and "_" (sent as "-": many a proxy drops headers with underscores)."""
    if not about:
        return {}
    headers = {
        _PREFIX + name.lower().replace("_", "-"): quote(value, _PLAIN, errors="replace")
        for name, value in about.items()
    }
    room = MAX_OCTETS - sum(map(len, headers))
    if sum(map(len, headers.values())) > room:
        longest = _longest(sorted(map(len, headers.values())), room)
        headers = {name: _shortened(value, longest) for name, value in headers.items()}
    return headers


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
    for count in range(len(items) - 1, 0, -1):
        kept -= len(items[count]) + 1
        more = f",+{len(items) - count}"
        if kept + len(more) <= octets:
            return value[:kept] + more
    cut = value[: max(octets - len(_CUT), 0)]
    if "%" in cut[-2:]:
        cut = cut[: cut.rindex("%")]
    # 80 to BF continue a character, which is left out whole.
    while value[len(cut)] == "%" and value[len(cut) + 1] in "89AB":
        cut = cut[:-3]
    return (cut + _CUT)[:octets]
