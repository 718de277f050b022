"""`lightmail mailbox rights`: who else may do what with a mailbox (RFC 4314)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from lightmail.cli.options import config_options, json_option, user_option, with_store
from lightmail.cli.output import print_json, print_table
from lightmail.model import FlagOp, Rights
from lightmail.model.rights import VIRTUAL, rights_of

if TYPE_CHECKING:
    from lightmail.app import Store

_OPS = {"+": FlagOp.ADD, "-": FlagOp.REMOVE}
_LETTERS = Rights.ALL.letters + "".join(VIRTUAL)
# What begins with "-" is an identifier, or rights, rather than an option.
_ARGUMENTS = {"ignore_unknown_options": True}


@click.group()
def rights() -> None:
    """Who else may do what with a mailbox: list, set, delete.

    IDENTIFIER is the address of an account, or "anyone"; with "-" in front, rights are taken away.
    """


@rights.command("list")
@click.argument("name")
@user_option
@config_options
@json_option
def list_(name: str, address: str, file: str | None, data: str | None, as_json: bool) -> None:
    """List who has which rights, but for the owner, who has all."""

    async def work(store: Store) -> list[dict[str, Any]]:
        access = store.mail.access
        found = await access.mailbox(await store.user(address), name, Rights.ADMINISTER)
        return [
            {"identifier": identifier, "rights": given.letters}
            for identifier, given in await access.acl(found.mailbox.id)
        ]

    rows = with_store(file, data, work)
    if as_json:
        print_json(rows)
    else:
        print_table(rows, {"identifier": "Identifier", "rights": "Rights"}, empty="no rights")


@rights.command("set", context_settings=_ARGUMENTS)
@click.argument("name")
@click.argument("identifier")
@click.argument("letters", metavar="RIGHTS")
@user_option
@config_options
@json_option
def set_(
    name: str, identifier: str, letters: str, address: str, file: str | None, data: str | None, as_json: bool
) -> None:
    """Give rights: letters as SETACL has them, "lrs". "+lrs" adds to what there is, "-lrs" takes from it."""
    op = _OPS.get(letters[:1], FlagOp.SET)
    changed = letters if op is FlagOp.SET else letters[1:]
    unknown = "".join(letter for letter in changed if letter not in _LETTERS)
    if unknown or not changed:
        raise click.UsageError(f"{letters!r} is no set of rights: they are {_LETTERS}")
    _change(name, identifier, op, rights_of(changed), address, file, data, as_json=as_json)


@rights.command(context_settings=_ARGUMENTS)
@click.argument("name")
@click.argument("identifier")
@user_option
@config_options
@json_option
def delete(name: str, identifier: str, address: str, file: str | None, data: str | None, as_json: bool) -> None:
    """Take all rights of one identifier away."""
    _change(name, identifier, FlagOp.SET, Rights.NONE, address, file, data, as_json=as_json)


def _change(
    name: str,
    identifier: str,
    op: FlagOp,
    change: Rights,
    address: str,
    file: str | None,
    data: str | None,
    *,
    as_json: bool,
) -> None:
    async def work(store: Store) -> dict[str, str]:
        access = store.mail.access
        found = await access.mailbox(await store.user(address), name, Rights.ADMINISTER)
        normal = await access.identifier(identifier)
        await access.change_acl(found, normal, op, change)
        left = dict(await access.acl(found.mailbox.id)).get(normal, Rights.NONE)
        return {"name": found.wire_name, "identifier": normal, "rights": left.letters}

    row = with_store(file, data, work)
    if as_json:
        print_json(row)
    else:
        click.echo(f"{row['name']}: {row['identifier']} has {row['rights'] or 'no rights'}")
