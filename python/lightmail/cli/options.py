"""Options that several commands have, and the way from them to a configuration and an open mail store."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from lightmail.cli.acts import account_for
from lightmail.config import Config
from lightmail.config.addresses import MYSQL_SCHEMES, parse_store
from lightmail.config.load import Reading, read
from lightmail.errors import ConfigError

if TYPE_CHECKING:
    from lightmail.app import Store

TLS_KEYS = ("tls.certificate", "tls.key")

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


def config_options(command: F) -> F:
    """--config and --data."""
    command = click.option(
        "--data", metavar="DIR", help="The data folder; stronger than the configuration.", type=click.Path()
    )(command)
    return click.option(
        "--config",
        "file",
        metavar="FILE",
        help="The configuration; without it $LIGHTMAIL_CONFIG, or ./lightmail.toml when there is one.",
        type=click.Path(),
    )(command)


def user_option(command: F) -> F:
    return click.option("--user", "address", metavar="ADDRESS", required=True, help="The account.")(command)


def json_option(command: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def confirm(question: str, *, yes: bool) -> None:
    """Ask, unless --yes was given. Ends the program on a "no", and when there is nobody to ask."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("no terminal to ask: use --yes")
    click.confirm(question, abort=True)


def read_config(file: str | None, data: str | None) -> Reading:
    """With all its problems in it."""
    return read(file, options={} if data is None else {"server.data": ("--data", data)})


def good_config(file: str | None, data: str | None, *, serving: bool = False) -> Config:
    """Raises ConfigError after all but the last problem have been told.

    serving: it has to have a certificate. Other commands may be run where there is none, or none that they may read.
    """
    reading = read_config(file, data)
    problems = [problem for problem in reading.problems if serving or problem.key not in TLS_KEYS]
    for problem in problems[:-1]:
        click.echo(f"lightmail: {problem}", err=True)
    if problems:
        raise problems[-1]
    account_for(reading.config)
    return reading.config


def with_store(file: str | None, data: str | None, work: Callable[[Store], Awaitable[T]]) -> T:
    """Open the mail store, also one that servers are running on, do the work, close. Raises what the work raises."""
    config = good_config(file, data)
    must_be_there(config)
    return run_on_store(config, work)


def must_be_there(config: Config) -> None:
    """Raises ConfigError where a mail store would be made."""
    # In a database that others use too, this may be the first command on this machine.
    if parse_store(config.storage.metadata).scheme not in MYSQL_SCHEMES and not config.data.is_dir():
        raise ConfigError(str(config.data), "server.data", "no such folder; `lightmail serve` and `user add` make it")


def run_on_store(config: Config, work: Callable[[Store], Awaitable[T]]) -> T:
    """The same with a folder that is made when it is not there."""
    from lightmail.app import open_store
    from lightmail.obs.logs import configure_logs

    configure_logs(config.log)

    async def run() -> T:
        async with open_store(config) as store:
            return await work(store)

    return asyncio.run(run())
