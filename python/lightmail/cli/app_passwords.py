"""`lightmail user app-password`: passwords for one program each."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from lightmail.auth import app_passwords
from lightmail.cli.options import config_options, json_option, with_store
from lightmail.cli.output import iso_time, print_json, print_table
from lightmail.model import AppPassword, User

if TYPE_CHECKING:
    from lightmail.app import Store


@click.group("app-password")
def app_password() -> None:
    """Passwords for one program each: add, list, revoke."""


@app_password.command()
@click.argument("address")
@click.argument("label")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(app_passwords.SCOPES),
    default=("imap",),
    show_default=True,
    help="What it may be used for; may be given several times.",
)
@config_options
@json_option
def add(address: str, label: str, scopes: tuple[str, ...], file: str | None, data: str | None, as_json: bool) -> None:
    """Make a password and print it; it is told once. LABEL says which program it is for."""

    async def work(store: Store) -> tuple[User, str, AppPassword]:
        found = await store.user(address)
        try:
            password, made = app_passwords.make(found.id, label, frozenset(scopes), int(time.time()))
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="LABEL") from None
        await store.mail.directory.add_app_password(made)
        return found, password, made

    found, password, made = with_store(file, data, work)
    if as_json:
        print_json({"address": found.address, **_row(made), "password": password})
    else:
        click.echo(f"{found.address}: {made.label} added")
        click.echo(f"password: {password}")


@app_password.command("list")
@click.argument("address")
@config_options
@json_option
def list_(address: str, file: str | None, data: str | None, as_json: bool) -> None:
    """List an account's app passwords, and when each was used last, to the hour."""

    async def work(store: Store) -> list[AppPassword]:
        found = await store.user(address)
        return await store.mail.directory.app_passwords(found.id)

    rows = [_row(each) for each in with_store(file, data, work)]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        row["scopes"] = " ".join(row["scopes"])
        row["last_used"] = row["last_used"] or "never"
    labels = {"label": "Label", "scopes": "Scopes", "created": "Created", "last_used": "Last used"}
    print_table(rows, labels, empty="no app passwords")


@app_password.command()
@click.argument("address")
@click.argument("label")
@config_options
@json_option
def revoke(address: str, label: str, file: str | None, data: str | None, as_json: bool) -> None:
    """Refuse a password from now on. Sessions that have logged in with it stay."""

    async def work(store: Store) -> User:
        found = await store.user(address)
        await store.mail.directory.revoke_app_password(found.id, label.strip())
        return found

    found = with_store(file, data, work)
    if as_json:
        print_json({"address": found.address, "label": label.strip(), "revoked": True})
    else:
        click.echo(f"{found.address}: {label.strip()} revoked")


def _row(password: AppPassword) -> dict[str, Any]:
    used_s = password.last_used_s
    return {
        "label": password.label,
        "scopes": list(password.scopes),
        "created": iso_time(password.created_s),
        "last_used": iso_time(used_s) if used_s is not None else None,
    }
