"""`lightmail repair --from-bodies`: a database that was lost is made anew from the body store."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import click

from lightmail.cli.check import progress_bar
from lightmail.cli.options import confirm, run_on_store
from lightmail.cli.output import iso_time, octets_in_words, print_json, printable

if TYPE_CHECKING:
    from lightmail.app import Store
    from lightmail.config import Config
    from lightmail.mail.manifests import StoreSeen
    from lightmail.mail.rebuild.rebuilder import Rebuilder
    from lightmail.mail.rebuild.report import Progress, RebuildReport

_MOST_SHOWN = 20


def rebuild(config: Config, *, name: str, unplaced_to: str, dry_run: bool, yes: bool, as_json: bool) -> int:
    """The exit code. name: of the database whose manifests are wanted; "": the only one there is."""
    from lightmail.mail.accounts import normal_address
    from lightmail.mail.check.reading import uncached
    from lightmail.mail.manifests import stores_seen

    config = uncached(config)
    unplaced_to = normal_address(unplaced_to) if unplaced_to else ""
    shown = not as_json and sys.stderr.isatty()

    async def work(store: Store) -> int:
        chosen = _chosen(await stores_seen(store.blobs), name)
        with ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="rebuild") as workers:
            if not dry_run:
                await _rebuilder(store, config, workers, lambda *_: None).check_empty()
            report = None
            if dry_run or not yes:
                with progress_bar(shown=shown) as progress:
                    rebuilder = _rebuilder(store, config, workers, progress)
                    report = await rebuilder.run(chosen, unplaced_to=unplaced_to, dry_run=True)
                if not as_json:
                    _print(report, would=True)
            if not dry_run:
                confirm("Rebuild the database so?", yes=yes)
                with progress_bar(shown=shown) as progress:
                    rebuilder = _rebuilder(store, config, workers, progress)
                    report = await rebuilder.run(chosen, unplaced_to=unplaced_to)
                for address in report.new_accounts:
                    await store.mail.mailboxes.provision((await store.user(address)).id)
                if not as_json:
                    _print(report, would=False)
        assert report is not None
        if as_json:
            print_json({"dry_run": dry_run, **_row(report)})
        return 0 if report.whole else 1

    return run_on_store(config, work)


def _rebuilder(store: Store, config: Config, workers: ThreadPoolExecutor, progress: Progress) -> Rebuilder:
    from lightmail.mail.rebuild.rebuilder import Rebuilder

    return Rebuilder(
        upkeep=store.upkeep,
        blobs=store.blobs,
        clock=store.mail.clock,
        config=config,
        workers=workers,
        progress=progress,
    )


def _chosen(seen: list[StoreSeen], name: str) -> str:
    """Raises UsageError."""
    if name and name not in {each.name for each in seen}:
        raise click.UsageError(f"the body store has no manifests of a database {name!r}{_listed(seen)}")
    if not name and len(seen) > 1:
        raise click.UsageError(
            f"the body store has manifests of several databases; say which with --store{_listed(seen)}"
        )
    return name or (seen[0].name if seen else "")


def _listed(seen: list[StoreSeen]) -> str:
    return "".join(
        f"\n  {each.name}: {octets_in_words(each.octets)}, last written {iso_time(each.last_written_s)}"
        for each in seen
    )


def _row(report: RebuildReport) -> dict[str, Any]:
    return {
        "whole": report.whole,
        "store": report.store or None,
        "manifests": report.manifests,
        "told_until": iso_time(report.told_until_s) if report.told_until_s else None,
        "unreadable_manifests": report.unreadable,
        "objects": report.objects,
        "accounts": report.accounts,
        "mailboxes": report.mailboxes,
        "messages": report.messages,
        "guessed_messages": report.guessed_messages,
        "guessed": [
            {"account": each.account, "mailbox": each.mailbox, "messages": each.messages} for each in report.guessed
        ],
        "new_accounts": report.new_accounts,
        "new_mailboxes": [{"account": account, "mailbox": name} for account, name in report.new_mailboxes],
        "lost_messages": report.lost_messages,
        "lost": [
            {
                "account": each.account,
                "mailbox": each.mailbox,
                "uid": each.uid or None,
                "key": each.key or None,
                "reason": each.reason,
            }
            for each in report.lost
        ],
        "unplaced_objects": report.unplaced_objects,
        "unplaced": report.unplaced,
        "unnamed_recipients": report.unnamed_recipients,
        "bodies": report.bodies,
        "octets": report.octets,
        "seconds": round(report.seconds, 3),
    }


def _print(report: RebuildReport, *, would: bool) -> None:
    if not report.objects:
        click.echo("There are no objects: is storage.bodies the right place?", err=True)
    if report.store:
        click.echo(
            f"manifests of database {report.store}: {report.manifests}, complete until {iso_time(report.told_until_s)}"
        )
    else:
        click.echo("no manifests: nothing is known but what objects say of themselves")
    verb = "would be" if would else "are"
    click.echo(
        f"{report.messages} messages {verb} where they were, with their UIDs and flags; {report.accounts} accounts, "
        f"{report.mailboxes} mailboxes, {report.objects} objects"
    )
    if report.guessed:
        click.echo(f"{report.guessed_messages} messages that no manifest has {verb} placed by what their objects say:")
        _some([f"{each.messages} in {_place(each.account, each.mailbox)}" for each in report.guessed])
    if report.new_accounts:
        click.echo(f"{len(report.new_accounts)} accounts {verb} new; `lightmail user passwd` gives them a password:")
        _some([printable(address) for address in report.new_accounts])
    if report.unnamed_recipients:
        click.echo(f"{report.unnamed_recipients} recipients of these are not named in the objects, and miss them")
    if report.lost_messages:
        click.echo(f"{report.lost_messages} messages {verb} lost:")
        _some(
            [
                f"{_place(each.account, each.mailbox)} UID {each.uid or '-'}: {printable(each.key)}: {each.reason}"
                for each in report.lost
            ],
            report.lost_messages,
        )
    if report.unplaced_objects:
        click.echo(
            f"{report.unplaced_objects} objects name nobody, and {verb} left out; a later sweep deletes them. "
            "--unplaced-to ADDRESS gives them to an account:"
        )
        _some(report.unplaced, report.unplaced_objects)
    if report.unreadable:
        click.echo(f"{len(report.unreadable)} manifests cannot be read:")
        _some(report.unreadable)
    if not would:
        click.echo(f"{report.bodies} bodies read ({octets_in_words(report.octets)}) in {report.seconds:.1f} s")


def _place(account: str, mailbox: str) -> str:
    return f"{printable(account)} {printable(mailbox)}"


def _some(lines: list[str], number: int = 0) -> None:
    """number: of all, where not all are told."""
    for line in lines[:_MOST_SHOWN]:
        click.echo(f"  {line}")
    number = max(number, len(lines))
    if number > _MOST_SHOWN:
        click.echo(f"  and {number - _MOST_SHOWN} more; --json tells more of them")
