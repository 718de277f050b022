"""Plays every transcript of this folder against a running server, on every kind of installation."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from lightmail.imap.registry import ROWS
from tests.support.installation import KINDS, Installation
from tests.support.services import Services
from tests.wire.transcript import Run, parse

HERE = Path(__file__).parent
QUOTA = ("getquota", "getquotaroot", "setquota")
METADATA = ("getmetadata", "setmetadata")
TRANSCRIPTS = sorted(HERE.glob("*.txt"))


LIMITED = {"messagelimit": {"messages_per_command": 4}, "savelimit": {"saved_messages": 2}}
"""Transcripts against servers with these limits."""


@pytest.mark.integration
@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_transcript(path: Path, any_server: Installation) -> None:
    play(path, any_server)


@pytest.mark.integration
@pytest.mark.parametrize("kind", ["sqlite+files", "mysql+files"])
@pytest.mark.parametrize("name", LIMITED)
def test_transcript_with_limits(name: str, kind: str, tmp_path: Path, services: Services) -> None:
    with Installation(KINDS[kind], tmp_path, services, {"limits": LIMITED[name]}) as installation:
        play(HERE / "limits" / f"{name}.txt", installation)


def play(path: Path, any_server: Installation) -> None:
    steps = parse(path)
    assert steps, f"{path.name} is empty"
    user, password = any_server.add_user()
    variables = {
        "user": user,
        "password": password,
        "user_octets": str(len(user)),
        "plain": base64.b64encode(f"\0{user}\0{password}".encode()).decode(),
    }
    if any(b"%{other}" in step.text for step in steps):
        variables["other"], variables["other_password"] = any_server.add_user()
    if any(b"%{admin}" in step.text for step in steps):
        variables["admin"], variables["admin_password"] = any_server.add_user(administrator=True)
    Run(lambda: any_server.address("imap"), variables, distributed=any_server.distributed).play(steps)


def test_every_command_has_a_transcript() -> None:
    elsewhere = {
        "appendmessage": "append",
        "cancelupdate": "context",
        "comparator": "rfc5255",
        "language": "rfc5255",
        "replacemessage": "replace",
        "unsubscribe": "subscribe",
    } | dict.fromkeys(QUOTA, "quota")
    elsewhere |= dict.fromkeys(METADATA, "metadata")
    elsewhere |= dict.fromkeys(("setacl", "deleteacl", "getacl", "listrights", "myrights"), "acl")
    wanted = {elsewhere.get(name, name) for name in (row.type.__name__.lower() for row in ROWS)}
    assert wanted <= {path.stem for path in TRANSCRIPTS}
