"""The faults of a chaos run, by name. Each begins, lasts a while and is over when it returns, but for what `mend` does."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

from tests.support.chaos.ensemble import Ensemble, Links
from tests.support.faults import processes
from tests.support.faults.proxy import Proxy
from tests.support.mixed_load import RestartedNode
from tests.support.services import Service

Fault = Callable[[Ensemble, random.Random], Awaitable[None]]

SHORT_S = (0.5, 2.0)
LONG_S = (1.0, 3.5)
"""How long a fault lasts: from, to."""


WORST = frozenset(
    {"node killed", "worker stands still", "database killed", "S3 cut", "Redis killed", "transactions cut"}
)
"""What no run goes without, however short."""


def possible(scene: Ensemble) -> dict[str, Fault]:
    """By name those that can be had here."""
    found = dict(ALWAYS)
    if scene.clocks:
        found["clock of a node steps"] = clock_steps
    if scene.database_disks:
        found["fsync of the databases is slow"] = slow_databases
    if scene.cache_disks:
        found["cache disk of a node full"] = cache_full
    if scene.bodies_disk:
        found["disk of S3 full"] = bodies_full
    return found


async def last(chance: random.Random, between_s: tuple[float, float]) -> None:
    await asyncio.sleep(chance.uniform(*between_s))


# ---- nodes of LightMail


async def node_killed(scene: Ensemble, chance: random.Random) -> None:
    await _restart(scene, chance, lambda node: node.server.kill9())


async def node_restarted(scene: Ensemble, chance: random.Random) -> None:
    await _restart(scene, chance, lambda node: node.server.stop())


async def _restart(scene: Ensemble, chance: random.Random, end: Callable[[RestartedNode], object]) -> None:
    node = chance.choice(scene.nodes)
    node.up = False
    await asyncio.to_thread(end, node)
    await last(chance, SHORT_S)
    await asyncio.to_thread(node.server.start)
    node.up = True


def _a_worker(scene: Ensemble, chance: random.Random) -> int:
    """Its process id."""
    return chance.choice(chance.choice(scene.servers).process_ids()[1:])


async def worker_killed(scene: Ensemble, chance: random.Random) -> None:
    processes.kill(_a_worker(scene, chance))
    await last(chance, SHORT_S)


async def worker_stands_still(scene: Ensemble, chance: random.Random) -> None:
    """With the locks, leases and connections that it has."""
    with processes.stopped(_a_worker(scene, chance)):
        await last(chance, LONG_S)


async def clock_steps(scene: Ensemble, chance: random.Random) -> None:
    chance.choice(scene.clocks).step_clock(chance.choice((-600.0, -10.0, 10.0, 600.0)))
    await last(chance, LONG_S)


async def cache_full(scene: Ensemble, chance: random.Random) -> None:
    disk = chance.choice(scene.cache_disks)
    await asyncio.to_thread(disk.fill)
    await last(chance, LONG_S)
    disk.make_room()


# ---- the database


async def database_killed(scene: Ensemble, chance: random.Random) -> None:
    """One node of it; the cluster goes on. Who was connected there waits for it, or goes to another one."""
    number = chance.randrange(len(scene.databases))
    database = scene.databases[number]
    link = scene.links[number].mysql if number < len(scene.links) else None
    await asyncio.to_thread(database.kill)
    if link and chance.random() < 0.5:
        link.server_port = scene.databases[2].port
    await last(chance, SHORT_S)
    await asyncio.to_thread(database.start)
    if link and link.server_port != database.port:
        link.server_port = database.port
        link.reset()


async def database_stands_still(scene: Ensemble, chance: random.Random) -> None:
    database = chance.choice(scene.databases)
    database.freeze()
    try:
        await last(chance, SHORT_S)
    finally:
        database.thaw()


async def transactions_cut(scene: Ensemble, chance: random.Random) -> None:
    """In their midst, and around COMMIT: before the database has heard of it, and before its answer is heard."""
    link = chance.choice(scene.links).mysql
    end_s = time.monotonic() + chance.uniform(*LONG_S)
    while time.monotonic() < end_s:
        way = chance.choice((link.lose_question, link.lose_answer))
        way(chance.choice((b"COMMIT", b"COMMIT", b"INSERT INTO messages", b"UPDATE m", b"DELETE m")))
        await asyncio.sleep(0.05)


async def database_connections_reset(scene: Ensemble, chance: random.Random) -> None:
    link = chance.choice(scene.links).mysql
    for _ in range(chance.randint(1, 5)):
        link.reset()
        await last(chance, (0.05, 0.5))


async def slow_databases(scene: Ensemble, chance: random.Random) -> None:
    assert scene.database_disks is not None
    scene.database_disks.slow_sync(chance.uniform(0.1, 0.5))
    await last(chance, LONG_S)


# ---- bodies


async def s3_cut(scene: Ensemble, chance: random.Random) -> None:
    for links in _one_or_all(scene, chance):
        links.s3.refuse()
    await last(chance, LONG_S)


async def s3_stalls(scene: Ensemble, chance: random.Random) -> None:
    for links in _one_or_all(scene, chance):
        links.s3.stall()
    await last(chance, LONG_S)


async def s3_truncated(scene: Ensemble, chance: random.Random) -> None:
    await _nibbled(chance.choice(scene.links).s3, chance)


async def s3_killed(scene: Ensemble, chance: random.Random) -> None:
    await _killed(scene.services.s3, chance)


async def bodies_full(scene: Ensemble, chance: random.Random) -> None:
    assert scene.bodies_disk is not None
    await asyncio.to_thread(scene.bodies_disk.fill)
    await last(chance, LONG_S)
    scene.bodies_disk.make_room()


# ---- Redis


async def redis_killed(scene: Ensemble, chance: random.Random) -> None:
    await _killed(scene.services.redis, chance)


async def redis_stalls(scene: Ensemble, chance: random.Random) -> None:
    for links in _one_or_all(scene, chance):
        links.redis.stall()
    await last(chance, LONG_S)


async def redis_truncated(scene: Ensemble, chance: random.Random) -> None:
    await _nibbled(chance.choice(scene.links).redis, chance)


# ---- all of it


async def node_cut_off(scene: Ensemble, chance: random.Random) -> None:
    """From everything."""
    for proxy in chance.choice(scene.links).all():
        proxy.refuse()
    await last(chance, LONG_S)


async def network_slow(scene: Ensemble, chance: random.Random) -> None:
    for proxy in chance.choice(scene.links).all():
        proxy.delay_s = chance.uniform(0.005, 0.05)
    await last(chance, LONG_S)


def _one_or_all(scene: Ensemble, chance: random.Random) -> list[Links]:
    return chance.choice((scene.links, [chance.choice(scene.links)]))


async def _killed(service: Service, chance: random.Random) -> None:
    await asyncio.to_thread(service.kill)
    await last(chance, SHORT_S)
    await asyncio.to_thread(service.start)


async def _nibbled(link: Proxy, chance: random.Random) -> None:
    """Now and then a question or an answer comes in part, and then nothing."""
    end_s = time.monotonic() + chance.uniform(*LONG_S)
    while time.monotonic() < end_s:
        way = chance.choice((link.truncate, link.cut))
        way(chance.choice(("up", "down")), chance.randrange(4_000))
        await asyncio.sleep(0.1)


ALWAYS: dict[str, Fault] = {
    "node killed": node_killed,
    "node restarted": node_restarted,
    "worker killed": worker_killed,
    "worker stands still": worker_stands_still,
    "database killed": database_killed,
    "database stands still": database_stands_still,
    "transactions cut": transactions_cut,
    "database connections reset": database_connections_reset,
    "S3 cut": s3_cut,
    "S3 stalls": s3_stalls,
    "S3 truncated": s3_truncated,
    "S3 killed": s3_killed,
    "Redis killed": redis_killed,
    "Redis stalls": redis_stalls,
    "Redis truncated": redis_truncated,
    "node cut off": node_cut_off,
    "network slow": network_slow,
}
