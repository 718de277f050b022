"""What runs beside what, where the suite runs in several processes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.installation import KINDS
from tests.support.scheduling import HEAVY, ON_EVERY_INSTALLATION, group, in_order

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("test", "together"),
    [
        ("tests/integration/test_chaos.py::test_nothing_is_lost", "tests/integration/test_chaos.py"),
        ("tests/integration/test_outages.py::test_each_goes_away_and_comes_back[stop]", "heavy"),
        ("tests/integration/test_serve.py::test_it[sqlite+files]", "tests/integration/test_serve.py"),
        ("tests/wire/test_transcripts.py::test_transcript[memory-acl]", "memory"),
        ("tests/wire/test_transcripts.py::test_transcript[mysql+files-acl]", "mysql+files"),
        ("tests/wire/test_transcripts.py::test_transcript[mysql+files-3-workers-acl]", "mysql+files-3-workers"),
        ("tests/conformance/test_imaplib.py::test_it[mysql+s3+redis]", "mysql+s3+redis"),
        ("tests/wire/test_hostile.py::test_it[sqlite+files-]]x::[y]", "sqlite+files"),
        ("tests/wire/test_hostile.py::test_it[a-b-mysql+s3+redis-3-workers]", "mysql+s3+redis-3-workers"),
        ("tests/wire/test_transcripts.py::test_every_command_has_a_transcript", "tests/wire/test_transcripts.py"),
        ("tests/contracts/test_blobs.py::test_it[memory]", "tests/contracts/test_blobs.py"),
    ],
)
def test_what_shares_servers_or_loads_the_machine_runs_in_one_process(test: str, together: str) -> None:
    assert group(test) == together


def test_every_name_is_one_of_a_file() -> None:
    assert [name for name in (*HEAVY, *ON_EVERY_INSTALLATION) if not (ROOT / name).exists()] == []


def test_who_takes_every_installation_is_known() -> None:
    """A file that is not would start each of them again."""
    takers = [path for path in (ROOT / "tests").rglob("test_*.py") if re.search(r"any_server: \w", path.read_text())]
    names = [str(path.relative_to(ROOT)) for path in takers]
    assert names
    assert [name for name in names if not name.startswith(ON_EVERY_INSTALLATION)] == []


def test_the_order(request: pytest.FixtureRequest) -> None:
    """Nothing is lost; what is heavy comes first; groups are whole, in the order in which they came."""
    items = request.session.items
    ordered = in_order(items)
    assert sorted(map(id, ordered)) == sorted(map(id, items))
    groups = [group(item.nodeid) for item in ordered]
    seen = list(dict.fromkeys(groups))
    assert groups == sorted(groups, key=seen.index)
    assert set(seen) <= {"heavy", *KINDS, *(item.nodeid.partition("::")[0] for item in items)}
    assert "heavy" not in seen[1:]
