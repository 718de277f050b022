"""`lightmail serve`."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from typing import TYPE_CHECKING

import click

from lightmail.cli.options import config_options, good_config, json_option, read_config

if TYPE_CHECKING:
    from lightmail.app import Started, Store


@click.command()
@click.option("--demo", is_flag=True, help="Make a demo account with sample messages, once, and print its password.")
@config_options
@json_option
def serve(demo: bool, file: str | None, data: str | None, as_json: bool) -> None:
    """Run the server until SIGTERM or SIGINT. SIGHUP reads the configuration and the certificate again, SIGUSR1 writes
    metrics.prom into the data folder (Prometheus text format).

    Prints the addresses, one per line, and "ready" when connections are accepted.
    """
    # structlog loads rich when it finds it, for tracebacks that we do not want: 5 MB that a server never uses.
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type]  # "not there" (importlib)
    from lightmail.app import serve as serve_
    from lightmail.obs.logs import configure_logs

    config = good_config(file, data, serving=True)
    configure_logs(config.log)

    async def prepare(store: Store) -> tuple[str, ...]:
        from lightmail.cli.demo import make_demo

        return await make_demo(store, config)

    def started(what: Started) -> None:
        if as_json:
            announce_json(what)
        else:
            announce(what, program=_program(), options=_options(file, data))

    serve_(config, reread=lambda: read_config(file, data), prepare=prepare if demo else None, started=started)


def announce(what: Started, *, program: str = "lightmail", options: str = "") -> None:
    """For people, and for whoever started the process and waits for "ready"."""
    lines = [f"{protocol} {address}" for protocol, address in what.addresses]
    if what.identity is not None:
        made = " (self-signed, made now)" if what.certificate_made else ""
        lines.append(f"certificate sha256 {what.identity.fingerprint}{made}")
    if what.prepared:
        address, password = what.prepared
        lines.append(f"demo account: {address}, password {password}")
    lines += [f"add a user: {program} user add ADDRESS --generate{options}", "ready"]
    print("\n".join(lines), flush=True)


def announce_json(what: Started) -> None:
    """One line."""
    import json

    address, password = what.prepared or ("", "")
    row = {
        "addresses": [{"protocol": protocol, "address": address} for protocol, address in what.addresses],
        "certificate_sha256": what.identity.fingerprint if what.identity else None,
        "demo": {address: password} if address else {},
    }
    print(json.dumps(row), flush=True)


def _program() -> str:
    """How this program can be called from here."""
    called_as = sys.argv[0]
    installed = shutil.which("lightmail") is not None or os.path.basename(called_as) != "lightmail"
    return "lightmail" if installed else shlex.quote(called_as)


def _options(file: str | None, data: str | None) -> str:
    """What other commands need to find the same folder."""
    given = (("--config", file), ("--data", data))
    return "".join(f" {option} {shlex.quote(value)}" for option, value in given if value is not None)
