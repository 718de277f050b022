"""`lightmail config`: what is configured, what is wrong with it, where each value comes from."""

from __future__ import annotations

import click

from lightmail.cli.options import config_options, json_option, read_config
from lightmail.cli.output import print_json
from lightmail.config import Config
from lightmail.config.load import DEFAULT
from lightmail.config.show import effective, toml_value


@click.group()
def config() -> None:
    """The configuration: check, show."""


@config.command()
@config_options
@json_option
def check(file: str | None, data: str | None, as_json: bool) -> int:
    """Say whether a server would start with it. Every problem is told; exit code 1 when there is one.

    The queries of [auth.sql] are asked, for an address that nobody has.
    """
    reading = read_config(file, data)
    told = _user_table(reading.config) if reading.config.auth_sql.url and not reading.problems else []
    if as_json:
        problems = [{"source": each.source, "key": each.key, "problem": each.problem} for each in reading.problems]
        problems += [{"source": "auth.sql", "key": "", "problem": text} for text in told]
        print_json({"file": str(reading.file) if reading.file else None, "ok": not problems, "problems": problems})
    else:
        for problem in reading.problems:
            click.echo(str(problem), err=True)
        for text in told:
            click.echo(text, err=True)
        if not (reading.problems or told):
            click.echo(f"{reading.file or 'the defaults'}: no problems")
    return 1 if reading.problems or told else 0


def _user_table(config: Config) -> list[str]:
    """What is wrong with the queries of `auth.sql`."""
    import asyncio

    from lightmail.app import check_user_table

    return [finding.text for finding in asyncio.run(check_user_table(config))]


@config.command()
@config_options
@json_option
@click.option("--changed", is_flag=True, help="Only what is not the default.")
def show(file: str | None, data: str | None, as_json: bool, changed: bool) -> int:
    """Show the effective values and where each comes from; secrets are hidden."""
    reading = read_config(file, data)
    rows = [row for row in effective(reading) if not changed or row.origin != DEFAULT]
    if as_json:
        print_json({row.key: {"value": row.value, "origin": row.origin} for row in rows})
    else:
        section = ""
        for row in rows:
            head, _, name = row.key.rpartition(".")
            if head != section:
                click.echo(f"{'' if not section else chr(10)}[{head}]")
                section = head
            click.echo(f"{name} = {toml_value(row.value)}  # {row.origin}")
    for problem in reading.problems:
        click.echo(f"lightmail: {problem}", err=True)
    return 1 if reading.problems else 0
