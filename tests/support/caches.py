"""A Cache that tests look into."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class DictCache:
    """Implements `ports.cache.Cache`. What is in it can be seen and changed; several may share one."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.asked = 0

    async def get(self, keys: Sequence[str]) -> dict[str, bytes]:
        self.asked += 1
        return {key: self.values[key] for key in keys if key in self.values}

    async def put(self, values: Mapping[str, bytes], *, keep_s: float) -> None:
        self.values.update(values)

    async def close(self) -> None:
        """Nothing is open."""
