"""A Galera cluster on loopback: MariaDB nodes that certify each other's transactions when they commit."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

import pytest

from tests.support.services import MariaDb, free_port, program

PROVIDERS = (Path("/usr/lib/galera/libgalera_smm.so"), Path("/usr/lib64/galera-4/libgalera_smm.so"))


NOTHING: Mapping[str, str] = MappingProxyType({})


def provider() -> Path:
    """Galera's library. Otherwise a failure in CI, a skip elsewhere, as for programs."""
    found = next((path for path in PROVIDERS if path.exists()), None)
    if found is None:
        program("galera-4")
        pytest.skip("galera-4 is not installed")
    program("rsync")
    program("wsrep_sst_rsync")
    return found


class GaleraNode(MariaDb):
    """founder: makes the cluster. The others take its data when they join.

    The folder must be open to all: rsync's daemon refuses to write as root, so that nothing here runs as root.
    """

    runs_as = "nobody"

    def __init__(self, folder: Path, cluster: str, library: Path, founder: GaleraNode | None = None) -> None:
        self.group_port = free_port()
        self._transfers = free_port(), free_port()
        self._cluster = cluster
        self._library = library
        self.peers: list[GaleraNode] = []
        """Those it joins when it starts; none makes a new cluster."""
        if founder is not None:
            self.peers = [founder]
            # What is installed here would be replaced.
            (folder / "data").mkdir(parents=True)
            self._give_away(folder / "data")
        super().__init__(folder)
        self._give_away(folder, folder / "tmp")

    def command(self) -> Sequence[str]:
        increments, whole = self._transfers
        provider_options = {
            "gmcast.listen_addr": f"tcp://127.0.0.1:{self.group_port}",
            "ist.recv_addr": f"127.0.0.1:{increments}",
            "gcache.size": "32M",
        }
        return [
            *super().command(),
            "--binlog-format=ROW",
            "--innodb-autoinc-lock-mode=2",
            "--wsrep-on=ON",
            f"--wsrep-provider={self._library}",
            f"--wsrep-cluster-name={self._cluster}",
            f"--wsrep-cluster-address=gcomm://{','.join(f'127.0.0.1:{peer.group_port}' for peer in self.peers)}",
            f"--wsrep-node-address=127.0.0.1:{self.group_port}",
            f"--wsrep-provider-options={';'.join(f'{name}={value}' for name, value in provider_options.items())}",
            "--wsrep-sst-method=rsync",
            f"--wsrep-sst-receive-address=127.0.0.1:{whole}",
        ]

    def at(self, url: str) -> str:
        """The same database, on this node."""
        return f"mysql://root@127.0.0.1:{self.port}/{url.rpartition('/')[2]}"

    def ready(self) -> bool:
        """It has all that the others have, and takes part."""
        return super().ready() and self.status("wsrep_local_state_comment") == "Synced"

    def status(self, name: str) -> str:
        ((_, value),) = self.run(f"SHOW GLOBAL STATUS LIKE '{name}'")
        return str(value)

    def _give_away(self, *folders: Path) -> None:
        if os.geteuid() == 0:
            for folder in folders:
                shutil.chown(folder, self.runs_as)


@contextmanager
def galera(nodes: int = 3, environment: Mapping[str, str] = NOTHING) -> Iterator[list[GaleraNode]]:
    """environment: of the servers, over that of the tests."""
    library = provider()
    cluster = f"lightmail-{secrets.token_hex(4)}"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="galera-")))
        folder.chmod(0o755)
        members: list[GaleraNode] = []
        for number in range(1, nodes + 1):
            member = GaleraNode(folder / f"galera{number}", cluster, library, *members[:1])
            member.environment = environment
            members.append(stack.enter_context(member))
        for member in members:
            # Whoever starts again joins those that are there.
            member.peers = [other for other in members if other is not member]
        yield members
