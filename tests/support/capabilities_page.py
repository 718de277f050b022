"""docs/capabilities.md: what we advertise beside what Debian's Dovecot and Cyrus advertise.

`python -m tests.support.capabilities_page` writes the page anew from our table and from what the two said last;
with `--connect` it starts both and asks them (see `tests.support.peers` for what that needs).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from lightmail.auth.mechanisms import MECHANISMS
from lightmail.imap.capabilities import FEATURES
from tests.support import peers

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "capabilities.md"
SAID = Path(__file__).with_name("peer_capabilities.json")
"""By server: its version and its capabilities, before and after login together."""

ABSENT = {
    "ANNOTATE-EXPERIMENT-1": "experimental (RFC 5257), and no client uses it",
    "DIGEST=SHA1": "Cyrus' own, for its replication",
    "I18NLEVEL=1": "I18NLEVEL=2 includes it (RFC 5255 §4.1)",
    "LOGIN-REFERRALS": "any node serves any account",
    "MAILBOX-REFERRALS": "any node serves any account",
    "NO_ATOMIC_RENAME": "Cyrus' own; our RENAME is atomic",
    "PREVIEW=FUZZY": "of a draft of RFC 8970; PREVIEW took its place",
    "SCAN": "Cyrus' own",
    "SNIPPET=FUZZY": "of a draft of RFC 8970; PREVIEW took its place",
    "SORT=MODSEQ": "Cyrus' own",
    "SORT=UID": "Cyrus' own",
    "URL-PARTIAL": "RFC 5550 §3.2, of URLAUTH",
    "URLAUTH": "no client uses it",
    "URLAUTH=BINARY": "no client uses it",
    "X-CREATEDMODSEQ": "Cyrus' own",
    "X-QUOTA": "Cyrus' own, of a draft of RFC 9208; QUOTA=RES- took its place",
    "X-REPLICATION": "Cyrus' own",
    "X-SIEVE-MAILBOX": "Cyrus' own",
    "XCONVERSATIONS": "Cyrus' own; THREADID of OBJECTID is the standard",
    "XMOVE": "Cyrus' own, of a draft of MOVE",
}
"""Why we do not advertise what one of the others does."""

NOT_YET = "not yet"

HEAD = """# Capabilities beside those of Dovecot and Cyrus

What each server advertises, before and after login taken together, with every extension switched on that its Debian package
has. Our column is the table that dispatches (`imap/capabilities.py`). Made by `python -m tests.support.capabilities_page`;
with `--connect` it starts the other two and asks them.

"""


def ours() -> set[str]:
    names = {_comparable(feature.name) for feature in FEATURES if feature.name not in ("AUTH=", "LOGINDISABLED")}
    return names | {f"AUTH={mechanism}" for mechanism in MECHANISMS}


def page() -> str:
    said = json.loads(SAID.read_text())
    mine = ours()
    theirs = {name: set(about["capabilities"]) for name, about in said.items()}
    lines = [
        " | ".join(["| Capability | LightMail", *(f"{name} {about['version']}" for name, about in said.items()), "|"]),
        "| --- | --- " + "| --- " * len(said) + "| --- |",
    ]
    for name in sorted(mine.union(*theirs.values()), key=str.upper):
        columns = ["yes" if name in each else "" for each in (mine, *theirs.values())]
        remark = "" if name in mine else ABSENT.get(name, NOT_YET)
        lines.append(f"| {name} | {' | '.join(columns)} | {remark} |")
    return HEAD + "\n".join(lines) + "\n"


def connect() -> None:
    """Ask both, and remember what they say."""
    said = {}
    for name, package, start in (("Dovecot", "dovecot-core", peers.dovecot), ("Cyrus", "cyrus-common", peers.cyrus)):
        version = subprocess.run(
            ["dpkg-query", "-W", "-f", "${source:Upstream-Version}", package],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            folder.chmod(0o755)
            with start(folder) as address:
                before, after = peers.capabilities(address)
        found = {_comparable(each) for each in before | after} - {"LOGINDISABLED"}
        said[name] = {"version": version.partition("+")[0], "capabilities": sorted(found)}
    SAID.write_text(json.dumps(said, indent=1) + "\n")


def _comparable(name: str) -> str:
    """Without a value that differs from server to server."""
    for prefix in ("APPENDLIMIT", "RIGHTS", "X-QUOTA", "MESSAGELIMIT", "SAVELIMIT", "UIDBATCHES"):
        if name.startswith(f"{prefix}="):
            return prefix
    return name


if __name__ == "__main__":
    if "--connect" in sys.argv:
        connect()
    PAGE.write_text(page(), encoding="utf-8")
