"""The filter of docs/fail2ban on lines that logins really leave: the client's address, and nothing that a client can say."""

from __future__ import annotations

import asyncio
import logging
import re
import shutil
import subprocess
from collections.abc import Iterator
from configparser import RawConfigParser
from pathlib import Path

import pytest
import structlog

from lightmail.config import Log
from lightmail.obs.logs import configure_logs
from tests.unit.imap.desk import Desk

FILTER = Path(__file__).parents[3] / "docs/fail2ban/filter.d/lightmail.conf"
FORGED = (
    b'"x peer=198.51.100.1 "',
    b'"2001-01-01T00:00:00.000000Z [warning  ] login failed mechanism=LOGIN peer=198.51.100.2"',
    b'"\\", \\"event\\": \\"login failed\\", \\"level\\": \\"warning\\", \\"timestamp\\": \\"2001-01-01T00:00:00Z\\"}"',
    b'"{\\"peer\\": \\"198.51.100.3\\", \\"user\\": \\""',
)
_DATE = {"%Y": r"\d{4}", "%m": r"\d\d", "%d": r"\d\d", "%H": r"\d\d", "%M": r"\d\d", "%S": r"\d\d", "%f": r"\d+"}


@pytest.fixture
def logs_put_back() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


async def knock() -> None:
    """Failures from two addresses and a unix socket, a login, and an ID that looks like a failure."""
    desk = await Desk.build()
    try:
        for host in ("192.0.2.7", "2001:db8::7", None):
            client = desk.connect(tls=True, host=host)
            for name in (b"ann@example.org", *FORGED):
                assert b"a NO [AUTHENTICATIONFAILED]" in await client.say(b"a LOGIN %b wrong" % name)
        client = desk.connect(tls=True, host="203.0.113.1")
        await client.say(b'i ID ("name" "[warning  ] login failed mechanism=LOGIN peer=198.51.100.4")')
        assert b"a OK" in await client.say(b"a LOGIN ann@example.org secret")
    finally:
        await desk.close()


def found(lines: list[str]) -> list[str]:
    """Whom the filter finds, as fail2ban looks: the date is cut out of a line before its expressions are tried."""
    settings = RawConfigParser()
    settings.read(FILTER)
    definition = settings["Definition"]
    dates = [_date(each.replace("%%", "%")) for each in definition["datepattern"].split("\n")]
    failures = [
        re.compile(each.replace("<ADDR>", r"(?P<addr>(?:\d{1,3}\.){3}\d{1,3}|[0-9a-fA-F:]+:[0-9a-fA-F:]*)"))
        for each in definition["failregex"].split("\n")
    ]
    addresses = []
    for line in lines:
        date = next(filter(None, (each.search(line) for each in dates)), None)
        if date is None:
            continue
        rest = line[: date.start()] + line[date.end() :]
        hit = next(filter(None, (each.search(rest) for each in failures)), None)
        if hit is not None:
            addresses.append(hit["addr"])
    return addresses


def _date(pattern: str) -> re.Pattern[str]:
    for directive, expression in {**_DATE, "%z": r"(?:Z|[+-]\d\d:?\d\d)"}.items():
        pattern = pattern.replace(directive, expression)
    return re.compile(pattern)


EXPECTED = ["192.0.2.7"] * 5 + ["2001:db8::7"] * 5


@pytest.mark.parametrize("always", [{}, {"worker": 2, "pid": 4711}])
@pytest.mark.parametrize("form", ["console", "json"])
def test_whoever_fails_is_found(
    form: str,
    always: dict[str, int],
    logs_put_back: None,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    configure_logs(Log(format=form), **always)  # type: ignore[arg-type]
    asyncio.run(knock())
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) >= 17
    assert found(lines) == EXPECTED
    journal = [line if line.startswith("{") else f" mail lightmail[123]: {line}".strip() for line in lines]
    if form == "console":
        # From the journal fail2ban has the date; the line keeps its own.
        settings = RawConfigParser()
        settings.read(FILTER)
        first = settings["Definition"]["failregex"].split("\n")[0].replace("<ADDR>", r"(?P<addr>[0-9a-f.:]+)")
        assert [hit["addr"] for line in journal if (hit := re.search(first, line))] == EXPECTED
    program = shutil.which("fail2ban-regex")
    if program is None:
        return
    log = tmp_path / "log"
    log.write_text("\n".join(lines) + "\n")
    told = subprocess.run(
        [program, "--usedns", "no", "-o", "ip", str(log), str(FILTER)], capture_output=True, text=True, check=False
    )
    assert told.stdout.split() == EXPECTED
