"""The SessionTable port: who is connected where, for `lightmail sessions` and the console. Advisory: it may be behind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from lightmail.model import ClientSession


class SessionTable(Protocol):
    """Every process writes what it has in batches: one `beat` for all that came, went and stayed since the last."""

    async def beat(
        self, process: str, opened: Sequence[ClientSession], closed: Sequence[str], *, all_ids: Sequence[str]
    ) -> bool:
        """process: names the caller among all nodes, the same for its whole life. all_ids: every session it has now.

        False: the table does not hold exactly all_ids (what was said earlier is lost: expired, or the store began
        anew); say all of it again. When `opened` is all there is (as many as all_ids), the table holds just that
        afterwards, whatever it held of this process before.

        Sessions whose process has not had a beat for EXPIRES_S are no longer listed, and are removed by anybody's
        later beat. Raises Unavailable.
        """
        ...

    async def list(self, *, address: str | None = None) -> list[ClientSession]:
        """Ordered by address, then by time. Raises Unavailable."""
        ...

    async def forget(self, process: str) -> None:
        """The process ends. Raises Unavailable."""
        ...

    async def close(self) -> None: ...


EXPIRES_S = 90.0
