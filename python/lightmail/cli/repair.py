"""`lightmail repair`: put right what `lightmail check` finds, as far as that can be done without guessing."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from lightmail.cli.check import DEFAULT_SAMPLE, check_store, print_report, progress_bar, report_row
from lightmail.cli.options import config_options, confirm, good_config, json_option, must_be_there, run_on_store
from lightmail.cli.output import print_json
from lightmail.cli.rebuild import rebuild

if TYPE_CHECKING:
    from lightmail.app import Store
    from lightmail.config import Config
    from lightmail.mail.check.repair import RepairReport


@click.command()
@click.option("--dry-run", is_flag=True, help="Show what is wrong and what would be done, and change nothing.")
@click.option("--full", is_flag=True, help="Read every body back when looking.")
@click.option("--from-bodies", is_flag=True, help="Make a database that was lost anew from the body store.")
@click.option("--store", "name", metavar="NAME", default="", help="With --from-bodies: whose manifests, if of several.")
@click.option(
    "--unplaced-to",
    metavar="ADDRESS",
    default="",
    help="With --from-bodies: the account that gets messages of which nobody knows whose they are.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_options
@json_option
def repair(
    dry_run: bool,
    full: bool,
    from_bodies: bool,
    name: str,
    unplaced_to: str,
    yes: bool,
    file: str | None,
    data: str | None,
    as_json: bool,
) -> int:
    """Put the mail right: counters, reference counts, UIDs and MODSEQs that `lightmail check` finds wrong.

    What is wrong is shown before anything is changed. No object is deleted, and no message whose body exists. Servers
    may run meanwhile. Exit code 1 when something is wrong afterwards. The database's schema is `lightmail db upgrade`'s.

    With --from-bodies, into an empty database: accounts, mailboxes and messages as the manifests in the body store have
    them; what came after the last one is put where its object says that it belongs. Exit code 1 when something is lost.
    """
    if from_bodies:
        if full:
            raise click.UsageError("--full does not go with --from-bodies, which reads every body anyway")
        return rebuild(
            good_config(file, data), name=name, unplaced_to=unplaced_to, dry_run=dry_run, yes=yes, as_json=as_json
        )
    if name or unplaced_to:
        raise click.UsageError("--store and --unplaced-to go with --from-bodies")
    return repair_what_is_wrong(
        good_config(file, data), sample=None if full else DEFAULT_SAMPLE, dry_run=dry_run, yes=yes, as_json=as_json
    )


def repair_what_is_wrong(config: Config, *, sample: int | None, dry_run: bool, yes: bool, as_json: bool) -> int:
    """The exit code."""
    from lightmail.mail.check.reading import uncached
    from lightmail.mail.check.repair import Repairer, RepairReport, repairable

    must_be_there(config)
    config = uncached(config)
    shown = not as_json and sys.stderr.isatty()

    async def work(store: Store) -> int:
        with progress_bar(shown=shown) as progress:
            before = await check_store(store, config, sample=sample, progress=progress)
        if not as_json:
            print_report(before)
        todo = repairable(before)
        done, after = RepairReport(), before
        if todo and not dry_run:
            confirm(f"Repair {len(todo)} of {before.counts.total()} findings?", yes=yes)
            with ThreadPoolExecutor(2, thread_name_prefix="repair") as workers:
                repairer = Repairer(
                    upkeep=store.upkeep, metadata=store.metadata, blobs=store.blobs, config=config, workers=workers
                )
                done = await repairer.repair(todo)
            with progress_bar(shown=shown) as progress:
                after = await check_store(store, config, sample=0, progress=progress)
        if as_json:
            print_json(
                {"dry_run": dry_run, "before": report_row(before), "done": asdict(done), "after": report_row(after)}
            )
        elif todo and not dry_run:
            _print(done)
            print_report(after)
        return 0 if after.sound else 1

    return run_on_store(config, work)


def _print(done: RepairReport) -> None:
    told = {
        "mailboxes counted again": done.mailboxes_counted,
        "bodies counted again": done.bodies_counted,
        "messages with a new UID": done.messages_renumbered,
        "summaries made again": done.summaries_made,
        "bodies found among the objects that no body named": done.bodies_found,
        "messages removed: no object can be their body": done.messages_removed,
        "messages left alone: an object could be their body, and could be another's": done.messages_doubtful,
        "rights deleted": done.rights_deleted,
        "annotations deleted": done.annotations_deleted,
    }
    for what, number in told.items():
        if number:
            click.echo(f"{number} {what}")
