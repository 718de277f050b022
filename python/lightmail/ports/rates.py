"""The RateLimiter port: how often something has happened lately, counted over all nodes."""

from __future__ import annotations

from typing import Protocol


class RateLimiter(Protocol):
    """Counts are approximate and may be lost; when the shared store cannot be reached, this process counts alone.

    No method raises.
    """

    async def hit(self, key: str, *, window_s: float) -> int:
        """One more event under this key. How many there have been within the last `window_s`, this one included."""
        ...

    async def count(self, key: str, *, window_s: float) -> int:
        """The same without adding one."""
        ...

    async def forget(self, key: str) -> None:
        """Begin again at 0."""
        ...

    async def close(self) -> None: ...
