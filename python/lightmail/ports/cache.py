"""The Cache port: small hot values shared by all processes of all nodes. Losing it loses nothing but time (law 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class Cache(Protocol):
    """Keys are short texts with a kind in front, "kind:rest"; values are at most some KiB.

    No method raises: a cache that cannot be reached has nothing and keeps nothing.
    """

    async def get(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Those that are there."""
        ...

    async def put(self, values: Mapping[str, bytes], *, keep_s: float) -> None:
        """For `keep_s` seconds at most; may be forgotten earlier."""
        ...

    async def close(self) -> None: ...
