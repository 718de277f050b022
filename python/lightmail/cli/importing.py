"""`lightmail import`: mbox, Maildir and .eml files into a user's mailboxes."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lightmail.cli.options import config_options, good_config, json_option, run_on_store, user_option
from lightmail.cli.output import octets_in_words, print_json, printable
from lightmail.mail.mailboxes import normal_name
from lightmail.migrate.detect import FORMATS, open_source

if TYPE_CHECKING:
    from lightmail.app import Store
    from lightmail.migrate.importer import Progress, Report

_MOST_REFUSED_SHOWN = 20


@click.command("import")
@click.argument("path", type=click.Path(path_type=Path))
@user_option
@click.option("--mailbox", metavar="NAME", help="Where to; INBOX without it. Subfolders of a Maildir go below it.")
@click.option("--format", "format_", type=click.Choice(FORMATS), help="What PATH is; without it, seen from PATH.")
@click.option("--keep-quotes", is_flag=True, help='mbox: leave ">From " as it is.')
@click.option("--again", is_flag=True, help="Forget what earlier runs imported: everything is imported once more.")
@config_options
@json_option
def import_(
    path: Path,
    address: str,
    mailbox: str | None,
    format_: str | None,
    keep_quotes: bool,
    again: bool,
    file: str | None,
    data: str | None,
    as_json: bool,
) -> None:
    """Import the mail in PATH: an mbox file, a Maildir, one .eml file or a folder of them.

    Run it again after an interruption, or when the source has grown: what has been imported is left out.
    """
    from lightmail.migrate.importer import Importer
    from lightmail.migrate.journal import Journal

    config = good_config(file, data)
    source = open_source(path, format_, unquote=not keep_quotes)

    async def work(store: Store) -> Report:
        user = await store.user(address)
        journal = Journal(Journal.place(config.path("imports"), user.id, path))
        try:
            if again:
                journal.forget()
            with _progress(source.total_octets, shown=not as_json and sys.stderr.isatty()) as progress:
                importer = Importer(
                    mail=store.mail,
                    metadata=store.metadata,
                    user=user,
                    target=normal_name(mailbox) if mailbox else "",
                    journal=journal,
                    message_octets=config.limits.message_octets,
                    progress=progress,
                )
                return await importer.run(source)
        finally:
            journal.close()

    report = run_on_store(config, work)
    if as_json:
        print_json({"source": str(path), "format": source.kind, "user": address} | _row(report))
    else:
        _print(report)


def _row(report: Report) -> dict[str, Any]:
    return {
        "imported": report.imported,
        "octets": report.octets,
        "already_imported": report.already,
        "refused": [{"place": each.place, "reason": each.reason} for each in report.refused],
        "without_keywords": report.without_keywords,
        "mailboxes": report.mailboxes,
        "seconds": round(report.seconds, 3),
    }


def _print(report: Report) -> None:
    size = octets_in_words(report.octets)
    click.echo(f"{report.imported} messages imported ({size}) in {report.seconds:.1f} s")
    for name, count in sorted(report.mailboxes.items()):
        click.echo(f"  {count} into {printable(name)}")
    if report.already:
        click.echo(f"{report.already} had been imported before")
    if report.without_keywords:
        click.echo(f"{report.without_keywords} without their keywords: the mailbox has as many as it may have")
    if report.refused:
        click.echo(f"{len(report.refused)} could not be imported:")
        for each in report.refused[:_MOST_REFUSED_SHOWN]:
            click.echo(f"  {printable(each.place)}: {each.reason}")
        if len(report.refused) > _MOST_REFUSED_SHOWN:
            click.echo(f"  and {len(report.refused) - _MOST_REFUSED_SHOWN} more; --json lists all")


@contextlib.contextmanager
def _progress(total_octets: int, *, shown: bool) -> Iterator[Progress]:
    if not shown:
        yield lambda _octets, _messages: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("importing"),
        BarColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[messages]} messages"),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task("import", total=total_octets, messages=0)
        yield lambda octets, messages: bars.update(task, completed=octets, messages=messages)
