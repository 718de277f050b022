"""LIST patterns: `*` matches anything, `%` anything within one level (RFC 9051 §6.3.9).

A pattern is run as a set of positions that moves along the name, one bit for each position, so that the cost is that
of the name times that of the pattern however its wildcards stand (law 8); a backtracking matcher can be made to take
exponential time.
"""

from __future__ import annotations

import re

from lightmail.model import DELIMITER, INBOX

_WILDCARDS = re.compile(r"[*%]+")


class Pattern:
    """One canonical LIST pattern: reference and pattern joined, in the names' normal form."""

    __slots__ = (
        "_accepting",
        "_any",
        "_anywhere",
        "_letters",
        "_level",
        "_prefix",
        "_starts",
        "_suffix",
        "_text",
        "_wildcards",
    )

    def __init__(self, text: str) -> None:
        # "*%", "%*" and "**" are "*"; "%%" is "%".
        text = _WILDCARDS.sub(lambda run: "*" if "*" in run[0] else "%", text)
        self._text = text
        self._any = text == "*"
        self._level = text == "%"
        self._wildcards = "*" in text or "%" in text
        self._prefix = _WILDCARDS.split(text, 1)[0]
        self._suffix = text[max(text.rfind("*"), text.rfind("%")) + 1 :]
        self._letters: dict[str, int] = {}
        self._anywhere = self._starts = 0
        if not self._wildcards or self._any or self._level:
            return
        within_level = 0
        for position, character in enumerate(text):
            bit = 1 << position
            if character == "*":
                self._anywhere |= bit
            elif character == "%":
                within_level |= bit
            else:
                self._letters[character] = self._letters.get(character, 0) | bit
        self._accepting = 1 << len(text)
        self._starts = self._anywhere | within_level

    @property
    def one_level(self) -> bool:
        """It has a `%`, so that a name may be hidden by its depth."""
        return "%" in self._text

    def matches(self, name: str) -> bool:
        """INBOX matches in any case (RFC 9051 §5.1)."""
        return self._matches(name) or (name == INBOX and not self._wildcards and self._text.upper() == INBOX)

    def _matches(self, name: str) -> bool:
        if self._any:
            return True
        if self._level:
            return DELIMITER not in name
        if not self._wildcards:
            return name == self._text
        if not (name.startswith(self._prefix) and name.endswith(self._suffix)):
            return False
        starts, anywhere, letters = self._starts, self._anywhere, self._letters
        # Bit i: the pattern's first i characters match what has been read. A wildcard may match nothing.
        reached = 1
        reached |= (reached & starts) << 1
        for character in name:
            stays = reached & (anywhere if character == DELIMITER else starts)
            reached = stays | (reached & letters.get(character, 0)) << 1
            if not reached:
                return False
            reached |= (reached & starts) << 1
        return bool(reached & self._accepting)
