"""What the command line does to a mail store, in its audit log (`log.audit`)."""

from __future__ import annotations

import getpass
import sys
from functools import partial
from typing import Any

import click

from lightmail.config import Config
from lightmail.obs.audit import audit

_TELL_NOTHING = frozenset(
    {
        "check",
        "config check",
        "config show",
        "db check",
        "db status",
        "mailbox list",
        "mailbox status",
        "serve",
        "sessions",
        "user list",
        "user show",
        "version",
    }
)
"""Commands that change nothing, and the server, which tells of its own acts."""
_HOW = frozenset({"file", "data", "as_json", "yes"})
"""Parameters that say how, and not what."""
_KNOWN = "lightmail.audited"


def account_for(config: Config) -> None:
    """The command that runs now is on this mail store: once it has ended it is told of."""
    context = click.get_current_context(silent=True)
    if context is None or not config.log.audit or _KNOWN in context.meta:
        return
    command = context.command_path.partition(" ")[2]
    if command in _TELL_NOTHING:
        return
    context.meta[_KNOWN] = True
    arguments = {name: value for name, value in context.params.items() if value and name not in _HOW}
    context.call_on_close(partial(_tell, config, command, arguments))


def _tell(config: Config, command: str, arguments: dict[str, Any]) -> None:
    audit.configure(config.path(config.log.audit))
    outcome = "done" if sys.exc_info()[0] is None else "failed"
    audit("command", command=command, arguments=arguments, by=_who(), outcome=outcome)
    audit.configure(None)


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "nobody that this machine knows"
