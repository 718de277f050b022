"""Redis in its other forms: sentinels over a master and a replica, a cluster, TLS with users."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from redis import Redis as Client
from redis import RedisError

from tests.support.services import Redis, free_port, program, wait_until

WITHIN_S = 60.0


class Sentinel(Redis):
    """Watches one master."""

    name = "redis-sentinel"

    def __init__(self, folder: Path, service: str, master_port: int, quorum: int) -> None:
        super().__init__(folder)
        self._file = folder / "sentinel.conf"
        self._file.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {folder}\n"
            f"sentinel monitor {service} 127.0.0.1 {master_port} {quorum}\n"
            f"sentinel down-after-milliseconds {service} 500\n"
            f"sentinel failover-timeout {service} 2000\n"
        )

    def command(self) -> list[str]:
        return [self._program, str(self._file), "--sentinel"]


class Watched:
    """A master, a replica, and three sentinels."""

    service = "mail"

    def __init__(self, master: Redis, replica: Redis, sentinels: list[Sentinel]) -> None:
        self.master = master
        self.replica = replica
        self.sentinels = sentinels

    @property
    def url(self) -> str:
        places = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{places}/{self.service}/0"


@contextmanager
def watched(folder: Path) -> Iterator[Watched]:
    with ExitStack() as stack:
        master = stack.enter_context(Redis(folder / "master"))
        replica = stack.enter_context(Redis(folder / "replica", "--replicaof", "127.0.0.1", str(master.port)))
        sentinels = [
            stack.enter_context(Sentinel(folder / f"sentinel{number}", Watched.service, master.port, 2))
            for number in range(3)
        ]
        wait_until(lambda: all(map(_knows_all, sentinels)), WITHIN_S, "the sentinels do not find each other")
        yield Watched(master, replica, sentinels)


def _knows_all(sentinel: Sentinel) -> bool:
    with Client(port=sentinel.port, protocol=2) as client:
        seen = client.sentinel_master(Watched.service)
    return int(seen["num-slaves"]) == 1 and int(seen["num-other-sentinels"]) == 2


class Cluster:
    """Three members, or with `replicas` one more for each."""

    def __init__(self, members: list[Redis]) -> None:
        self.members = members

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"127.0.0.1:{member.port}" for member in self.members[:2])


@contextmanager
def cluster(folder: Path, *, replicas: int = 0) -> Iterator[Cluster]:
    with ExitStack() as stack:
        members = []
        for number in range(3 * (1 + replicas)):
            options = (
                *("--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-port", str(free_port())),
                *("--cluster-replica-validity-factor", "0", "--repl-diskless-sync-delay", "0"),
            )
            members.append(stack.enter_context(Redis(folder / f"member{number}", *options)))
        places = [f"127.0.0.1:{member.port}" for member in members]
        make = [program("redis-cli"), "--cluster", "create", *places]
        subprocess.run(
            [*make, "--cluster-replicas", str(replicas), "--cluster-yes"], check=True, capture_output=True, timeout=60
        )
        wait_until(lambda: all(_is_whole(member, len(members)) for member in members), WITHIN_S, "no cluster")
        yield Cluster(members)


def _is_whole(member: Redis, members: int) -> bool:
    try:
        with Client(port=member.port, protocol=2) as client:
            info = client.cluster("INFO")
            whole = info["cluster_state"] == "ok" and int(info["cluster_known_nodes"]) == members
            return whole and client.info("replication").get("master_link_status", "up") == "up"
    except RedisError:
        return False


class TlsRedis(Redis):
    """Speaks nothing but TLS, wants a certificate, and has one user, "mail"."""

    user = "mail"
    password = "p@ss/word"

    def __init__(self, folder: Path, *, certificate: Path, key: Path, ca: Path) -> None:
        super().__init__(folder)
        rights = "~tls:* &tls:* +@all -@dangerous"
        self._file = folder / "redis.conf"
        self._file.write_text(
            f"port 0\ntls-port {self.port}\nbind 127.0.0.1\nsave ''\ndir {folder}\n"
            f"tls-cert-file {certificate}\ntls-key-file {key}\ntls-ca-cert-file {ca}\ntls-auth-clients yes\n"
            f"user default off\nuser {self.user} on >{self.password} {rights}\n"
        )
        self._tls = {"ssl_ca_certs": str(ca), "ssl_certfile": str(certificate), "ssl_keyfile": str(key)}

    def command(self) -> list[str]:
        return [self._program, str(self._file)]

    def ready(self) -> bool:
        try:
            with Client(
                port=self.port, username=self.user, password=self.password, ssl=True, protocol=2, **self._tls
            ) as client:
                return bool(client.ping())
        except (RedisError, OSError):
            return False

    @property
    def url(self) -> str:
        return f"rediss://{self.user}:p%40ss%2Fword@localhost:{self.port}/0"
