"""`lightmail sessions`: who is connected, to any process of any node."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lightmail.cli.options import config_options, json_option, with_store
from lightmail.cli.output import iso_time, print_json, print_table
from lightmail.mail.accounts import normal_address
from lightmail.model import ClientSession

if TYPE_CHECKING:
    from lightmail.app import Store


@click.command()
@click.option("--user", "address", metavar="ADDRESS", help="Only those of this account.")
@config_options
@json_option
def sessions(address: str | None, file: str | None, data: str | None, as_json: bool) -> None:
    """Show who is logged in, and where. May be some seconds behind."""
    wanted = None if address is None else normal_address(address)

    async def work(store: Store) -> list[ClientSession]:
        return await store.mail.sessions.list(address=wanted)

    rows = [
        {
            "address": each.address,
            "since": iso_time(each.since_s),
            "protocol": each.protocol,
            "peer": each.peer,
            "node": each.node,
            "session": each.id,
        }
        for each in with_store(file, data, work)
    ]
    if as_json:
        print_json(rows)
    else:
        columns = {
            "address": "Address",
            "since": "Since",
            "protocol": "Protocol",
            "peer": "Peer",
            "node": "Node",
            "session": "Session",
        }
        for row in rows:
            row["peer"] = row["peer"] or "unix socket"
        print_table(rows, columns, empty="nobody is connected")
