"""Which tests one process of pytest-xdist runs, and in which order, so that several may run side by side (`pytest -n 3`).

Tests that share what is costly to start belong together: those of one installation (`any_server`), those of one file. What
loads the whole machine, or waits for what must come back in time, is in HEAVY: one process runs those one after the other,
from the beginning, while the others run what is light.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.support.installation import KINDS

HEAVY = tuple(
    f"tests/integration/test_{name}.py"
    for name in (
        "check_beside",
        "galera",
        "migrate",
        "outages",
        "redis_away",
        "repair_beside",
        "two_nodes",
    )
)

ON_EVERY_INSTALLATION = ("tests/wire/", "tests/conformance/", "tests/integration/test_lmtp.py")
"""The tests that take `any_server` are here."""


def group(test: str) -> str:
    """What a test is run together with, by its node id: "heavy", the name of an installation, or its file."""
    file, _, name = test.partition("::")
    if file in HEAVY:
        return "heavy"
    if file.startswith(ON_EVERY_INSTALLATION):
        parameters = name.partition("[")[2].removesuffix("]")
        for kind in sorted(KINDS, key=len, reverse=True):
            if f"{parameters}-".startswith(f"{kind}-") or parameters.endswith(f"-{kind}"):
                return kind
    return file


def in_order(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """Group by group, as they come, but first what is heavy."""
    groups: dict[str, list[pytest.Item]] = {"heavy": []}
    for item in items:
        groups.setdefault(group(item.nodeid), []).append(item)
    return [item for together in groups.values() for item in together]


class Groups(LoadScopeScheduling):
    """A process that has nothing left to do takes the next group."""

    def __init__(self, config: pytest.Config, log: Any = None) -> None:
        config.option.loadscopereorder = False  # the order is that of `in_order`
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)
