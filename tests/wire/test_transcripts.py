"""Plays every transcript of this folder against a running server, on every pair of backends."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.wire.transcript import Run, parse

HERE = Path(__file__).parent
TRANSCRIPTS = sorted(HERE.glob("*.txt"))


@pytest.mark.integration
@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_transcript(path: Path, server) -> None:
    steps = parse(path)
    assert steps, f"{path.name} is empty"
    user, password = server.add_user()
    Run(server.address("imap"), {"user": user, "password": password}).play(steps)
