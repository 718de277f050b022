"""`lightmail migrate`: a mail store moves into another one, on other backends, while it is in use."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from lightmail.cli.options import config_options, confirm, good_config, json_option, must_be_there, with_store
from lightmail.cli.output import octets_in_words, print_json
from lightmail.config.addresses import hide_secrets, parse_store

if TYPE_CHECKING:
    from lightmail.app import Store
    from lightmail.config import Config
    from lightmail.migrate.moving.comparing import Thoroughness
    from lightmail.migrate.moving.sides import Progress, Report, Side

_LOCK = "migrate.lock"


@click.command()
@click.option("--to", "to", metavar="FILE", type=click.Path(), help="The configuration of the target.")
@click.option("--no-switch", is_flag=True, help="Copy what there is and stop; run again later, it goes on.")
@click.option("--replace", is_flag=True, help="Remove what the target holds first.")
@click.option(
    "--verify",
    type=click.Choice(["sample", "full"]),
    default="sample",
    show_default=True,
    help="How many bodies are read back from the target.",
)
@click.option("--on-switched", "command", metavar="COMMAND", help="Run by the shell once the target takes writes.")
@click.option("--reopen", is_flag=True, help="Let this store take writes again after it has been moved.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_options
@json_option
def migrate(
    to: str | None,
    no_switch: bool,
    replace: bool,
    verify: Thoroughness,
    command: str | None,
    reopen: bool,
    yes: bool,
    file: str | None,
    data: str | None,
    as_json: bool,
) -> int:
    """Move this mail store into another one, which may be on any other backends, while servers run on it.

    Everything stays as clients know it: they download nothing again. In the end this store is sealed, what has changed
    last is moved too, and the other one takes writes. Run it again after any interruption: it goes on.
    """
    if reopen == (to is not None):
        raise click.UsageError("say either --to FILE or --reopen")
    if reopen:
        return _reopen(file, data, yes=yes, as_json=as_json)
    source, target = good_config(file, data), good_config(to, None)
    must_be_there(source)
    if replace:
        confirm(f"Remove all mail of {_name(target)}, if there is any?", yes=yes)
    with _alone(source), _progress(shown=not as_json and sys.stderr.isatty()) as progress:
        report = asyncio.run(_move(source, target, progress, switch=not no_switch, clear=replace, thoroughness=verify))
    code = subprocess.run(command, shell=True, check=False).returncode if command and report.switched else None
    if as_json:
        print_json(_row(source, target, report) | ({} if code is None else {"on_switched": code}))
    else:
        _print(target, report)
        if code:
            click.echo(f"lightmail: the command of --on-switched has ended with {code}", err=True)
    return 1 if code else 0


async def _move(
    source: Config, target: Config, progress: Progress, *, switch: bool, clear: bool, thoroughness: Thoroughness
) -> Report:
    from concurrent.futures import ThreadPoolExecutor

    from lightmail.app import open_store, same_bodies, schema_state, upgrade_schema
    from lightmail.mail.check.reading import Reader
    from lightmail.migrate.moving.mover import Mover
    from lightmail.obs.logs import configure_logs

    configure_logs(source.log)
    # Nothing is to be told to anybody, or kept on this node.
    here, there = _plain(source), _plain(target)
    if not (await schema_state(there)).found:
        await upgrade_schema(there)
    with ThreadPoolExecutor(2) as workers:
        async with open_store(here) as one, open_store(there) as other:
            mover = Mover(
                _side(one, source),
                _side(other, target),
                reader=Reader(metadata=other.metadata, blobs=other.blobs, config=there, workers=workers),
                holder=f"{socket.gethostname()}:{source.data.resolve()}",
                now_s=int(time.time()),
                progress=progress,
                shared=same_bodies(source, target),
                thoroughness=thoroughness,
            )
            return await mover.run(switch=switch, clear=clear)


def _plain(config: Config) -> Config:
    import msgspec

    from lightmail.mail.check.reading import uncached

    return msgspec.structs.replace(uncached(config), storage=msgspec.structs.replace(config.storage, redis=""))


def _side(store: Store, config: Config) -> Side:
    from lightmail.migrate.moving.sides import Side

    return Side(store.metadata, store.mail.directory, store.upkeep, store.blobs, _name(config))


def _name(config: Config) -> str:
    """The stores, as far as they are not in the data folder."""
    urls = (config.storage.metadata, config.storage.bodies)
    local = [url for url in urls if parse_store(url).scheme in ("sqlite", "file")]
    distant = [hide_secrets(url) for url in urls if url not in local]
    return " and ".join([*distant, *([str(config.data)] if local else [])])


def _reopen(file: str | None, data: str | None, *, yes: bool, as_json: bool) -> int:
    async def look(store: Store) -> str | None:
        return await store.upkeep.sealed()

    async def work(store: Store) -> None:
        await store.upkeep.unseal()

    reason = with_store(file, data, look)
    if reason is not None:
        confirm(
            f"This mail store has been sealed ({reason}). What came in there since is not here. Reopen it?", yes=yes
        )
        with_store(file, data, work)
    if as_json:
        print_json({"was_sealed": reason is not None, "reason": reason})
    else:
        click.echo("it was not sealed" if reason is None else "it takes writes again")
    return 0


@contextlib.contextmanager
def _alone(source: Config) -> Iterator[None]:
    """One migration of this data folder at a time: the next one is told by the lease to be the same."""
    from lightmail.serving.machine import ensure_data_folder

    ensure_data_folder(source.data)
    with (source.data / _LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise click.ClickException("another migration of this mail store is running here") from None
        yield


def _row(source: Config, target: Config, report: Report) -> dict[str, Any]:
    return {
        "source": _name(source),
        "target": _name(target),
        "switched": report.switched,
        "accounts": report.accounts,
        "mailboxes": report.mailboxes,
        "messages": report.messages,
        "octets": report.octets,
        "bodies_copied": report.bodies_copied,
        "octets_copied": report.octets_copied,
        "bodies_kept": report.bodies_kept,
        "bodies_read_back": report.bodies_read_back,
        "rounds": report.rounds,
        "seconds": round(report.seconds, 3),
        "sealed_seconds": None if report.sealed_s is None else round(report.sealed_s, 3),
    }


def _print(target: Config, report: Report) -> None:
    if report.switched and report.sealed_s is None:
        click.echo(f"had been moved before: {_name(target)} is the mail store")
        return
    click.echo(
        f"{report.accounts} accounts, {report.mailboxes} mailboxes, {report.messages} messages "
        f"({octets_in_words(report.octets)}) are in {_name(target)}"
    )
    kept = f", {report.bodies_kept} were there" if report.bodies_kept else ""
    click.echo(
        f"{report.bodies_copied} bodies copied ({octets_in_words(report.octets_copied)}){kept}; "
        f"{report.bodies_read_back} read back; {report.rounds} rounds; {report.seconds:.1f} s"
    )
    if report.switched:
        click.echo(f"switched; for {report.sealed_s:.2f} s neither took writes. Serve with the new configuration now.")
    else:
        click.echo("not switched: run it again without --no-switch")


@contextlib.contextmanager
def _progress(*, shown: bool) -> Iterator[Progress]:
    from lightmail.migrate.moving.sides import Unseen

    if not shown:
        yield Unseen()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[octets]}"),
        TimeElapsedColumn(),
    )

    class Shown:
        """One bar for each phase that has anything to do."""

        def __init__(self, bars: Bars) -> None:
            self._bars = bars
            self._task = bars.add_task("looking", total=None, octets="")
            self._messages = self._octets = 0

        def phase(self, name: str, messages: int, octets: int) -> None:
            if self._messages or self._octets:
                self._bars.update(self._task, total=self._messages, completed=self._messages)
                self._bars.stop_task(self._task)
            else:
                self._bars.remove_task(self._task)
            self._task = self._bars.add_task(name, total=messages or None, octets="")
            self._messages = self._octets = 0

        def advance(self, messages: int, octets: int) -> None:
            self._messages += messages
            self._octets += octets
            told = octets_in_words(self._octets) if self._octets else ""
            self._bars.update(self._task, advance=messages, octets=told)

        def end(self) -> None:
            self.phase("", 0, 0)
            self._bars.remove_task(self._task)

    with Bars(*columns, console=Console(stderr=True)) as bars:
        shown_ = Shown(bars)
        yield shown_
        shown_.end()
