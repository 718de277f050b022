"""Logs hold no secret and no control character; counts come out in Prometheus' form."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator

import pytest
import structlog

from lightmail.config import Log
from lightmail.obs.families import Family, Totals, exposition
from lightmail.obs.logs import configure_logs
from lightmail.obs.metrics import Counts, families


@pytest.fixture
def logged(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[], str]]:
    """What has come to stderr; the process's logging is put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield lambda: capsys.readouterr().err
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def fail_with_a_secret_at_hand() -> None:
    password = "hunter2"  # a local variable, as login has one
    raise ValueError(f"{len(password)} octets")


@pytest.mark.parametrize("form", ["console", "json"])
def test_no_secret_is_logged(logged: Callable[[], str], form: str) -> None:
    configure_logs(Log(format=form))  # type: ignore[arg-type]
    logger = structlog.get_logger("test")
    logger.info("login", user="anna", password="hunter2", auth_token=b"hunter2", Authorization="hunter2")
    try:
        fail_with_a_secret_at_hand()
    except ValueError:
        logger.exception("failed")
    text = logged()
    assert "anna" in text and "ValueError: 7 octets" in text
    # The source line of the traceback is there, the value of the variable is not.
    assert text.replace('password = "hunter2"', "").count("hunter2") == 0


def test_json_lines_and_levels(logged: Callable[[], str]) -> None:
    configure_logs(Log(level="warning", format="json"))
    logger = structlog.get_logger("test")
    logger.info("unseen")
    logger.warning("seen", line=b"a\r\nb\xff", text="c\x1b[0m", number=3)
    logging.getLogger("asyncio").error("task %s failed", "x")
    first, second = map(json.loads, logged().splitlines())
    assert (first["event"], first["level"], first["number"]) == ("seen", "warning", 3)
    assert (first["line"], first["text"]) == ("a\\r\\nb\\\\xff", "c\\x1b[0m")
    assert (second["event"], second["logger"]) == ("task x failed", "asyncio")


def test_what_each_line_tells(logged: Callable[[], str]) -> None:
    configure_logs(Log(format="json"), worker=2, pid=77)
    structlog.get_logger("test").info("hello")
    logging.getLogger("asyncio").error("oh")
    assert [(line["worker"], line["pid"]) for line in map(json.loads, logged().splitlines())] == [(2, 77), (2, 77)]
    configure_logs(Log(format="json"))
    structlog.get_logger("test").info("hello")
    assert "worker" not in json.loads(logged())


def test_exposition() -> None:
    counted = Counts()
    counted.connections["imap"] += 3
    counted.connections_closed["imap"] += 1
    counted.commands["FETCH"] += 2
    counted.octets_in += 10
    counted.source("cache_hits_total", "Cache hits", lambda: 5.0, label="bodies")
    counted.source("snapshots_open", "Open snapshots", lambda: 1.0)
    lines = exposition(families(counted)).decode().splitlines()
    assert 'lightmail_connections_total{protocol="imap"} 3.0' in lines
    assert 'lightmail_connections_open{protocol="imap"} 2.0' in lines
    assert 'lightmail_commands_total{command="FETCH"} 2.0' in lines
    assert 'lightmail_octets_total{direction="in"} 10.0' in lines
    assert 'lightmail_cache_hits_total{of="bodies"} 5.0' in lines
    assert "lightmail_snapshots_open 1.0" in lines


def counted(commands: int, *, opened: int = 0, cached: float = 0, disk: float = 0) -> list[Family]:
    """What a process tells."""
    counts = Counts()
    counts.started_s = 1e9
    counts.commands["NOOP"] += commands
    counts.connections["imap"] += opened
    counts.source("cache_octets", "Held", lambda: cached, label="bodies")
    counts.source("disk_octets", "Of a folder that all share", lambda: disk, across="max")
    return families(counts)


def told(totals: Totals) -> list[str]:
    return exposition(totals.families()).decode().splitlines()


def test_numbers_of_several_processes() -> None:
    totals = Totals()
    totals.tell(100, "1", counted(2, opened=3, cached=10, disk=70))
    totals.tell(101, "2", counted(5, opened=1, cached=20, disk=60))
    lines = told(totals)
    assert 'lightmail_commands_total{command="NOOP"} 7.0' in lines
    assert 'lightmail_connections_open{protocol="imap"} 4.0' in lines
    assert 'lightmail_cache_octets{of="bodies"} 30.0' in lines
    assert "lightmail_disk_octets 70.0" in lines
    assert 'lightmail_start_time_seconds{worker="1"} 1e+09' in lines
    assert 'lightmail_start_time_seconds{worker="2"} 1e+09' in lines
    assert lines.count("# TYPE lightmail_commands_total counter") == 1


def test_a_counter_does_not_fall_when_a_process_is_gone() -> None:
    totals = Totals()
    totals.tell(100, "1", counted(2, opened=3))
    totals.tell(101, "2", counted(5))
    totals.gone(101)
    totals.gone(999)
    lines = told(totals)
    assert 'lightmail_commands_total{command="NOOP"} 7.0' in lines
    assert 'lightmail_start_time_seconds{worker="2"} 1e+09' not in lines
    totals.tell(102, "2", counted(1))
    totals.tell(102, "2", counted(4))
    totals.gone(100)
    lines = told(totals)
    assert 'lightmail_commands_total{command="NOOP"} 11.0' in lines
    assert 'lightmail_connections_open{protocol="imap"} 3.0' not in lines
