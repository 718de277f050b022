"""A cache of octets bounded by octets, least recently used out first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

_ENTRY_OCTETS = 200
"""What an entry costs beside its octets, roughly."""


class OctetCache(Generic[K]):
    def __init__(self, max_octets: int) -> None:
        self._max_octets = max_octets
        self._entries: OrderedDict[K, bytes] = OrderedDict()
        self.octets = 0
        """What is held now, with the cost of the entries."""
        self.hits = 0
        self.misses = 0

    def get(self, key: K) -> bytes | None:
        octets = self._entries.get(key)
        if octets is None:
            self.misses += 1
        else:
            self.hits += 1
            self._entries.move_to_end(key)
        return octets

    def put(self, key: K, octets: bytes) -> None:
        """Ignored when it could never fit beside anything else."""
        if len(octets) + _ENTRY_OCTETS > self._max_octets or key in self._entries:
            return
        self._entries[key] = octets
        self.octets += len(octets) + _ENTRY_OCTETS
        while self.octets > self._max_octets:
            _, oldest = self._entries.popitem(last=False)
            self.octets -= len(oldest) + _ENTRY_OCTETS
