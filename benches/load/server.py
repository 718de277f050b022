"""A LightMail server of the driver's own, and what any server process weighs."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.server import LightMailServer

from benches.load.scenarios import Account


class Memory:
    """A process as the kernel accounts for it."""

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")

    def resident_kib(self) -> int:
        for line in self._status.read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise ValueError(f"{self._status}: no VmRSS")


@contextmanager
def own_server() -> Iterator[tuple[Account, Memory]]:
    """A server on the embedded default in a temporary folder, with one account."""
    with (
        tempfile.TemporaryDirectory(prefix="lightmail-bench-") as folder,
        LightMailServer(Path(folder) / "data", config={"log": {"level": "warning"}}) as server,
    ):
        user, password = server.add_user()
        host, port = server.address("imap")
        yield Account(host, port, user, password, lmtp=server.address("lmtp")), Memory(server.pid)
