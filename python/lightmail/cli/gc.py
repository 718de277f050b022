"""`lightmail gc`: what the server does in the background, now."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from lightmail.cli.options import config_options, confirm, good_config, json_option, with_store
from lightmail.cli.output import iso_time, octets_in_words, print_json

if TYPE_CHECKING:
    from lightmail.app import Store
    from lightmail.mail.collect import Collected
    from lightmail.mail.manifests import StoreSeen, Written
    from lightmail.mail.sweep import Progress, Swept

_MOST_SHOWN = 20


@click.command()
@click.option("--sweep", is_flag=True, help="Also compare all objects of the body store with the database.")
@click.option("--dry-run", is_flag=True, help="Change nothing; tell what there is.")
@click.option(
    "--grace",
    "grace_s",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    help="Instead of upkeep.grace_s; also where the sweep would not go below an hour: with less, mail that is being"
    " delivered meanwhile may lose its body.",
)
@click.option(
    "--all-orphans",
    is_flag=True,
    help="Delete objects without a row even if there are so many that this may be the wrong database.",
)
@click.option(
    "--drop-manifests",
    "unwanted",
    metavar="NAME",
    help="Only delete the manifests of another database, which is not wanted any more: as long as they are there"
    " nothing is swept.",
)
@click.option("--yes", is_flag=True, help="With --drop-manifests: do not ask.")
@config_options
@json_option
def gc(
    sweep: bool,
    dry_run: bool,
    grace_s: float | None,
    all_orphans: bool,
    unwanted: str | None,
    yes: bool,
    file: str | None,
    data: str | None,
    as_json: bool,
) -> int:
    """Delete bodies that no message has any more, after the grace period, and write manifests. Servers may run meanwhile.

    Exit code 1 when bodies are missing, or objects without a row were left alone because there are so many.
    """
    from lightmail.serving.housekeeping import collector, manifests, sweeper

    if all_orphans and not sweep:
        raise click.UsageError("--all-orphans needs --sweep")
    if unwanted is not None:
        if sweep or grace_s is not None:
            raise click.UsageError("--drop-manifests deletes manifests and nothing else")
        return _drop(unwanted, dry_run=dry_run, yes=yes, file=file, data=data, as_json=as_json)
    if yes:
        raise click.UsageError("--yes goes with --drop-manifests")
    config = good_config(file, data)

    async def work(store: Store) -> tuple[Collected, Swept | None, Written | None]:
        collecting = collector(store, config, grace_s=grace_s)
        collected = await (collecting.waiting() if dry_run else collecting.run())
        swept = None
        if sweep:
            with _progress(shown=not as_json and sys.stderr.isatty()) as progress:
                swept = await sweeper(store, config, grace_s=grace_s).run(
                    dry=dry_run, all_orphans=all_orphans, progress=progress
                )
        written = None if dry_run else await manifests(store, config)
        return collected, swept, written

    collected, swept, written = with_store(file, data, work)
    if as_json:
        print_json(_row(collected, swept, written) | {"dry_run": dry_run})
    else:
        _print(collected, swept, written, dry_run=dry_run)
    return 1 if swept is not None and (swept.missing or swept.refused) else 0


def _drop(name: str, *, dry_run: bool, yes: bool, file: str | None, data: str | None, as_json: bool) -> int:
    """Who wants them may be another database that is alive, and shares the body store by mistake."""
    from lightmail.mail.manifests import delete_manifests, state_of, stores_seen

    async def work(store: Store) -> StoreSeen:
        seen = {each.name: each for each in await stores_seen(store.blobs)}
        own = await state_of(store.upkeep)
        if own is not None and own.store == name:
            raise click.UsageError(f"{name} is this database itself")
        if name not in seen:
            others = ", ".join(sorted(seen.keys() - {own.store if own is not None else ""}))
            raise click.UsageError(f"no manifests of {name}; there are those of {others or 'no other database'}")
        if not dry_run:
            about = _about(seen[name])
            confirm(f"Delete {about}? What only they tell of can never be rebuilt.", yes=yes)
            await delete_manifests(store.blobs, name)
        return seen[name]

    gone = with_store(file, data, work)
    if as_json:
        print_json({"dry_run": dry_run, "store": name, "manifests": gone.manifests, "octets": gone.octets})
    else:
        click.echo(f"{_about(gone)} {'to be deleted' if dry_run else 'deleted'}")
    return 0


def _about(seen: StoreSeen) -> str:
    size = octets_in_words(seen.octets)
    return f"{seen.manifests} manifests of {seen.name} ({size}), last written {iso_time(seen.last_written_s)}"


def _row(collected: Collected, swept: Swept | None, written: Written | None) -> dict[str, Any]:
    row: dict[str, Any] = {
        "collected": {
            "bodies": collected.bodies,
            "octets": collected.octets,
            "disputed": collected.disputed,
            "more": collected.more,
        }
    }
    if swept is not None:
        row["swept"] = {
            "objects": swept.objects,
            "octets": swept.octets,
            "bodies": swept.bodies,
            "young": swept.young,
            "orphans": swept.orphans,
            "orphans_octets": swept.orphans_octets,
            "deleted": swept.deleted,
            "refused": swept.refused,
            "missing": swept.missing,
            "missing_keys": [body.object_key for body in swept.missing_bodies],
        }
    if written is not None:
        row["manifests"] = {"written": written.manifests, "octets": written.octets, "deleted": written.deleted}
    return row


def _print(collected: Collected, swept: Swept | None, written: Written | None, *, dry_run: bool) -> None:
    least = "at least " if collected.more else ""
    verb = "to be deleted" if dry_run else "deleted"
    click.echo(f"{least}{collected.bodies} bodies without a message {verb} ({octets_in_words(collected.octets)})")
    if collected.disputed:
        click.echo(f"{collected.disputed} bodies were counted as unused and are not", err=True)
    if swept is not None:
        _print_swept(swept, dry_run=dry_run)
    if written is not None and written.manifests:
        click.echo(f"{written.manifests} manifests written ({octets_in_words(written.octets)})")


def _print_swept(swept: Swept, *, dry_run: bool) -> None:
    click.echo(f"{swept.objects} objects ({octets_in_words(swept.octets)}), {swept.bodies} bodies in the database")
    number = swept.orphans if dry_run else swept.deleted
    octets = octets_in_words(swept.orphans_octets)
    if swept.refused:
        click.echo(f"{swept.orphans} objects without a row ({octets}) left alone: {swept.refused}", err=True)
        click.echo("if they are to be deleted all the same: `lightmail gc --sweep --all-orphans`", err=True)
    else:
        click.echo(f"{number} objects without a row {'to be deleted' if dry_run else 'deleted'} ({octets})")
    if swept.young:
        click.echo(f"{swept.young} objects without a row are younger than the grace period")
    if swept.missing:
        click.echo(f"{swept.missing} bodies have no object; `lightmail check` names their messages:", err=True)
        for body in swept.missing_bodies[:_MOST_SHOWN]:
            click.echo(f"  {body.object_key} (body {body.body_id})", err=True)


@contextlib.contextmanager
def _progress(*, shown: bool) -> Iterator[Progress]:
    if not shown:
        yield lambda _what, _number: None
        return
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.completed} {task.description}"), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task("objects", total=None)
        yield lambda what, number: bars.update(task, description=what, completed=number)
