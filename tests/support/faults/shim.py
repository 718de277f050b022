"""A process whose clock steps and whose disk is slow: a library of a few functions (shim.c) that is loaded before libc.

It reaches what asks libc: Python, our extension, SQLite, MariaDB, Redis; not what calls the kernel by itself, as Go does.
"""

from __future__ import annotations

import mmap
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

_SOURCE = Path(__file__).with_name("shim.c")
_CONTROL = struct.Struct("<qq")
"""Nanoseconds: what is added to the time of day; what each fsync and fdatasync takes longer."""


class Shim:
    """For the processes that are started with `environment`, and theirs; what is set applies to all of them at once.

    folder: where its files are made. Skips the test where there is no C compiler.
    """

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc")
        if compiler is None or sys.platform != "linux":
            pytest.skip("a C compiler and Linux are needed to change what a process is told of the time")
        folder.mkdir(parents=True, exist_ok=True)
        library, control = folder / "shim.so", folder / "shim"
        subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", library, _SOURCE, "-ldl"], check=True)
        control.write_bytes(_CONTROL.pack(0, 0))
        for path, mode in ((folder, 0o755), (library, 0o755), (control, 0o644)):
            path.chmod(mode)  # a database server runs as somebody else
        with control.open("r+b") as file:
            self._control = mmap.mmap(file.fileno(), _CONTROL.size)
        before = [os.environ["LD_PRELOAD"]] if os.environ.get("LD_PRELOAD") else []
        self.environment: Mapping[str, str] = {
            "LD_PRELOAD": ":".join([str(library), *before]),
            "LIGHTMAIL_TEST_SHIM": str(control),
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.mend()
        self._control.close()

    def step_clock(self, seconds: float) -> None:
        """The time of day is so much later, or earlier, than it is; monotonic clocks go on."""
        self._set(round(seconds * 1e9), self._values()[1])

    def slow_sync(self, seconds: float) -> None:
        """Each fsync takes so much longer."""
        self._set(self._values()[0], round(seconds * 1e9))

    def mend(self) -> None:
        self._set(0, 0)

    def _values(self) -> tuple[int, int]:
        offset, delay = _CONTROL.unpack(self._control[:])
        return offset, delay

    def _set(self, *values: int) -> None:
        self._control[:] = _CONTROL.pack(*values)
