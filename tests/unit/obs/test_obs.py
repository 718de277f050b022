"""Logs hold no secret and no control character; counts come out in Prometheus' form."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator

import pytest
import structlog

from lightmail.config import Log
from lightmail.obs.logs import configure_logs
from lightmail.obs.metrics import Counts, exposition


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


def test_exposition() -> None:
    counted = Counts()
    counted.connections["imap"] += 3
    counted.connections_closed["imap"] += 1
    counted.commands["FETCH"] += 2
    counted.octets_in += 10
    counted.source("cache_hits_total", "Cache hits", lambda: 5.0, label="bodies")
    counted.source("snapshots_open", "Open snapshots", lambda: 1.0)
    lines = exposition(counted).decode().splitlines()
    assert 'lightmail_connections_total{protocol="imap"} 3.0' in lines
    assert 'lightmail_connections_open{protocol="imap"} 2.0' in lines
    assert 'lightmail_commands_total{command="FETCH"} 2.0' in lines
    assert 'lightmail_octets_total{direction="in"} 10.0' in lines
    assert 'lightmail_cache_hits_total{of="bodies"} 5.0' in lines
    assert 'lightmail_snapshots_open{of=""} 1.0' in lines
