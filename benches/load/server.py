"""LightMail servers of the driver's own, and what server processes weigh."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from tests.support.installation import KINDS, Installation
from tests.support.services import Services

from benches.load.scenarios import Account

CONFIG = {
    "auth": {"argon2_memory_kib": 19456, "argon2_passes": 2},
    "changes": {"poll_s": 1.0},
    "log": {"level": "warning"},
}
"""What an installation of the tests makes cheap is as dear here as to an operator."""


class Memory:
    """Processes as the kernel accounts for them."""

    def __init__(self, pids: Callable[[], Sequence[int]]) -> None:
        self._pids = pids

    def resident_kib(self) -> int:
        """Of all of them; pages that they share are counted in each."""
        return sum(self._field(pid, "VmRSS:") for pid in self._pids())

    @staticmethod
    def _field(pid: int, name: str) -> int:
        status = Path(f"/proc/{pid}/status")
        for line in status.read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1])
        raise ValueError(f"{status}: no {name}")


@contextmanager
def own_server(kind: str) -> Iterator[tuple[Account, Memory, Installation]]:
    """One of the installations of the tests, in a temporary folder, with one account."""
    with (
        tempfile.TemporaryDirectory(prefix="lightmail-bench-") as folder,
        closing(Services(Path(folder) / "services")) as services,
        Installation(KINDS[kind], Path(folder), services, config=CONFIG) as installation,
    ):
        user, password = installation.add_user()
        host, port = installation.address("imap")
        account = Account(host, port, user, password, lmtp=installation.address("lmtp"))
        yield account, Memory(installation.process_ids), installation
