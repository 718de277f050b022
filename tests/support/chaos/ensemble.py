"""Two nodes of LightMail on MySQL (three nodes of Galera), S3 and Redis, and everything that can go wrong between and in them.

    node1 ─ links ─┬─ database 1 ─┐
                   ├─ S3, Redis   ├─ database 3
    node2 ─ links ─┴─ database 2 ─┘

Each link is a proxy. What is needed for the faults of faults/ and cannot be had here (root, a C compiler) is left out, and
told.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.support.faults.disk import SmallDisk
from tests.support.faults.proxy import Proxy
from tests.support.faults.shim import Shim
from tests.support.galera import GaleraNode, galera
from tests.support.installation import QUICK, merged
from tests.support.mixed_load import RestartedNode
from tests.support.server import LightMailServer
from tests.support.services import Services

T = TypeVar("T")

WORKERS = 2
CACHE_DISK_OCTETS = 8 * 1024 * 1024
BODIES_DISK_OCTETS = 768 * 1024 * 1024

CONFIG: dict[str, dict[str, Any]] = {
    "server": {"workers": WORKERS},
    "mysql": {"connect_timeout_s": 1.0, "statement_timeout_s": 5.0, "lock_timeout_s": 3, "retry_s": 3.0},
    "s3": {"attempt_timeout_s": 1.0, "total_timeout_s": 3.0},
    "redis": {"timeout_s": 0.3},
    "limits": {"body_cache_octets": 1_048_576},
    "upkeep": {"interval_s": 2.0, "grace_s": 35.0, "sweep_interval_s": 0.0},
}
"""Nobody waits long for what is away, and bodies that nobody needs are deleted while all this goes on, after longer than a
client takes to learn that the message is gone (half a minute, when the hint of it was lost). The sweep is not run: it takes
what was written by somebody who stands still for longer than the grace period for an orphan.
"""


@dataclass(frozen=True, slots=True)
class Links:
    """How one node reaches what it needs."""

    mysql: Proxy
    s3: Proxy
    redis: Proxy

    def all(self) -> tuple[Proxy, ...]:
        return self.mysql, self.s3, self.redis


@dataclass(frozen=True, slots=True)
class Ensemble:
    nodes: list[RestartedNode]
    links: list[Links]
    """Of each node."""
    databases: list[GaleraNode]
    """The first two are those that the nodes go to."""
    services: Services
    clocks: list[Shim]
    """Of each node; none: cannot be had."""
    database_disks: Shim | None
    cache_disks: list[SmallDisk]
    """Of each node; none: cannot be had."""
    bodies_disk: SmallDisk | None

    @property
    def servers(self) -> list[LightMailServer]:
        return [node.server for node in self.nodes]

    @property
    def proxies(self) -> list[Proxy]:
        return [proxy for links in self.links for proxy in links.all()]

    def mend(self) -> None:
        """Nothing stands in the way of octets any more, and time goes by."""
        for proxy in self.proxies:
            proxy.forget()
            proxy.delay_s = 0.0
            proxy.flow()
            proxy.admit()
        for shim in [*self.clocks, *([self.database_disks] if self.database_disks else [])]:
            shim.mend()


@contextmanager
def ensemble(folder: Path, left_out: list[str]) -> Iterator[Ensemble]:
    """All of it running. left_out: is told which means are missing here, and why."""
    with ExitStack() as stack:

        def perhaps(make: Callable[[], T]) -> T | None:
            try:
                return make()
            except pytest.skip.Exception as reason:
                left_out.append(str(reason))
                return None

        # A database server runs as somebody else, who may not look into the folders of this test.
        open_folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-")))
        open_folder.chmod(0o755)
        database_disks = perhaps(lambda: stack.enter_context(Shim(open_folder / "database")))
        databases = stack.enter_context(galera(environment=database_disks.environment if database_disks else {}))
        url = databases[0].new_database()
        for database in databases:
            database.run("SET wsrep_sync_wait = 1", "SELECT 1")  # it is there; who logs in to it does not wait for that

        bodies = folder / "services" / "s3" / "buckets"
        bodies_disk = perhaps(lambda: stack.enter_context(SmallDisk(bodies, BODIES_DISK_OCTETS)))
        services = Services(folder / "services")
        stack.callback(services.close)
        shared: dict[str, dict[str, Any]] = merged(QUICK, CONFIG, services.s3.config(services.s3.new_bucket()))
        shared["redis"]["prefix"] = f"chaos-{secrets.token_hex(4)}"

        links, nodes, clocks, cache_disks = [], [], [], []
        for number, database in enumerate(databases[:2], start=1):
            ports = (database.port, services.s3.port, services.redis.port)
            mysql, s3, redis = (stack.enter_context(Proxy(port)) for port in ports)
            links.append(Links(mysql, s3, redis))
            sections = {
                "storage": {
                    "metadata": url.replace(f":{databases[0].port}/", f":{mysql.port}/"),
                    "redis": f"redis://127.0.0.1:{redis.port}/0",
                },
                "s3": {"endpoint": f"http://127.0.0.1:{s3.port}"},
            }
            data = folder / f"node{number}"
            environment: Mapping[str, str] = {}
            if clock := perhaps(lambda name=data.name: stack.enter_context(Shim(folder / f"{name}-clock"))):  # type: ignore[misc]
                clocks.append(clock)
                environment = clock.environment
            cache = data / "cache"
            if disk := perhaps(lambda at=cache: stack.enter_context(SmallDisk(at, CACHE_DISK_OCTETS))):  # type: ignore[misc]
                cache_disks.append(disk)
            nodes.append(RestartedNode(LightMailServer(data, merged(shared, sections), environment)))
        upgraded = nodes[0].server.command("db", "upgrade")
        assert upgraded.returncode == 0, upgraded.stderr.decode()
        for node in nodes:
            stack.enter_context(node.server)
        yield Ensemble(nodes, links, databases, services, clocks, database_disks, cache_disks, bodies_disk)
