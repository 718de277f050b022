"""Is a store sound? Every test that kills, cuts or starves something asks at its end."""

from __future__ import annotations

import msgspec

from lightmail.app import open_store
from lightmail.config import Config
from lightmail.config.load import load
from lightmail.mail.check.checker import Checker
from lightmail.mail.check.damage import CheckReport, Damage
from lightmail.mail.check.reading import uncached
from tests.support.aio import run
from tests.support.installation import Installation
from tests.support.server import LightMailServer


def assert_sound(store: Config | LightMailServer | Installation, *, read_back: bool = True) -> CheckReport:
    """`lightmail check --full` finds nothing. Servers may be running or not; the database and the body store are needed.

    store: or its configuration; it outlives its processes. read_back: False where bodies are not in the stored form.
    """
    if isinstance(store, Installation):
        assert store.kind.survives, "what is in the memory of another process cannot be checked"
        store = store.nodes[0]
    config = load(store.config_file, environment={}) if isinstance(store, LightMailServer) else store
    report = run(_check(config, read_back=read_back))
    assert report.sound, "\n".join(["the store is damaged:", *map(_line, report.damages[:50])])
    return report


async def _check(config: Config, *, read_back: bool) -> CheckReport:
    config = uncached(config)
    # It may be what is away; mail does not need it.
    config = msgspec.structs.replace(config, storage=msgspec.structs.replace(config.storage, redis=""))
    async with open_store(config, patience_s=60) as store:
        checker = Checker(
            upkeep=store.upkeep,
            metadata=store.metadata,
            directory=store.mail.directory,
            blobs=store.blobs,
            clock=store.mail.clock,
            config=config,
        )
        return await checker.run(sample=None if read_back else 0)


def _line(damage: Damage) -> str:
    where = f"{damage.place.account} {damage.place.mailbox}" if damage.place else f"body {damage.body_id}"
    return (
        f"{damage.kind.value}: {where} {bytes(damage.uids).decode()} {damage.key} {damage.text} {damage.messages[:3]}"
    )
