"""A mail store moves between any two backends while it changes, and back again: what arrives is what was there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from lightmail.errors import StoreSealed
from tests.support.aio import run
from tests.support.backends import BLOBS, METADATA, HandClock
from tests.support.busy import Busy, Watched, equal, move, moved, with_ports
from tests.support.services import Services

PAIRS = {
    "sqlite+files to mysql+s3": ("sqlite", "files", "mysql", "s3"),
    "mysql+s3 to sqlite+files": ("mysql", "s3", "sqlite", "files"),
    "sqlite+s3 to sqlite+memory": ("sqlite", "s3", "sqlite", "memory"),
    "mysql+files to mysql+memory": ("mysql", "files", "mysql", "memory"),
    "memory to sqlite+files": ("memory", "memory", "sqlite", "files"),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_there_and_back_while_it_changes(pair: str, tmp_path: Path, services: Services) -> None:
    async def test() -> None:
        metadata, bodies, other_metadata, other_bodies = PAIRS[pair]
        async with (
            _store(metadata, bodies, _folder(tmp_path, "source"), services, 1) as source,
            _store(other_metadata, other_bodies, _folder(tmp_path, "target"), services, 2) as target,
        ):
            await source.fill(120)

            async def change() -> None:
                try:
                    await source.step()
                except StoreSealed:
                    return

            watched = with_ports(source.side("the source"), lambda port: Watched(port, change))
            await move(watched, target.side("the target"), target, thoroughness="full")
            await equal(source, target)
            # Back into what it has come from.
            for _ in range(40):
                await target.step()
            back = await move(target.side("the source"), source.side("the target"), source, clear=True)
            await equal(target, source)
            assert back.bodies_kept

    run(test())


@pytest.mark.parametrize("metadata", ["mysql", "sqlite"])
def test_it_ends_and_goes_on_on_a_database(metadata: str, tmp_path: Path, services: Services) -> None:
    """A mailbox that is half there is led to where it should be, whatever has happened to its messages since."""

    async def test() -> None:
        async with (
            _store("memory", "memory", _folder(tmp_path, "source"), services, 1) as source,
            _store(metadata, "memory", _folder(tmp_path, "target"), services, 2) as target,
        ):
            await source.fill(60)
            interrupted = 0
            for calls in range(10, 60, 7):
                left = calls

                async def stop() -> None:
                    nonlocal left
                    left -= 1
                    if left < 0:
                        raise InterruptedError

                watched = with_ports(target.side("the target"), lambda port: Watched(port, stop))
                try:
                    await move(source.side("the source"), watched, target, switch=False)
                except InterruptedError:
                    interrupted += 1
                for _ in range(10):
                    await source.step()
            await moved(source, target)
            await equal(source, target)
            assert interrupted > 3

    run(test())


@asynccontextmanager
async def _store(metadata: str, bodies: str, folder: Path, services: Services, seed: int) -> AsyncIterator[Busy]:
    async with METADATA[metadata](folder, HandClock(), services) as ports, BLOBS[bodies](folder, services) as blobs:
        yield Busy(ports, blobs, seed)


def _folder(parent: Path, name: str) -> Path:
    (parent / name).mkdir()
    return parent / name
