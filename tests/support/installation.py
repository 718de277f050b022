"""Running installations of LightMail by name: which backends, how many workers, how many nodes.

A test that takes one runs unchanged on each: connections go to the nodes in turn, whatever their number.
"""

from __future__ import annotations

import itertools
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.server import LightMailServer
from tests.support.services import Services

Sections = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Kind:
    """metadata: "memory", "sqlite" or "mysql". bodies: "memory", "files" or "s3". workers: of each node."""

    metadata: str = "sqlite"
    bodies: str = "files"
    redis: bool = False
    workers: int = 1
    nodes: int = 1

    @property
    def survives(self) -> bool:
        """What it stores outlives its processes."""
        return self.metadata != "memory"


KINDS = {
    "memory": Kind("memory", "memory"),
    "sqlite+files": Kind(),
    "sqlite+files-3-workers": Kind(workers=3),
    "mysql+files": Kind("mysql"),
    "mysql+files-3-workers": Kind("mysql", workers=3),
    "mysql+s3+redis": Kind("mysql", "s3", redis=True),
    "mysql+s3+redis-3-workers": Kind("mysql", "s3", redis=True, workers=3),
    "mysql+s3+redis-2-nodes": Kind("mysql", "s3", redis=True, nodes=2),
}

QUICK: dict[str, dict[str, Any]] = {
    "auth": {"argon2_memory_kib": 8, "argon2_passes": 1},
    "changes": {"poll_s": 0.1},
}
"""Passwords that cost nothing to check, and changes of other processes soon seen."""


class Installation:
    """One or two servers on one mail store of their own; as a context manager they are started and stopped.

    Its database, bucket and Redis prefix are new. It may be started again after a stop or a kill, on new ports, with
    what it has stored. config: sections and keys over those that the kind and QUICK say.
    """

    def __init__(self, kind: Kind, folder: Path, services: Services, config: Sections | None = None) -> None:
        self.kind = kind
        self._services = services
        self._database = services.sql.new_database() if kind.metadata == "mysql" else None
        sections = merged(QUICK, self._sections(), {"server": {"workers": kind.workers}}, config or {})
        self.nodes = [LightMailServer(folder / f"node{number}", sections) for number in range(1, kind.nodes + 1)]
        self._turns: dict[str, Iterator[LightMailServer]] = {}
        if self._database is not None:
            upgraded = self.command("db", "upgrade")
            assert upgraded.returncode == 0, upgraded.stderr.decode()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def distributed(self) -> bool:
        """Whether a change reaches other connections in its own time, because another process may serve them."""
        return self.kind.workers * self.kind.nodes > 1

    def start(self) -> None:
        """Every node that does not run."""
        for node in self.nodes:
            if not node.running:
                node.start()

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()

    def close(self) -> None:
        """Stopped, and its database is dropped."""
        self.stop()
        if self._database is not None:
            self._services.sql.drop(self._database)
            self._database = None

    def kill9(self) -> None:
        for node in self.nodes:
            node.kill9()

    def address(self, protocol: str) -> tuple[str, int]:
        """Where the next connection goes: host and port of the first TCP listener of the next running node."""
        turn = self._turns.setdefault(protocol, itertools.cycle(self.nodes))
        return next(node for node in turn if node.running).address(protocol)

    def addresses(self) -> dict[str, list[str]]:
        """Of the first node."""
        return self.nodes[0].addresses()

    def add_user(
        self, address: str | None = None, password: str | None = None, *, administrator: bool = False
    ) -> tuple[str, str]:
        """A new account with its mailboxes; its address and its password."""
        return self.nodes[0].add_user(address, password, administrator=administrator)

    def command(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """`lightmail ARGUMENTS --config …` beside the running servers."""
        return self.nodes[0].command(*arguments, stdin=stdin)

    def sql(self, *statements: str) -> list[tuple[object, ...]]:
        """In its MySQL database, past the servers; the rows of the last one."""
        assert self._database is not None
        return self._services.sql.run(f"USE {self._database.rpartition('/')[2]}", *statements)

    def process_ids(self) -> list[int]:
        """Of all nodes and their workers."""
        return [pid for node in self.nodes for pid in node.process_ids()]

    def _sections(self) -> Sections:
        kind, services = self.kind, self._services
        sections: Sections = {}
        if kind.metadata == "memory":
            sections = {"storage": {"metadata": "memory://", "bodies": "memory://"}}
        if self._database is not None:
            sections = merged(sections, {"storage": {"metadata": self._database}})
        if kind.bodies == "s3":
            sections = merged(sections, services.s3.config(services.s3.new_bucket()))
        if kind.redis:
            prefix = f"lightmail-{secrets.token_hex(6)}"
            sections = merged(sections, {"storage": {"redis": services.redis.url}, "redis": {"prefix": prefix}})
        return sections


def merged(*all_sections: Sections) -> dict[str, dict[str, Any]]:
    merged: dict[str, dict[str, Any]] = {}
    for sections in all_sections:
        for name, keys in sections.items():
            merged.setdefault(name, {}).update(keys)
    return merged
