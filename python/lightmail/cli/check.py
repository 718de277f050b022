"""`lightmail check`: is all mail there, and whole?"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from lightmail.cli.options import config_options, good_config, json_option, must_be_there, run_on_store
from lightmail.cli.output import octets_in_words, print_json, printable

if TYPE_CHECKING:
    from lightmail.app import Store
    from lightmail.config import Config
    from lightmail.mail.check.damage import CheckReport, Damage, Place, Progress

DEFAULT_SAMPLE = 1_000
_MOST_SHOWN = 20


@click.command()
@click.option("--full", is_flag=True, help="Read every body back and compare it with its digest.")
@click.option(
    "--sample",
    metavar="N",
    type=click.IntRange(min=0),
    default=DEFAULT_SAMPLE,
    show_default=True,
    help="Read N bodies back, taken at random.",
)
@config_options
@json_option
def check(full: bool, sample: int, file: str | None, data: str | None, as_json: bool) -> int:
    """Check the mail: that counters and reference counts are right, that every body's object is there in its full
    length, that there are no others, and that bodies hold what was stored. Servers may run meanwhile; nothing is changed.

    Exit code 1 when anything is wrong; `lightmail repair` puts right what can be.
    Whether the database, S3 and Redis themselves are set up as they should be, `lightmail db check` tells.
    """
    config = good_config(file, data)
    report = checked(config, sample=None if full else sample, as_json=as_json)
    if as_json:
        print_json(report_row(report))
    else:
        print_report(report)
    return 0 if report.sound else 1


def checked(config: Config, *, sample: int | None, as_json: bool) -> CheckReport:
    """Open the store and look."""
    from lightmail.mail.check.reading import uncached

    must_be_there(config)
    config = uncached(config)

    async def work(store: Store) -> CheckReport:
        with progress_bar(shown=not as_json and sys.stderr.isatty()) as progress:
            return await check_store(store, config, sample=sample, progress=progress)

    return run_on_store(config, work)


async def check_store(store: Store, config: Config, *, sample: int | None, progress: Progress) -> CheckReport:
    """config: the one that the store was opened with, `uncached`."""
    from lightmail.mail.check.checker import Checker

    checker = Checker(
        upkeep=store.upkeep,
        metadata=store.metadata,
        directory=store.mail.directory,
        blobs=store.blobs,
        clock=store.mail.clock,
        config=config,
        progress=progress,
    )
    return await checker.run(sample=sample)


# ---- telling


def report_row(report: CheckReport) -> dict[str, Any]:
    from lightmail.mail.check.damage import ADVICE, REPAIRS

    return {
        "sound": report.sound,
        "mailboxes": report.mailboxes,
        "messages": report.messages,
        "bodies": report.bodies,
        "objects": report.objects,
        "objects_octets": report.objects_octets,
        "young_objects": report.young_objects,
        "read_bodies": report.read_bodies,
        "read_octets": report.read_octets,
        "seconds": round(report.seconds, 3),
        "counts": {kind.value: number for kind, number in report.counts.items()},
        "findings": [
            {
                "kind": each.kind.value,
                "text": each.text,
                "account": each.place.account if each.place else None,
                "mailbox": each.place.mailbox if each.place else None,
                "uids": bytes(each.uids).decode(),
                "body": each.body_id,
                "key": each.key or None,
                "messages": [_message_row(place) for place in each.messages],
                "repair": REPAIRS.get(each.kind),
                "advice": ADVICE.get(each.kind),
            }
            for each in report.damages
        ],
    }


def _message_row(place: Place) -> dict[str, Any]:
    return {"account": place.account, "mailbox": place.mailbox, "uid": place.uid}


def print_report(report: CheckReport) -> None:
    click.echo(
        f"{report.mailboxes} mailboxes with {report.messages} messages, {report.bodies} bodies, "
        f"{report.objects} objects ({octets_in_words(report.objects_octets)}) in {report.seconds:.1f} s"
    )
    click.echo(f"{report.read_bodies} bodies read back ({octets_in_words(report.read_octets)})")
    if report.young_objects:
        click.echo(
            f"{report.young_objects} objects that no body names are too young to be told from mail on its way in"
        )
    if report.sound:
        click.echo("nothing is wrong")
        return
    print_damages(report)
    if report.none_there:
        click.echo("None of the objects is there: is storage.bodies the right place?", err=True)


def print_damages(report: CheckReport) -> None:
    """By kind, some of each."""
    from lightmail.mail.check.damage import ADVICE, REPAIRS, TITLES

    for kind, title in TITLES.items():
        number = report.counts[kind]
        if not number:
            continue
        click.echo(f"{number} {title}:")
        of_kind = [each for each in report.damages if each.kind is kind]
        for each in of_kind[:_MOST_SHOWN]:
            click.echo(f"  {_line(each)}")
        if number > _MOST_SHOWN:
            click.echo(f"  and {number - _MOST_SHOWN} more; --json tells more of them")
        if kind in REPAIRS:
            click.echo(f"  `lightmail repair` would {REPAIRS[kind]}")
        else:
            click.echo(f"  {ADVICE[kind]}")


def _line(damage: Damage) -> str:
    parts = []
    if damage.place:
        parts.append(f"{printable(damage.place.account)} {printable(damage.place.mailbox)}")
        if damage.uids:
            parts.append(f"UID {bytes(damage.uids).decode()}")
    if damage.body_id:
        parts.append(f"body {damage.body_id}")
    if damage.key:
        parts.append(printable(damage.key))
    if damage.text:
        parts.append(damage.text)
    if damage.messages:
        parts.append("it is " + ", ".join(_spelled(place) for place in damage.messages))
    return ": ".join(parts)


def _spelled(place: Place) -> str:
    return f"{printable(place.account)} {printable(place.mailbox)} UID {place.uid}"


@contextlib.contextmanager
def progress_bar(*, shown: bool) -> Iterator[Progress]:
    """A line for each thing that is looked at."""
    if not shown:
        yield lambda _what, _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}"),
        TimeElapsedColumn(),
    )
    with Bars(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, Any] = {}

        def progress(what: str, done: int, total: int) -> None:
            if what not in tasks:
                for task in bars.tasks:  # what was looked at before is done, however many there were
                    bars.update(task.id, total=task.completed)
                tasks[what] = bars.add_task(what, total=None)
            bars.update(tasks[what], completed=done, total=total or None)

        yield progress
