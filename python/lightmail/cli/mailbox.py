"""`lightmail mailbox`: the mailboxes of a user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from lightmail.cli.options import config_options, confirm, json_option, user_option, with_store
from lightmail.cli.output import print_fields, print_json, print_table
from lightmail.cli.rights import rights
from lightmail.mail.mailboxes import normal_name
from lightmail.model import MailboxStatus

if TYPE_CHECKING:
    from lightmail.app import Store


@click.group()
def mailbox() -> None:
    """Mailboxes of a user: list, create, delete, status, rights. Names have / between levels."""


mailbox.add_command(rights)


@mailbox.command("list")
@user_option
@config_options
@json_option
def list_(address: str, file: str | None, data: str | None, as_json: bool) -> None:
    """List the mailboxes."""

    async def work(store: Store) -> list[dict[str, Any]]:
        user = await store.user(address)
        return [
            {
                "name": each.name,
                "messages": each.messages,
                "unseen": each.unseen,
                "size_octets": each.size_octets,
                "special_use": list(each.special_use),
                "subscribed": each.subscribed,
                "selectable": each.selectable,
            }
            for each in await store.mail.mailboxes.list(user.id)
        ]

    rows = with_store(file, data, work)
    if as_json:
        print_json(rows)
    else:
        columns = {
            "name": "Name",
            "messages": "Messages",
            "unseen": "Unseen",
            "size_octets": "Octets",
            "special_use": "Special use",
            "subscribed": "Subscribed",
        }
        print_table(rows, columns, empty="no mailboxes")


@mailbox.command()
@click.argument("name")
@user_option
@config_options
@json_option
def create(name: str, address: str, file: str | None, data: str | None, as_json: bool) -> None:
    """Make a mailbox, with its parents, and subscribe to it."""

    async def work(store: Store) -> str:
        user = await store.user(address)
        made = await store.mail.mailboxes.create(user.id, name)
        await store.mail.mailboxes.subscribe(user.id, name, True)
        return made.name

    made = with_store(file, data, work)
    if as_json:
        print_json({"name": made})
    else:
        click.echo(f"{made} created")


@mailbox.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@user_option
@config_options
@json_option
def delete(name: str, yes: bool, address: str, file: str | None, data: str | None, as_json: bool) -> None:
    """Delete a mailbox with its messages."""
    confirm(f"Delete {name} of {address} with its messages?", yes=yes)

    async def work(store: Store) -> None:
        user = await store.user(address)
        await store.mail.mailboxes.delete(user.id, name)
        await store.mail.mailboxes.subscribe(user.id, name, False)

    with_store(file, data, work)
    if as_json:
        print_json({"name": normal_name(name), "deleted": True})
    else:
        click.echo(f"{normal_name(name)} deleted")


@mailbox.command()
@click.argument("name")
@user_option
@config_options
@json_option
def status(name: str, address: str, file: str | None, data: str | None, as_json: bool) -> None:
    """Show what IMAP's STATUS tells."""

    async def work(store: Store) -> MailboxStatus:
        user = await store.user(address)
        return await store.mail.mailboxes.status(user.id, name)

    found = with_store(file, data, work)
    labels = {
        "messages": "Messages",
        "unseen": "Unseen",
        "recent": "Recent",
        "deleted": "Deleted",
        "size_octets": "Octets",
        "uid_next": "UIDNEXT",
        "uid_validity": "UIDVALIDITY",
        "highest_modseq": "HIGHESTMODSEQ",
    }
    row = {key: getattr(found, key) for key in labels}
    if as_json:
        print_json({"name": normal_name(name)} | row)
    else:
        print_fields(row, labels)
