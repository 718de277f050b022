"""`lightmail user`: accounts."""

from __future__ import annotations

import re
import secrets
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from lightmail.cli.app_passwords import app_password
from lightmail.cli.options import config_options, confirm, good_config, json_option, run_on_store, with_store
from lightmail.cli.output import iso_time, octets_in_words, print_fields, print_json, print_table
from lightmail.mail.accounts import normal_address
from lightmail.model import Quota, Usage, User

if TYPE_CHECKING:
    from lightmail.app import Store

MOST_PASSWORD_OCTETS = 1024


@click.group()
def user() -> None:
    """Accounts: add, list, sync, show, passwd, app-password, quota, admin, disable, enable, delete."""


user.add_command(app_password)


def _password_options(command: Any) -> Any:
    command = click.option("--generate", is_flag=True, help="Make a strong password and print it.")(command)
    return click.option("--password-stdin", is_flag=True, help="Read the password from the first line of stdin.")(
        command
    )


def _new_password(password_stdin: bool, generate: bool) -> str:
    if password_stdin and generate:
        raise click.UsageError("--password-stdin and --generate exclude each other")
    if generate:
        return secrets.token_urlsafe(15)
    if password_stdin:
        # Octets, because the password need not be in the encoding of the terminal.
        line = sys.stdin.buffer.readline().rstrip(b"\r\n")
        try:
            password = line.decode()
        except UnicodeDecodeError as error:
            raise click.ClickException("the password on stdin is not UTF-8") from error
    elif sys.stdin.isatty():
        password = str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    else:
        raise click.UsageError("no terminal to ask for a password: use --password-stdin or --generate")
    if not password:
        raise click.ClickException("the password is empty")
    if len(password.encode()) > MOST_PASSWORD_OCTETS:
        raise click.ClickException(f"the password has more than {MOST_PASSWORD_OCTETS} octets")
    return password


@user.command()
@click.argument("address")
@_password_options
@config_options
@json_option
def add(address: str, password_stdin: bool, generate: bool, file: str | None, data: str | None, as_json: bool) -> None:
    """Make an account with its mailboxes. ADDRESS is its login name: anna@example.org."""
    address = normal_address(address)
    config = good_config(file, data)
    password = _new_password(password_stdin, generate)

    async def work(store: Store) -> User:
        made = store.passwords.secrets(password.encode())
        return await store.mail.accounts.create(address, made.password_hash, challenge_secrets=made.challenge_secrets)

    made = run_on_store(config, work)
    if as_json:
        print_json(_row(made) | ({"password": password} if generate else {}))
    else:
        click.echo(f"{made.address} added")
        if generate:
            click.echo(f"password: {password}")


@user.command("list")
@config_options
@json_option
def list_(file: str | None, data: str | None, as_json: bool) -> None:
    """List the accounts."""

    async def work(store: Store) -> list[User]:
        return await store.mail.directory.list_users()

    rows = [_row(each) for each in with_store(file, data, work)]
    if as_json:
        print_json(rows)
    else:
        print_table(rows, {"address": "Address", "enabled": "Enabled", "created": "Created"}, empty="no accounts")


@user.command()
@click.argument("address")
@config_options
@json_option
def show(address: str, file: str | None, data: str | None, as_json: bool) -> None:
    """Show an account and how much mail it has."""

    async def work(store: Store) -> dict[str, Any]:
        found = await store.user(address)
        mailboxes = await store.mail.mailboxes.list(found.id)
        return _row(found) | {
            "has_password": bool(found.password_hash),
            "administrator": found.administrator,
            "mailboxes": sum(mailbox.selectable for mailbox in mailboxes),
            "messages": sum(mailbox.messages for mailbox in mailboxes),
            "size_octets": sum(mailbox.size_octets for mailbox in mailboxes),
        }

    row = with_store(file, data, work)
    if as_json:
        print_json(row)
    else:
        row["size_octets"] = octets_in_words(row["size_octets"])
        labels = {
            "address": "Address",
            "enabled": "Enabled",
            "has_password": "Has a password",
            "administrator": "Administrator",
            "created": "Created",
            "mailboxes": "Mailboxes",
            "messages": "Messages",
            "size_octets": "Size",
        }
        print_fields(row, labels)


@user.command()
@click.argument("address")
@_password_options
@config_options
@json_option
def passwd(
    address: str, password_stdin: bool, generate: bool, file: str | None, data: str | None, as_json: bool
) -> None:
    """Set a new password."""
    password = _new_password(password_stdin, generate)

    async def work(store: Store) -> User:
        found = await store.user(address)
        made = store.passwords.secrets(password.encode())
        await store.mail.directory.set_password(found.id, made.password_hash, challenge_secrets=made.challenge_secrets)
        return found

    changed = with_store(file, data, work)
    if as_json:
        print_json({"address": changed.address} | ({"password": password} if generate else {}))
    else:
        click.echo(f"{changed.address}: password set")
        if generate:
            click.echo(f"password: {password}")


