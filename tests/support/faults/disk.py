"""A disk of a few megabytes that can be filled up, made read-only, and mended again: a tmpfs, which only root may mount."""

from __future__ import annotations

import contextlib
import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

_BALLAST = "ballast"
_CHUNK_OCTETS = 65_536


class SmallDisk:
    """As a context manager it is mounted at `folder`, and gone afterwards with all that is on it.

    Nothing may have a file open on it at the end. Skips the test where it cannot be mounted.
    """

    def __init__(self, folder: Path, octets: int) -> None:
        self.folder = folder
        self._octets = octets

    def __enter__(self) -> Self:
        if os.geteuid() != 0:
            pytest.skip("only root may mount a small disk")
        self.folder.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={self._octets},mode=0700", "tmpfs", str(self.folder)]
        mounted = subprocess.run(command, capture_output=True, check=False)
        if mounted.returncode:
            pytest.skip(f"no small disk can be mounted: {mounted.stderr.decode().strip()}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Lazily: a process that a failed test has left behind must not keep it.
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)

    def fill(self) -> None:
        """Not one octet more fits."""
        with (self.folder / _BALLAST).open("ab", buffering=0) as ballast, contextlib.suppress(OSError):
            for octets in (_CHUNK_OCTETS, 1):
                with contextlib.suppress(OSError):
                    while ballast.write(bytes(octets)) == octets:
                        pass

    def make_room(self) -> None:
        (self.folder / _BALLAST).unlink()

    def make_read_only(self) -> None:
        """Raises CalledProcessError while a file is open for writing on it."""
        self._remount("ro")

    def make_writable(self) -> None:
        self._remount("rw")

    def _remount(self, how: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{how}", str(self.folder)], check=True, capture_output=True)
