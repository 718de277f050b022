"""Processes that write to one SQLite file take turns."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lightmail.backends.sqlite.turns import Turns
from tests.support.eventually import eventually

OTHER = """
import sys
from pathlib import Path
from lightmail.backends.sqlite.turns import Turns
turns = Turns(Path(sys.argv[1]), 60)
for line in sys.stdin:
    getattr(turns, line.strip())()
    print(line.strip(), flush=True)
"""


class Other:
    """Another process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, verb: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{verb}\n")
        self._process.stdin.flush()

    def answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def other(path: Path) -> Iterator[Other]:
    with subprocess.Popen(
        [sys.executable, "-c", OTHER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Other(process)
        process.kill()


def somebody_waits(turns: Turns) -> bool:
    """At the door."""
    if turns._try(0):
        turns._leave(0)
        return False
    return True


def test_nobody_passes_whoever_waits(tmp_path: Path) -> None:
    turns = Turns(tmp_path / "db", 60)
    order: list[str] = []
    turns.take()
    with other(tmp_path / "db") as they:
        they.ask("take")
        assert eventually(lambda: somebody_waits(turns))

        def write_again() -> None:
            turns.done()
            turns.take()
            order.append("we")
            turns.done()

        again = threading.Thread(target=write_again)
        again.start()
        assert they.answer() == "take"
        order.append("they")
        they.ask("done")
        again.join(30)
        assert order == ["they", "we"]
    turns.close()


def test_a_killed_process_loses_its_turn(tmp_path: Path) -> None:
    turns = Turns(tmp_path / "db", 60)
    with other(tmp_path / "db") as they:
        they.ask("take")
        assert they.answer() == "take"
        they.kill()
        turns.take()
    turns.done()
    turns.close()


def test_patience_ends(tmp_path: Path) -> None:
    turns = Turns(tmp_path / "db", 0.05)
    with other(tmp_path / "db") as they:
        they.ask("take")
        assert they.answer() == "take"
        turns.take()
        turns.done()
        they.ask("done")
        assert they.answer() == "done"
    turns.take()
    turns.close()