@user.command()
@click.argument("address")
@click.option("--storage", metavar="OCTETS|none", help="Octets of all messages, as in 1073741824, 500MiB or 2GiB.")
@click.option("--messages", metavar="NUMBER|none")
@click.option("--mailboxes", metavar="NUMBER|none")
@config_options
@json_option
def quota(
    address: str,
    storage: str | None,
    messages: str | None,
    mailboxes: str | None,
    file: str | None,
    data: str | None,
    as_json: bool,
) -> None:
    """Show what an account may have and what it has; with options, change its limits first."""

    async def work(store: Store) -> tuple[User, Quota, Usage]:
        found = await store.user(address)
        limits = Quota(
            octets=_limit("--storage", storage, found.quota.octets),
            messages=_limit("--messages", messages, found.quota.messages),
            mailboxes=_limit("--mailboxes", mailboxes, found.quota.mailboxes),
        )
        if limits != found.quota:
            await store.mail.quotas.set(found, limits)
        return found, *await store.mail.quotas.of(found.id)

    found, limits, usage = with_store(file, data, work)
    if as_json:
        print_json({"address": found.address, "limits": asdict(limits), "usage": asdict(usage)})
    else:
        in_words = octets_in_words
        rows = {
            "storage": _of(in_words(usage.octets), None if limits.octets is None else in_words(limits.octets)),
            "messages": _of(usage.messages, limits.messages),
            "mailboxes": _of(usage.mailboxes, limits.mailboxes),
        }
        print_fields(rows, {"storage": "Storage", "messages": "Messages", "mailboxes": "Mailboxes"})


def _of(used: str | int, limit: str | int | None) -> str:
    return f"{used}, no limit" if limit is None else f"{used} of {limit}"


_UNITS = {"": 1, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}


def _limit(option: str, text: str | None, now: int | None) -> int | None:
    """The limit that an option asks for; `now` where it was not given."""
    if text is None or text.lower() == "none":
        return now if text is None else None
    match = re.fullmatch(r"(\d{1,18}) ?([KMGT]iB)?", text, re.ASCII | re.IGNORECASE)
    unit = (match[2] or "").upper() if match else ""
    if match is None or (unit and option != "--storage") or int(match[1]) * _UNITS[unit] >= 2**63:
        raise click.BadParameter(f"{text!r}: expected a number or none", param_hint=option)
    return int(match[1]) * _UNITS[unit]


@user.command()
@click.argument("address")
@click.argument("state", type=click.Choice(["on", "off"]))
@config_options
@json_option
def admin(address: str, state: str, file: str | None, data: str | None, as_json: bool) -> None:
    """Whether an account may set quotas and what all accounts share, over IMAP."""
    administrator = state == "on"

    async def work(store: Store) -> User:
        found = await store.user(address)
        await store.mail.directory.set_administrator(found.id, administrator)
        return found

    changed = with_store(file, data, work)
    if as_json:
        print_json({"address": changed.address, "administrator": administrator})
    else:
        click.echo(f"{changed.address} is {'an' if administrator else 'no'} administrator")


def _set_enabled(address: str, enabled: bool, file: str | None, data: str | None, as_json: bool) -> None:
    async def work(store: Store) -> User:
        found = await store.user(address)
        await store.mail.directory.set_enabled(found.id, enabled)
        return await store.user(address)

    changed = with_store(file, data, work)
    if as_json:
        print_json(_row(changed))
    else:
        click.echo(f"{changed.address} {'enabled' if enabled else 'disabled'}")


@user.command()
@click.argument("address")
@config_options
@json_option
def disable(address: str, file: str | None, data: str | None, as_json: bool) -> None:
    """Refuse logins and mail for an account; nothing is deleted."""
    _set_enabled(address, False, file, data, as_json)


@user.command()
@click.argument("address")
@config_options
@json_option
def enable(address: str, file: str | None, data: str | None, as_json: bool) -> None:
    """Let an account be used again."""
    _set_enabled(address, True, file, data, as_json)


@user.command()
@click.argument("address")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_options
@json_option
def delete(address: str, yes: bool, file: str | None, data: str | None, as_json: bool) -> None:
    """Delete an account and all its mail."""
    confirm(f"Delete {address} and all its mail?", yes=yes)

    async def work(store: Store) -> User:
        found = await store.user(address)
        await store.mail.accounts.delete(found)
        return found

    gone = with_store(file, data, work)
    if as_json:
        print_json({"address": gone.address, "deleted": True})
    else:
        click.echo(f"{gone.address} deleted")


def _row(user: User) -> dict[str, Any]:
    return {"address": user.address, "enabled": user.enabled, "created": iso_time(user.created_s)}


@user.command()
@click.option("--dry-run", is_flag=True, help="Change nothing; tell what would be done.")
@config_options
@json_option
def sync(dry_run: bool, file: str | None, data: str | None, as_json: bool) -> None:
    """Make an account for everybody in the table of [auth.sql], who would get one at the first login or delivery; and tell
    which accounts the table does not have. These are left alone, with their mail.
    """
    from lightmail.auth.outside import OutsideDirectory, Synchronized

    async def work(store: Store) -> Synchronized:
        directory = store.mail.directory
        if not isinstance(directory, OutsideDirectory):
            raise click.UsageError("accounts are LightMail's own: auth.sql.url is empty")
        return await directory.synchronize(dry=dry_run)

    done = run_on_store(good_config(file, data), work)
    if as_json:
        print_json({"dry_run": dry_run, "accounts": done.accounts, "made": done.made, "left": done.left})
        return
    click.echo(f"{done.accounts} accounts in the table, {len(done.made)} {'to be made' if dry_run else 'made'}")
    for address in done.left:
        click.echo(f"{address} is not in the table")
