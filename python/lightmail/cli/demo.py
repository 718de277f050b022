"""The demo account: an address, a password and a few messages of different kinds, made once per data folder."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import TYPE_CHECKING

import click

from lightmail.cli.options import config_options, good_config, json_option, run_on_store
from lightmail.cli.output import print_json
from lightmail.config import Config
from lightmail.errors import UserNotFound
from lightmail.mail.about import put_into
from lightmail.model import NewMessage, User

if TYPE_CHECKING:
    from lightmail.app import Store

ADDRESS = "demo@localhost"
_PASSWORD_FILE = "demo-password"


@click.command()
@config_options
@json_option
def demo(file: str | None, data: str | None, as_json: bool) -> None:
    """Make a demo account with sample messages, once, and print its password."""
    config = good_config(file, data)

    async def work(store: Store) -> tuple[str, str]:
        return await make_demo(store, config)

    address, password = run_on_store(config, work)
    if as_json:
        print_json({"address": address, "password": password})
    else:
        click.echo(f"demo account: {address}, password {password}")


async def make_demo(store: Store, config: Config) -> tuple[str, str]:
    """Address and password. The password is made here and kept in the data folder, for its owner alone."""
    path = config.path(_PASSWORD_FILE)
    password = path.read_text().strip() if path.exists() else ""
    try:
        user = await store.user(ADDRESS)
    except UserNotFound:
        password = secrets.token_urlsafe(9)
        user = await store.mail.accounts.create(ADDRESS, store.passwords.hash(password.encode()))
        await _add_samples(store, user)
    else:
        if store.passwords.verify(user.password_hash, password.encode()):
            return ADDRESS, password
        password = secrets.token_urlsafe(9)
        await store.mail.directory.set_password(user.id, store.passwords.hash(password.encode()))
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(password + "\n")
    return ADDRESS, password


@dataclass(frozen=True, slots=True)
class _Sample:
    mailbox: str
    message: EmailMessage
    flags: tuple[str, ...] = ()
    hours_ago: int = 1


async def _add_samples(store: Store, user: User) -> None:
    mailboxes = {mailbox.name: mailbox for mailbox in await store.mail.mailboxes.list(user.id)}
    now_s = store.mail.clock.now_s()
    messages = []
    for number, sample in enumerate(_samples(), start=1):
        received_s = now_s - sample.hours_ago * 3600
        sample.message["Message-ID"] = f"<sample-{number}@lightmail.invalid>"
        sample.message["Date"] = format_datetime(datetime.fromtimestamp(received_s, UTC))
        place = mailboxes.get(sample.mailbox) or mailboxes["INBOX"]
        about = put_into(place, user.address, internaldate=received_s, flags=sample.flags)
        incoming = store.mail.bodies.receive(about=about, account=user.id)
        await incoming.write(sample.message.as_bytes(policy=SMTP))
        body = await incoming.finish()
        messages.append(NewMessage(place.id, body, sample.flags, received_s, 0, now_s))
    await store.mail.append(messages)


def _samples() -> Iterator[_Sample]:
    """One of each kind that clients show differently."""
    plain = _message("LightMail <lightmail@localhost>", "Welcome to LightMail")
    plain.set_content(
        "This mail is kept in one folder on your machine.\n\n"
        "Two clients may be open at once: what you do in one shows in the other while you look.\n"
    )
    yield _Sample("INBOX", plain, hours_ago=1)

    styled = _message("Åsa Öberg <asa@example.org>", "Frühstück in Zürich ☕")
    styled.set_content("Kommst du am Samstag? Grüße, Åsa\n")
    styled.add_alternative("<p>Kommst du am <b>Samstag</b>? Grüße, Åsa ☕</p>\n", subtype="html")
    yield _Sample("INBOX", styled, ("\\Flagged",), hours_ago=5)

    attached = _message("Bob Builder <bob@example.org>", "Plan and figures")
    attached.set_content("Both attached.\n")
    attached.add_attachment(_DOT_PNG, maintype="image", subtype="png", filename="plan.png")
    attached.add_attachment("part,count\nbolt,12\nnut,12\n", subtype="csv", filename="figures – May.csv")
    yield _Sample("INBOX", attached, ("\\Seen",), hours_ago=26)

    reply = _message("Carol Danvers <carol@example.org>", "Re: Plan and figures")
    reply["In-Reply-To"] = reply["References"] = "<sample-3@lightmail.invalid>"
    reply.set_content("> Both attached.\n\nThe plan is one pixel large.\n")
    yield _Sample("INBOX", reply, hours_ago=25)

    forwarded = _message("Dave Lister <dave@example.org>", "Fwd: Welcome to LightMail")
    forwarded.set_content("Have a look at this.\n")
    forwarded.add_attachment(plain)
    yield _Sample("INBOX", forwarded, ("\\Seen", "\\Answered"), hours_ago=50)

    digest = _message("announce@lists.example.org", "[announce] Release 1.0")
    digest["List-Id"] = "Announcements <announce.lists.example.org>"
    digest["List-Unsubscribe"] = "<mailto:announce-leave@lists.example.org>"
    digest.set_content("Release 1.0 is out.\n" * 40)
    yield _Sample("Archive", digest, ("\\Seen",), hours_ago=400)

    sent = _message(f"Demo <{ADDRESS}>", "See you on Saturday", to="Åsa Öberg <asa@example.org>")
    sent.set_content("I will bring the bread.\n")
    yield _Sample("Sent", sent, ("\\Seen",), hours_ago=4)


def _message(sender: str, subject: str, *, to: str = f"Demo <{ADDRESS}>") -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = to
    message["Subject"] = subject
    return message


_DOT_PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc0000003"
    "010100c9fe92ef0000000049454e44ae426082"
)
"""One pixel."""
