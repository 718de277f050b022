"""`lightmail reencrypt`: bodies are encrypted by the active key that are not yet."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from lightmail.cli.options import config_options, confirm, good_config, json_option, must_be_there, run_on_store
from lightmail.cli.output import octets_in_words, print_json, printable

if TYPE_CHECKING:
    from lightmail.app import Store
    from lightmail.mail.reencrypt import Progress, Reencrypted

LEASE_S = 60
_MOST_SHOWN = 20


@click.command()
@click.option("--dry-run", is_flag=True, help="Change nothing; tell what would be done.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_options
@json_option
def reencrypt(dry_run: bool, yes: bool, file: str | None, data: str | None, as_json: bool) -> int:
    """Encrypt every body by the key `encryption.active` that is not yet: after a new key, or the first one. With no active
    key bodies are put back as they were.

    Servers may run meanwhile. Every body is compared with its digest before and after; what is damaged stays where it is,
    and is told. The old objects go after `upkeep.grace_s`. Run it again after any interruption: it goes on. Exit code 1
    when bodies are left.
    """
    from lightmail.mail.check.reading import uncached

    config = good_config(file, data)
    must_be_there(config)
    config = uncached(config)
    active = config.encryption.active
    if not dry_run:
        what = f'Encrypt all bodies by the key "{active}"' if active else "Put all bodies into the store in plain"
        confirm(f"{what}?", yes=yes)

    async def work(store: Store) -> Reencrypted:
        from lightmail.mail.leases import Lease
        from lightmail.mail.reencrypt import JOB, Reencrypter

        holder = f"{config.server.hostname}-{store.mail.sessions.process}"
        lease = Lease(store.upkeep, JOB, holder, seconds=LEASE_S, clock=store.mail.clock)
        if not dry_run and not await lease.holds():
            raise click.ClickException("another `lightmail reencrypt` is at work")
        try:
            with (
                ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="reencrypt") as workers,
                _progress(shown=not as_json and sys.stderr.isatty()) as progress,
            ):
                reencrypter = Reencrypter(
                    metadata=store.metadata, upkeep=store.upkeep, blobs=store.blobs, config=config, workers=workers
                )
                if dry_run:
                    return await reencrypter.run(dry=True, progress=progress)
                return await reencrypter.run(lease.holds, progress=progress)
        finally:
            await lease.end()

    done = run_on_store(config, work)
    if as_json:
        print_json(_row(done) | {"dry_run": dry_run, "active": active or None})
    else:
        _print(done, dry_run=dry_run)
    return 0 if done.whole and not done.failures else 1


def _row(done: Reencrypted) -> dict[str, Any]:
    return {
        "bodies": done.bodies,
        "octets": done.octets,
        "by_key": done.by_key,
        "whole": done.whole,
        "failures": done.failures,
        "failed": [{"body": body, "key": key, "problem": problem} for body, key, problem in done.failed],
    }


def _print(done: Reencrypted, *, dry_run: bool) -> None:
    for id_, number in sorted(done.by_key.items()):
        click.echo(f"{number} bodies were {f'encrypted by the key {id_}' if id_ else 'not encrypted'}")
    click.echo(f"{done.bodies} bodies ({octets_in_words(done.octets)}) {'to be ' if dry_run else ''}written anew")
    if done.failures:
        click.echo(
            f"{done.failures} bodies cannot be read, and stay where they are; `lightmail check --full` tells more:"
        )
        for body, key, problem in done.failed[:_MOST_SHOWN]:
            click.echo(f"  body {body}: {printable(key)}: {problem}")
    if not done.whole:
        click.echo("it was not brought to its end; run it again", err=True)


@contextmanager
def _progress(*, shown: bool) -> Iterator[Progress]:
    if not shown:
        yield lambda _looked, _octets: None
        return
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), TextColumn("{task.fields[text]}"), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True)) as bars:
        task = bars.add_task("bodies", total=None, text="")

        def progress(looked: int, octets: int) -> None:
            bars.update(task, text=f"{looked} looked at, {octets_in_words(octets)} written anew")

        yield progress
