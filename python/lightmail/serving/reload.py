"""SIGHUP: the configuration read again, and what of it is new."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import structlog

from lightmail.config import Config
from lightmail.config.load import Reading
from lightmail.serving.machine import effective

_log = structlog.get_logger("lightmail.serving")

Reread = Callable[[], Reading]


def read_again(reread: Reread) -> Config | None:
    """None: it is no good, and the log says why."""
    reading = reread()
    for problem in reading.problems:
        _log.error("configuration not reloaded", problem=str(problem))
    return None if reading.problems else effective(reading.config)


def changed_keys(old: Config, new: Config) -> list[str]:
    """`section.key`, in the order of the sections."""
    before, after = msgspec.to_builtins(old), msgspec.to_builtins(new)
    return [f"{section}.{key}" for section, keys in after.items() for key in keys if keys[key] != before[section][key]]


def needs_restart(keys: list[str]) -> None:
    """Tell the operator which of the new values are not in use."""
    if keys:
        _log.warning("changed, and not in use before a restart", keys=keys)
