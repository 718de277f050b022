"""From a URL and options to clients of the redis library: one server, the master that sentinels name, or a cluster."""

from __future__ import annotations

from typing import Any, Protocol

from redis.asyncio import Redis, RedisCluster, Sentinel
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from lightmail.config import sections
from lightmail.config.addresses import RedisUrl

_PROTOCOL = 2
"""RESP2, which every server speaks; in RESP3 a message may come between a command and its answer."""


class Clients(Protocol):
    @property
    def data(self) -> Any:
        """For keys: a `redis.asyncio.Redis` or `RedisCluster`; both have commands and `pipeline(transaction=False)`."""
        ...

    @property
    def bus(self) -> Redis:
        """For PUBLISH and SUBSCRIBE: one server, whose messages reach all others."""
        ...

    async def ping(self) -> None:
        """Whether all that is needed answers; raises what the library raises."""
        ...

    async def close(self) -> None: ...


def make_clients(url: RedisUrl, options: sections.Redis) -> Clients:
    """Opens nothing yet."""
    settings: dict[str, Any] = {
        "username": url.user or None,
        "password": url.password or None,
        "protocol": _PROTOCOL,
        # Whoever asks waits for timeout_s; this is for what the library does by itself.
        "socket_timeout": options.timeout_s * 2,
        "socket_connect_timeout": options.timeout_s,
        # A pooled connection may have died since it was used last; what is sent again is harmless when doubled.
        "retry": Retry(NoBackoff(), 1),
    }
    tls: dict[str, Any] = {}
    if url.tls:
        tls = {
            "ssl": True,
            "ssl_ca_certs": options.tls_ca or None,
            "ssl_certfile": options.tls_certificate or None,
            "ssl_keyfile": options.tls_key or None,
        }
    if url.kind == "cluster":
        return _Cluster(url, settings | tls)
    settings["db"] = url.database
    if url.kind == "sentinel":
        timeouts = {name: settings[name] for name in ("protocol", "socket_timeout", "socket_connect_timeout")}
        # What the sentinels are asked needs neither user nor password of the servers they watch.
        make: Any = Sentinel  # half typed
        sentinel = make(list(url.nodes), sentinel_kwargs=timeouts | {"retry": Retry(NoBackoff(), 0)} | tls)
        return _One(sentinel.master_for(url.service, **settings, **tls), *sentinel.sentinels)
    if url.socket:
        return _One(Redis(unix_socket_path=url.socket, **settings))
    host, port = url.nodes[0]
    return _One(Redis(host=host, port=port, **settings, **tls))


class _One:
    def __init__(self, client: Redis, *others: Redis) -> None:
        """others: what has to be closed besides."""
        self.data = self.bus = client
        self._all = (client, *others)

    async def ping(self) -> None:
        await self.data.ping()

    async def close(self) -> None:
        for client in self._all:
            await client.aclose()


class _Cluster:
    """PUBLISH reaches every member by the cluster's own bus, so any one of them serves for hints.

    Sharded channels would spare the members that traffic, at the cost of one subscriber connection per member; hints
    are small, and only mailboxes that somebody holds open have a subscriber.
    """

    def __init__(self, url: RedisUrl, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._places = list(url.nodes)
        """Members heard of, one that serves for hints first."""
        self._member: Redis | None = None
        self.data = self._make()

    @property
    def bus(self) -> Redis:
        if self._member is None:
            host, port = self._places[0]
            self._member = Redis(host=host, port=port, **self._settings)
        return self._member

    async def ping(self) -> None:
        """Every part of the key space, and a member for the hints. After a failure the cluster is looked at afresh."""
        try:
            await self.data.initialize()
            primaries = self.data.get_primaries()
            await self.data.ping(target_nodes=primaries)
            places = [(node.host, int(node.port)) for node in primaries]
            if self._member is not None and self._places[0] not in places:
                await self._leave_member()
            self._places = list(dict.fromkeys(places + self._places))
            await self.bus.ping()
        except BaseException:
            await self.close()
            self.data = self._make()
            raise

    async def close(self) -> None:
        await self._leave_member()
        manager = self.data.nodes_manager
        await self.data.aclose()
        # The library lets go of members that have gone without closing what it has to them.
        for node in (*manager.nodes_cache.values(), *manager.startup_nodes.values()):
            await node.disconnect()

    def _make(self) -> RedisCluster:
        nodes = [ClusterNode(host, port) for host, port in self._places]
        return RedisCluster(startup_nodes=nodes, **self._settings)

    async def _leave_member(self) -> None:
        member, self._member = self._member, None
        if member is not None:
            await member.aclose()
