"""`lightmail db`: the database's schema and what there is to know of the stores."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from lightmail.cli.options import config_options, good_config, json_option
from lightmail.cli.output import print_fields, print_json
from lightmail.config.addresses import hide_secrets
from lightmail.model import SchemaState


@click.group()
def db() -> None:
    """The database: status, upgrade, check."""


@db.command()
@config_options
@json_option
def status(file: str | None, data: str | None, as_json: bool) -> int:
    """Show the schema found and the one this program needs. Exit code 0 when the database is usable as it is."""
    from lightmail.app import schema_state
    from lightmail.obs.logs import configure_logs

    config = good_config(file, data)
    configure_logs(config.log)
    state = asyncio.run(schema_state(config))
    row = {
        "database": hide_secrets(config.storage.metadata),
        "server": state.server,
        "found": state.found,
        "expected": state.expected,
        "pending": list(state.pending),
        "usable": state.usable,
        "advice": _advice(state),
    }
    if as_json:
        print_json(row)
    else:
        row["found"] = state.found or "none"
        row["pending"] = state.pending or "none"
        labels = {
            "database": "Database",
            "server": "Server",
            "found": "Schema version",
            "expected": "This program needs",
            "pending": "Pending migrations",
            "advice": "State",
        }
        print_fields(row, labels)
    return 0 if state.usable else 1


def _advice(state: SchemaState) -> str:
    if state.too_new:
        return f"of a later release; programs older than schema version {state.usable_from} cannot use it"
    if not state.found:
        return "no LightMail schema; `lightmail db upgrade` makes it"
    if state.pending:
        return "too old; `lightmail db upgrade` brings what is missing, servers of the release before may go on"
    return "usable"


@db.command()
@config_options
@json_option
def upgrade(file: str | None, data: str | None, as_json: bool) -> None:
    """Make the schema in an empty database, or apply what is pending. Servers may run meanwhile."""
    from lightmail.app import upgrade_schema
    from lightmail.obs.logs import configure_logs

    config = good_config(file, data)
    configure_logs(config.log)
    before, after = asyncio.run(upgrade_schema(config))
    applied = list(before.pending)
    if as_json:
        print_json({"server": after.server, "before": before.found, "after": after.found, "applied": applied})
    elif not applied:
        click.echo(f"schema version {after.found}: nothing to do")
    elif not before.found:
        click.echo(f"schema version {after.found} made")
    else:
        click.echo(f"schema version {before.found} upgraded to {after.found}")


@db.command()
@config_options
@json_option
def check(file: str | None, data: str | None, as_json: bool) -> int:
    """Ask the database, and S3 and Redis where configured, whether they are there and set up as they should be.

    Exit code 1 when something will not work. Whether all mail is there, and whole, `lightmail check` tells.
    """
    from lightmail.app import check_stores
    from lightmail.obs.logs import configure_logs

    config = good_config(file, data)
    configure_logs(config.log)
    findings = asyncio.run(check_stores(config))
    problems = [each for each in findings if each.serious]
    if as_json:
        rows: list[dict[str, Any]] = [
            {"where": each.where, "text": each.text, "serious": each.serious} for each in findings
        ]
        print_json({"ok": not problems, "findings": rows})
    else:
        for each in findings:
            click.echo(f"{'problem' if each.serious else 'warning'}: {each.where}: {each.text}", err=True)
        if not problems:
            click.echo("no problems" if not findings else "no problems besides the warnings")
    return 1 if problems else 0
