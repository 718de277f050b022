"""docs/compliance.md names rooms and tests that exist, every capability, and every wire transcript."""

from __future__ import annotations

import re
from pathlib import Path

from lightmail.imap.capabilities import FEATURES

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "compliance.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|\n").split(" | ")]
    for line in PAGE.splitlines()
    if line.startswith("|") and "---" not in line
]
NO_CAPABILITY = {"2180", "5530", "5788", "7162 §3.1.5", "8457"}
"""RFCs among the extensions that have no capability of their own."""
WITHOUT_DIALOGUES = {
    "2180": "what it says of several sessions is in wire/two_sessions.txt",
    "9585": "of commands that take ten seconds",
    "5255": "§4.3 has none",
    "2195": "secrets are computed; tests/unit/auth has the RFC's",
    "5802": "likewise",
    "7677": "likewise",
    "5929": "of TLS",
    "9266": "of TLS",
    "4422": "§A.3 has none of IMAP; a certificate of the client's is needed",
    "7628": "an issuer of tokens is needed; tests/unit/auth has the RFC's",
    "6750": "of HTTP",
    "7517": "of HTTP",
    "7519": "of HTTP",
    "7662": "of HTTP",
}
"""RFCs among the extensions that no transcript names."""
WIRE = ROOT / "tests" / "wire"
NAMED = re.compile(r"`([^`]+)`")


def _place(name: str, folder: str) -> Path:
    return ROOT / name if name.startswith("rust/") else ROOT / folder / name


def _rows() -> list[list[str]]:
    return [row for row in ROWS if row[2] != "Room"]


def test_every_row_names_rooms_and_tests() -> None:
    assert len(_rows()) > 80
    for row in _rows():
        assert len(row) == 4, row
        assert NAMED.search(row[2]) and NAMED.search(row[3]), row


def test_rooms_exist() -> None:
    missing = {
        name for row in _rows() for name in NAMED.findall(row[2]) if not _place(name, "python/lightmail").is_file()
    }
    assert missing == set()


def test_tests_exist() -> None:
    missing = set()
    for row in _rows():
        for named in NAMED.findall(row[3]):
            name, _, test = named.partition("::")
            file = _place(name, "tests")
            if not file.is_file() or (test and f"def {test}(" not in file.read_text(encoding="utf-8")):
                missing.add(named)
    assert missing == set()


def test_every_transcript_is_named() -> None:
    transcripts = {f"`wire/{path.name}`" for path in WIRE.glob("*.txt")}
    assert len(transcripts) > 30
    assert {name for name in transcripts if name not in PAGE} == set()


def test_every_capability_is_named() -> None:
    words = set(re.findall(r"[A-Za-z0-9=+-]+", PAGE))
    unnamed = {
        feature.name
        for feature in FEATURES
        if not any(word == feature.name or (feature.name == "AUTH=" and word.startswith("AUTH=")) for word in words)
    }
    assert unnamed == set()


def test_every_extension_is_advertised() -> None:
    """The other way round: no row claims what the table that dispatches does not have."""
    advertised = {feature.name.partition("=")[0] for feature in FEATURES}
    extensions = PAGE.partition("## Extensions")[2].partition("\n## ")[0]
    claims = [line.strip("|").split(" | ")[:2] for line in extensions.splitlines() if line.startswith("| ")]
    claims = [(source.strip(), what) for source, what in claims if source.strip()[:3] not in ("---", "RFC")]
    assert len(claims) > 20
    unfounded = [
        what
        for source, what in claims
        if not advertised & {word.partition("=")[0] for word in re.findall(r"[A-Za-z0-9=+-]+", what)}
        and source not in NO_CAPABILITY
        and re.split("[ ,]", source)[0] not in NO_CAPABILITY
    ]
    assert unfounded == []


def _numbers(source: str) -> set[str]:
    """RFCs that the first cell of a row among the extensions names; sections begin with their sign."""
    return set(re.findall(r"(?<![§.\d])\b\d{4,5}\b", source))


def _extensions() -> list[list[str]]:
    part = PAGE.partition("## Extensions")[2].partition("\n## ")[0]
    return [row for row in ROWS if f"| {row[0]} | {row[1]} |" in part and row[2] != "Room"]


def test_every_capability_has_a_row_of_its_rfc() -> None:
    """A capability that a table says is of one RFC is named where the page is about that RFC."""
    missing = []
    for feature in FEATURES:
        numbers = set(re.findall(r"^RFC (\d+)", feature.source)) - {"3501", "9051"}
        names = [row[1] for row in _extensions() if numbers & _numbers(row[0])]
        words = {word for name in names for word in re.findall(r"[A-Za-z0-9=+-]+", name)}
        if numbers and feature.name not in words and not (feature.name == "AUTH=" and names):
            missing.append((feature.name, feature.source))
    assert missing == []


def test_every_extension_has_dialogues() -> None:
    """A transcript says in a comment which RFCs its dialogues are of."""
    played = {
        number
        for path in WIRE.rglob("*.txt")
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.startswith("#")
        for number in re.findall(r"RFC (\d{4,5})", line)
    }
    implemented = {number for row in _extensions() for number in _numbers(row[0])}
    assert len(implemented) > 50
    assert sorted(implemented - played - WITHOUT_DIALOGUES.keys()) == []


def test_transcripts_of_an_rfc_are_named_by_its_rows() -> None:
    lost = []
    for path in WIRE.glob("rfc*.txt"):
        number = path.stem.removeprefix("rfc").partition("_")[0]
        about = PAGE.partition(f"## RFC {number}")[2] if number in ("3501", "9051") else ""
        rows = [row for row in ROWS if number in _numbers(row[0])]
        if f"`wire/{path.name}`" not in about and not any(f"`wire/{path.name}`" in row[3] for row in rows):
            lost.append(path.name)
    assert lost == []
