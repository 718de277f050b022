"""Seek tables of large bodies: known to this process, else to the nodes together, else read from the end of the body.

They are as immutable as the bodies (law 3). Who stores a large body tells the others its table, so that the first
reader, wherever it is, asks the body store for octets only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from lightmail._core.frames import TAIL_OCTETS, CorruptBody, Keyring, Layout, NeedTail
from lightmail._core.frames import KeyUnusable as NoKey
from lightmail.errors import BodyCorrupt, KeyUnusable
from lightmail.ports.cache import Cache
from lightmail.ports.metadata import BodyLocation

_REMEMBERED = 4_096
_KEEP_S = 86_400.0
_FOOTER_OCTETS = 9
"""Of the zstd seekable format; enough for `Layout.parse` to say how many it needs."""


class Layouts:
    """One instance per process."""

    def __init__(self, cache: Cache | None, keyring: Keyring) -> None:
        self._keyring = keyring
        self._cache = cache
        self._layouts: dict[str, Layout] = {}

    async def of(self, location: BodyLocation, read_tail: Callable[[int], Awaitable[bytes]]) -> Layout:
        """read_tail: the last so many stored octets. Raises BodyCorrupt, KeyUnusable, and what read_tail raises."""
        key, stored_octets = location.object_key, location.stored_octets
        layout = self._layouts.get(key) or await self._told(key, stored_octets)
        if layout is not None:
            return layout
        octets = min(TAIL_OCTETS, stored_octets)
        try:
            tail = await read_tail(octets)
            needed = table_octets(tail, stored_octets)
            if needed > octets:
                tail = await read_tail(needed)
            layout = Layout.parse(tail, stored_octets, key, self._keyring)
        except (CorruptBody, NeedTail) as error:
            raise BodyCorrupt(location.body_id, str(error)) from error
        except NoKey as error:
            raise KeyUnusable(key, str(error)) from error
        self._remember(key, layout)
        await self._tell(key, tail[-needed:])
        return layout

    async def stored(self, key: str, tail: bytes, stored_octets: int) -> None:
        """A large body has just been stored; tail: its last stored octets, as many as are at hand."""
        try:
            table = tail[-table_octets(tail, stored_octets) :]
            layout = Layout.parse(table, stored_octets, key, self._keyring)
        except (CorruptBody, NeedTail):
            # The table went to the store in two pieces.
            return
        self._remember(key, layout)
        await self._tell(key, table)

    async def _told(self, key: str, stored_octets: int) -> Layout | None:
        if self._cache is None:
            return None
        name = _name(key)
        table = (await self._cache.get([name])).get(name)
        if table is None:
            return None
        try:
            layout = Layout.parse(table, stored_octets, key, self._keyring)
        except (CorruptBody, NeedTail, NoKey):
            return None
        self._remember(key, layout)
        return layout

    async def _tell(self, key: str, table: bytes) -> None:
        if self._cache is not None and len(table) <= TAIL_OCTETS:
            await self._cache.put({_name(key): table}, keep_s=_KEEP_S)

    def _remember(self, key: str, layout: Layout) -> None:
        if len(self._layouts) >= _REMEMBERED:
            del self._layouts[next(iter(self._layouts))]
        self._layouts[key] = layout


def table_octets(tail: bytes, stored_octets: int) -> int:
    """How many of the last octets make the seek table. Raises CorruptBody."""
    try:
        Layout.parse(tail[-_FOOTER_OCTETS:], stored_octets)
    except NeedTail as need:
        return need.octets
    return _FOOTER_OCTETS


def _name(key: str) -> str:
    return f"layout:{key}"
