"""`lightmail deliver`: one message from standard input into a user's mailbox, as an MTA's pipe would."""

from __future__ import annotations

import secrets
import sys
from typing import TYPE_CHECKING

import click

from lightmail.cli.options import config_options, json_option, user_option, with_store
from lightmail.cli.output import print_json
from lightmail.migrate.newlines import CrlfStream

if TYPE_CHECKING:
    from lightmail.app import Store

_CHUNK_OCTETS = 262_144


@click.command()
@user_option
@click.option("--sender", metavar="ADDRESS", default="", help="The envelope sender (Return-Path).")
@click.option("--mailbox", metavar="NAME", help="Instead of INBOX; must exist, else INBOX.")
@config_options
@json_option
def deliver(address: str, sender: str, mailbox: str | None, file: str | None, data: str | None, as_json: bool) -> None:
    """Deliver one message from standard input. Returns when it is stored durably."""
    if not sender.isprintable() or "<" in sender or ">" in sender:
        raise click.UsageError(f"--sender {sender!r} is not an address")

    async def work(store: Store) -> int:
        from lightmail.errors import EmptyMessage
        from lightmail.mail.delivery import Recipient, Trace

        user = await store.user(address)
        source = sys.stdin.buffer
        newlines = CrlfStream()
        chunk = newlines.feed(source.read(_CHUNK_OCTETS))
        if not chunk:
            raise EmptyMessage
        trace = Trace(sender, [user.address], "", "local", secrets.token_hex(6))
        recipients = [Recipient(user, mailbox)]
        incoming = await store.mail.delivery.receive(trace, recipients)
        try:
            while chunk:
                await incoming.write(chunk)
                chunk = newlines.feed(source.read(_CHUNK_OCTETS))
            body = await incoming.finish()
        except BaseException:
            await incoming.abort()
            raise
        (outcome,) = await store.mail.delivery.deliver(recipients, body)
        if outcome is not None:
            raise outcome
        return body.raw_octets

    octets = with_store(file, data, work)
    if as_json:
        print_json({"user": address, "octets": octets})
    else:
        click.echo(f"{octets} octets delivered to {address}")
