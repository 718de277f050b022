"""Searches that are kept under a name: FILTER among search keys (RFC 5466). They are annotations of the server."""

from __future__ import annotations

import re

from lightmail._core.imap import Limits, SearchProgram, check_criteria
from lightmail.config import Config
from lightmail.errors import FilterCharset, FilterNotFound, FilterRefused, LimitExceeded
from lightmail.model import PRIVATE, SERVER, User
from lightmail.ports.metadata import MetadataStore

PASSES = 3
"""So deep filters may name filters (RFC 5466 §3.1); a loop is deeper."""
MOST = 32
"""Names that one pass may look up."""
_ROOTS = re.compile(r"/(?:private|shared)/filters(?:/|$)")
_ENTRY = re.compile(r"/(?:private|shared)/filters/(values|descriptions)/[^/(){ \"\\\]]+")
"""`filter-name`: ATOM-CHARs but for the slash (RFC 5466 §4); an entry is ASCII anyway, without controls, "*" and "%"."""
_UTF8 = frozenset({"UTF-8", "US-ASCII"})


def check(entry: str, value: bytes, limits: Limits) -> None:
    """Whether the server may be annotated so: criteria have to be whole and right, descriptions UTF-8 (RFC 5466 §3.2).

    entry: in lower case. What is no filter is let pass. Raises FilterRefused.
    """
    if not _ROOTS.match(entry):
        return
    named = _ENTRY.fullmatch(entry)
    if named is None:
        raise FilterRefused(entry, "expected values or descriptions, and the name of a filter")
    try:
        if named[1] == "values":
            check_criteria(value, limits)
        else:
            value.decode()
    except UnicodeDecodeError:
        raise FilterRefused(entry, "expected UTF-8") from None
    except ValueError as problem:
        raise FilterRefused(entry, str(problem)) from None


def limits_of(config: Config) -> Limits:
    """Bounds on criteria: those of a command that has them."""
    return Limits(nesting=config.limits.nesting, set_ranges=config.limits.set_ranges)


class NamedSearches:
    """One instance per process."""

    def __init__(self, *, metadata: MetadataStore, config: Config) -> None:
        self._metadata = metadata
        self._limits = limits_of(config)
        self._most_octets = config.limits.command_octets

    async def filled(self, program: SearchProgram, user: User) -> SearchProgram:
        """The program with what its FILTER keys stand for in their place; one statement for each pass.

        Does not suspend when there are none. Raises FilterNotFound, FilterRefused, FilterCharset, LimitExceeded.
        """
        names = program.filters
        if names and program.charset is not None and program.charset.upper() not in _UTF8:
            raise FilterCharset(program.charset)
        for _ in range(PASSES):
            if not names:
                return program
            program = await self._fill(program, names, user)
            names = program.filters
        if names:
            raise FilterNotFound(names[0])
        return program

    async def _fill(self, program: SearchProgram, names: tuple[str, ...], user: User) -> SearchProgram:
        """One pass."""
        wanted: dict[str, str] = {}
        for name in names:
            wanted.setdefault(name.lower(), name)
        if len(wanted) > MOST:
            raise LimitExceeded("filters of one search", MOST)
        entries = [f"/{scope}/filters/values/{name}" for name in wanted for scope in ("private", "shared")]
        found: dict[str, bytes] = {}
        for one in await self._metadata.annotations(user.id, [SERVER], entries):
            name = one.entry.rpartition("/")[2]
            # RFC 5466 §3.1: the user's own comes before the one that all share.
            if one.entry.startswith(PRIVATE) or name not in found:
                found[name] = one.value
        for name, written in wanted.items():
            if name not in found:
                raise FilterNotFound(written)
        if sum(len(found[name.lower()]) for name in names) > self._most_octets:
            raise LimitExceeded("octets of the filters of one search", self._most_octets)
        try:
            return program.filled(found, self._limits)
        except ValueError as problem:
            raise FilterRefused(names[0], str(problem)) from None
