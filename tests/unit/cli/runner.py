"""Calling `lightmail` in this process, with its exit code, its output and its standard input."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from lightmail.cli.main import run


@dataclass(frozen=True, slots=True)
class Called:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Command:
    """`lightmail` with a data folder of its own."""

    def __init__(self, data: Path) -> None:
        self.data = data

    def __call__(self, *arguments: str, stdin: bytes = b"", data: bool = True) -> Called:
        options = ["--data", str(self.data)] if data else []
        with CliRunner(env={"LIGHTMAIL_AUTH__ARGON2_MEMORY_KIB": "8"}).isolation(input=stdin) as (out, err, _):
            code = run([*arguments, *options])
        return Called(code, out.getvalue().decode(), err.getvalue().decode())

    def ok(self, *arguments: str, stdin: bytes = b"", data: bool = True) -> Called:
        called = self(*arguments, stdin=stdin, data=data)
        assert called.code == 0, called
        assert called.err == "", called
        return called
