"""`lightmail`: the table of commands, and what becomes of errors.

Exit codes: 0 done, 1 it could not be done, 2 the command line is wrong, 130 interrupted.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
from typing import Any, NoReturn

import click

from lightmail.errors import LightMailError

_COMMANDS = {
    "serve": ("serve", "serve", "Run the server."),
    "user": ("user", "user", "Accounts: add, list, show, passwd, disable, enable, delete."),
    "mailbox": ("mailbox", "mailbox", "Mailboxes of a user: list, create, delete, status."),
    "import": ("importing", "import_", "Import mail from mbox, Maildir or .eml files."),
    "deliver": ("deliver", "deliver", "Deliver one message from standard input."),
    "demo": ("demo", "demo", "Make a demo account with sample messages."),
    "sessions": ("sessions", "sessions", "Show who is connected."),
    "gc": ("gc", "gc", "Delete bodies that no message has any more."),
    "check": ("check", "check", "Check the mail: counts, references, every body."),
    "repair": ("repair", "repair", "Put right what `check` finds."),
    "reencrypt": ("reencrypt", "reencrypt", "Encrypt bodies by the active key that are not yet."),
    "db": ("db", "db", "The database: status, upgrade, check."),
    "migrate": ("migrate", "migrate", "Move the mail store to other backends, while it is in use."),
    "config": ("config", "config", "The configuration: check, show."),
    "version": ("version", "version", "Show the version."),
}
"""Name to file, object in it, and help, so that `--help` imports none of them."""

_MACHINE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO})
"""Errors of the system that are no mistake of ours, wherever they come up."""


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        file, name, _ = _COMMANDS[cmd_name]
        command = getattr(importlib.import_module(f"lightmail.cli.{file}"), name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, row[2]) for name, row in _COMMANDS.items()])


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def cli() -> None:
    """LightMail, an IMAP server."""


def run(arguments: list[str] | None = None) -> int:
    """The exit code. Errors that we know are one line on stderr; others keep their traceback."""
    try:
        result: Any = cli.main(args=arguments, prog_name="lightmail", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return 130
    except BrokenPipeError:
        return 1
    except LightMailError as error:
        click.echo(f"lightmail: {error}", err=True)
        return 1
    except OSError as error:
        if error.errno not in _MACHINE:
            raise
        click.echo(f"lightmail: {error.filename or 'the disk'}: {error.strerror}", err=True)
        return 1


def main() -> NoReturn:
    """The console script."""
    os.umask(0o077)  # mail, hashes and keys are their owner's, also in a data folder that others may enter
    sys.exit(run())


if __name__ == "__main__":
    main()
