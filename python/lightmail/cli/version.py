"""`lightmail version`."""

from __future__ import annotations

import click

from lightmail import __version__
from lightmail.cli.options import json_option
from lightmail.cli.output import print_json


@click.command()
@json_option
def version(as_json: bool) -> None:
    """Show the version."""
    if as_json:
        import platform

        print_json({"lightmail": __version__, "python": platform.python_version()})
    else:
        click.echo(f"LightMail {__version__}")
