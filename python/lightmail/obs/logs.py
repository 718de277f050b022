"""Logs: one structlog set-up for the process, to stderr, as lines for people or as JSON; never a secret in them.

The standard library's loggers (asyncio's above all) come out in the same form.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from lightmail.config import Log

_HIDDEN = "***"
_SECRET_WORDS = ("password", "secret", "token", "credential", "passwd", "authorization")
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure_logs(log: Log, **always: object) -> None:
    """Safe to call again; loggers that exist already follow. always: what each line tells (worker=2, pid=1234)."""
    as_json = log.format == "json"
    renderers: list[Any] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(sort_keys=False)]
        if as_json
        # The default formatter would print local variables, passwords among them.
        else [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
            )
        ]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            *([_Always(always)] if always else []),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            hide_secrets,
            printable,
            *renderers,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[log.level]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [_ToStructlog()]
    root.setLevel(max(_LEVELS[log.level], logging.WARNING if log.level != "debug" else logging.DEBUG))
    logging.getLogger("lightmail").setLevel(_LEVELS[log.level])


class _Always:
    def __init__(self, values: dict[str, object]) -> None:
        self._values = values

    def __call__(self, _logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        for key, value in self._values.items():
            event.setdefault(key, value)
        return event


def hide_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A second line of defence: whoever logs should not hand secrets over in the first place."""
    for key in event:
        if any(word in key.lower() for word in _SECRET_WORDS):
            event[key] = _HIDDEN
    return event


def printable(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """What came off a wire is octets, or text of any kind; control characters must not reach a terminal raw."""
    for key, value in event.items():
        if isinstance(value, bytes | bytearray | memoryview):
            value = bytes(value).decode("utf-8", "backslashreplace")
        elif not isinstance(value, str):
            continue
        event[key] = value if value.isprintable() else value.encode("unicode_escape").decode("ascii")
    return event


class _ToStructlog(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        logger = structlog.get_logger(record.name)
        level = record.levelno if record.levelno in _LEVELS.values() else logging.ERROR
        logger.log(level, record.getMessage(), logger=record.name, exc_info=record.exc_info or None)
