"""The body cache of a node beside a model of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from pathlib import Path

import pytest

from lightmail.ports.blobs import BlobNotFound
from tests.support.aio import run
from tests.unit.backends.nodecache.house import (
    MEGABYTE,
    Distant,
    again,
    files,
    noise,
    octets_on_disk,
    settled,
)


@pytest.mark.parametrize("seed", range(8))
def test_random_ranges_over_two_processes(seed: int, tmp_path: Path) -> None:
    """Whatever is read, written, deleted, evicted, damaged and thrown away: the octets are right."""
    folder = tmp_path
    sizes = {f"ab/{number}": size for number, size in enumerate((0, 10, 70_000, 400_000, 1_500_000))}
    choose = random.Random(seed)

    async def scenario() -> None:
        distant = Distant()
        nodes = [await again(folder, distant, 2 * MEGABYTE) for _ in range(2)]
        model: dict[str, bytes] = {}
        for key, size in sizes.items():
            model[key] = noise(size, size)
            await nodes[0].put(key, model[key])
        fresh = 0
        for step in range(80):
            blobs = choose.choice(nodes)
            key = choose.choice(list(model))
            start = choose.randrange(len(model[key]) + 20)
            count = choose.choice([1, 1_000, 65_536, 200_000, 2 * MEGABYTE])
            match choose.choice(
                ["read"] * 6 + ["nowait"] * 3 + ["settle", "delete", "put", "damage", "restart", "room"]
            ):
                case "read":
                    assert await blobs.read(key, start, count) == model[key][start : start + count]
                case "nowait":
                    assert blobs.read_nowait(key, start, count) in (None, model[key][start : start + count])
                case "settle":
                    await settled(blobs)
                case "delete" if len(model) > 1:
                    for each in nodes:
                        await settled(each)
                    await blobs.delete([key])
                    del model[key]
                    with pytest.raises(BlobNotFound):
                        await blobs.read(key, 0, 1)
                case "put":
                    fresh += 1
                    model[f"cd/{fresh}"] = noise(choose.randrange(300_000), fresh)
                    await blobs.put(f"cd/{fresh}", model[f"cd/{fresh}"])
                case "damage" if found := files(folder):
                    path = choose.choice(found)
                    # It may be evicted meanwhile.
                    with contextlib.suppress(FileNotFoundError), path.open("r+b") as file:
                        file.truncate(choose.randrange(os.fstat(file.fileno()).st_size + 1))
                case "restart":
                    nodes.remove(blobs)
                    await blobs.close()
                    nodes.append(await again(folder, distant, 2 * MEGABYTE))
                case "room":
                    await asyncio.to_thread(blobs._shelf.make_room)
            if step % 10 == 0:
                assert octets_on_disk(folder) <= 2 * MEGABYTE
        for blobs in nodes:
            await blobs.close()

    run(scenario())
