"""docs/systemd/lightmail.service: what it forbids stays forbidden, and it starts what is there to be started."""

from __future__ import annotations

import shutil
import subprocess
from configparser import RawConfigParser
from pathlib import Path

import pytest

from lightmail.cli.serve import serve
from lightmail.config.sections import Server

UNIT = Path(__file__).parents[2] / "docs/systemd/lightmail.service"
EXPOSURE_TENTHS = 20
"""systemd's own measure, 0 to 100; 16 today, 96 for a service that forbids nothing."""


def service() -> dict[str, list[str]]:
    """The directives of [Service], each with all its values in order."""
    directives: dict[str, list[str]] = {}
    lines = UNIT.read_text().split("[Service]\n")[1].split("[Install]")[0].splitlines()
    for line in lines:
        if line and not line.startswith("#"):
            name, value = line.split("=", 1)
            directives.setdefault(name, []).append(value)
    return directives


def test_it_is_a_unit_file() -> None:
    parser = RawConfigParser(strict=False)
    parser.read_string(UNIT.read_text())
    assert parser.sections() == ["Unit", "Service", "Install"]


def test_it_runs_unprivileged_and_writes_nowhere_else() -> None:
    directives = service()
    assert directives["User"] == ["lightmail"]
    assert directives["CapabilityBoundingSet"] == directives["AmbientCapabilities"] == ["CAP_NET_BIND_SERVICE"]
    assert directives["NoNewPrivileges"] == ["yes"]
    assert directives["ProtectSystem"] == ["strict"]
    assert directives["UMask"] == ["0077"]
    assert directives["SystemCallFilter"] == ["@system-service", "~@privileged @resources"]
    assert directives["RestrictAddressFamilies"] == ["AF_INET AF_INET6 AF_UNIX"]


def test_it_starts_the_server_and_gives_it_time_to_end() -> None:
    directives = service()
    command = directives["ExecStart"][0].split()
    assert Path(command[0]).name == "lightmail"
    assert command[1] == serve.name
    known = {name for parameter in serve.params for name in parameter.opts}
    assert set(command[2::2]) <= known
    assert f"/var/lib/{directives['StateDirectory'][0]}" == command[command.index("--data") + 1]
    assert int(directives["TimeoutStopSec"][0]) >= Server().drain_timeout_s + 15


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_finds_it_safe() -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", f"--threshold={EXPOSURE_TENTHS}", UNIT],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
