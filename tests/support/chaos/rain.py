"""Faults that come one after the other while a load is at work, and how it ends."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field

from tests.support.async_imap import AsyncImap
from tests.support.async_lmtp import AsyncLmtp
from tests.support.chaos.ensemble import Ensemble
from tests.support.chaos.kinds import WORST, possible
from tests.support.mixed_load import MixedLoad, RestartedNode

RECOVERED_S = 90.0
"""How long all may take to be used again after the last fault; the machine is busy, and may stand still for seconds."""
QUIET_S = 3.0
"""So long nobody is refused: then nobody waits any more for what was away."""


@dataclass
class Chronicle:
    """What has happened, by the name of the fault."""

    times: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    """Commands that were refused while it lasted and until the next one."""
    seconds: float = 0.0

    def __str__(self) -> str:
        told = ", ".join(f"{name} {times}x ({self.refused[name]})" for name, times in sorted(self.times.items()))
        return f"{self.times.total()} faults in {self.seconds:.0f} s (and commands refused): {told}"


async def rain(
    scene: Ensemble, load: MixedLoad, seconds: float, chance: random.Random, chronicle: Chronicle, only: str = ""
) -> None:
    """Faults of every kind that can be had here, one at a time, with little time between them: first WORST, all of them
    however long they take, then in any order, each once before any again. only: those with this in their names.
    """
    began_s = time.monotonic()
    deck: list[str] = []
    kinds = {name: fault for name, fault in possible(scene).items() if only in name}
    while time.monotonic() < began_s + seconds or WORST & kinds.keys() - chronicle.times.keys():
        if not deck:
            deck = chance.sample(sorted(kinds), len(kinds))
            if not chronicle.times:
                deck.sort(key=lambda name: name in WORST)
        name = deck.pop()
        refused = len(load.ledger.faults)
        try:
            await kinds[name](scene, chance)
        finally:
            scene.mend()
        await asyncio.sleep(chance.uniform(0.3, 1.5))
        chronicle.times[name] += 1
        chronicle.seconds = time.monotonic() - began_s
        chronicle.refused[name] += len(load.ledger.faults) - refused


async def recovered(scene: Ensemble, load: MixedLoad, account: tuple[str, str]) -> None:
    """Returns once every node does everything, and nobody is refused any more. account: one that the load leaves alone."""
    end_s = time.monotonic() + RECOVERED_S
    refusal = "nothing was tried"
    while refusal:
        assert time.monotonic() < end_s, f"all is mended, and not used: {refusal}"
        await asyncio.sleep(0.2)
        refusal = "".join([await _refusal(node, account) for node in scene.nodes])
        if faults := load.ledger.faults:
            quiet_s = time.monotonic() - faults[-1].at_s
            refusal = refusal or (str(faults[-1]) if quiet_s < QUIET_S else "")


async def _refusal(node: RestartedNode, account: tuple[str, str]) -> str:
    """What it refuses; "": nothing."""
    message = b"Subject: calm\r\n\r\nbody\r\n"
    append = b"APPEND INBOX {%d+}\r\n%s" % (len(message), message)
    try:
        async with AsyncImap.logged_in(node.imap, account) as imap:
            for command in (append, b"SELECT INBOX", b"FETCH 1 BODY.PEEK[]", b"STORE * +FLAGS (\\Deleted)", b"EXPUNGE"):
                if not (answer := await imap.command(command)).startswith("OK"):
                    return answer
        async with AsyncLmtp.connected(node.lmtp) as lmtp:
            ((_, answer),) = await lmtp.deliver([account[0]], message)
            return "" if answer.startswith("250") else answer
    except (ConnectionError, AssertionError) as refused:
        return str(refused) or type(refused).__name__
