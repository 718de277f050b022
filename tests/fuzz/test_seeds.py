"""Every seed of a fuzz target, whole and cut short anywhere, and with an octet changed: no finding comes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS

SEEDS = Path(__file__).parent / "seeds"


def seeds() -> list[Path]:
    return sorted(path for path in SEEDS.glob("*/*") if path.is_file())


def test_each_target_has_seeds() -> None:
    assert {path.parent.name for path in seeds()} == set(TARGETS)


@pytest.mark.parametrize("seed", seeds(), ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_seed_is_no_finding(seed: Path) -> None:
    target = TARGETS[seed.parent.name]
    octets = seed.read_bytes()
    target(octets)
    step = max(1, len(octets) // 24)
    for at in range(0, len(octets), step):
        target(octets[:at])
        target(octets[:at] + bytes([octets[at] ^ 0x55]) + octets[at + 1 :])
