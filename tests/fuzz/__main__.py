"""Fuzz one target: python -m tests.fuzz NAME [options of libFuzzer]. What it finds it writes to the current folder."""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["lightmail"]):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    name, *options = sys.argv[1:]
    seeds = Path(__file__).parent / "seeds" / name
    corpus = Path("rust/fuzz/corpus") / name
    corpus.mkdir(parents=True, exist_ok=True)
    atheris.Setup([sys.argv[0], str(corpus), str(seeds), *options], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
