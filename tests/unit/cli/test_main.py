"""The command itself: help without imports, versions, the configuration, exit codes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import lightmail as package
from lightmail.cli import main, output
from tests.unit.cli.runner import Command


def test_every_command_of_the_table_has_its_file_and_help() -> None:
    for name, (_, _, text) in main._COMMANDS.items():
        command = main.cli.get_command(None, name)  # type: ignore[arg-type]
        assert command is not None and command.help
        assert text.endswith(".")


def test_help_imports_no_command() -> None:
    program = (
        "import sys; from lightmail.cli.main import run; run(['--help']);"
        "print([m for m in sys.modules if m.split('.')[0] in ('rich', 'asyncio', 'structlog', 'cryptography')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")
    assert "Run the server." in done.stdout


def test_version(lightmail: Command) -> None:
    assert lightmail.ok("version", data=False).out == f"LightMail {package.__version__}\n"
    assert lightmail.ok("version", "--json", data=False).json["lightmail"] == package.__version__


def test_config_check(lightmail: Command) -> None:
    assert lightmail.ok("config", "check").out == "the defaults: no problems\n"
    (lightmail.data.parent / "bad.toml").write_text("[imap]\nlistn = []\n[limits]\nnesting = 0\n")
    called = lightmail("config", "check", "--config", "bad.toml")
    assert called.code == 1
    assert called.err.splitlines() == [
        "bad.toml:2: imap.listn: unknown key; did you mean imap.listen?",
        "bad.toml:4: limits.nesting: expected a whole number of at least 1, found the number 0",
    ]
    told = lightmail("config", "check", "--config", "bad.toml", "--json")
    assert told.code == 1
    assert [problem["key"] for problem in told.json["problems"]] == ["imap.listn", "limits.nesting"]


def test_config_show(lightmail: Command) -> None:
    (lightmail.data.parent / "lightmail.toml").write_text('[log]\nlevel = "error"\n')
    shown = lightmail.ok("config", "show", "--json").json
    assert shown["log.level"] == {"value": "error", "origin": "lightmail.toml:2"}
    assert shown["server.data"] == {"value": str(lightmail.data), "origin": "--data"}
    assert shown["limits.nesting"] == {"value": 32, "origin": "default"}
    text = lightmail.ok("config", "show", "--changed").out
    assert text == (
        f'[server]\ndata = "{lightmail.data}"  # --data\n\n'
        "[auth]\nargon2_memory_kib = 8  # LIGHTMAIL_AUTH__ARGON2_MEMORY_KIB\n\n"
        '[log]\nlevel = "error"  # lightmail.toml:2\n'
    )


def test_config_show_hides_secrets_of_what_it_refuses(lightmail: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIGHTMAIL_STORAGE__METADATA", "mysql://anna:s3cret@db/ma/il")
    called = lightmail("config", "show")
    assert called.code == 1
    assert "the URL names no database" in called.err
    assert "mysql://anna:***@db/ma/il" in called.out
    assert "s3cret" not in called.out + called.err


def test_a_bad_configuration_stops_every_command(lightmail: Command) -> None:
    (lightmail.data.parent / "lightmail.toml").write_text("[imap]\nlistn = []\n[limits]\nnesting = 0\n")
    called = lightmail("user", "add", "anna@example.org", "--generate")
    assert called.code == 1
    assert called.err.count("lightmail: lightmail.toml:") == 2
    assert not lightmail.data.exists()


def test_only_a_server_needs_the_certificate(lightmail: Command) -> None:
    (lightmail.data.parent / "lightmail.toml").write_text('[tls]\ncertificate = "/none.pem"\nkey = "/none.key"\n')
    assert lightmail.ok("db", "upgrade").out.endswith(" made\n")
    assert lightmail.ok("user", "list", "--json").json == []
    for command in (("serve",), ("config", "check")):
        called = lightmail(*command)
        assert called.code == 1
        assert "tls.certificate: no file /none.pem" in called.err and "tls.key: no file /none.key" in called.err


def test_usage_errors(lightmail: Command) -> None:
    assert lightmail("nonsense", data=False).code == 2
    assert lightmail("user", "list", "--nonsense").code == 2


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "yes"), (["a", "b"], "a b"), (3, "3"), ("a\x1b[31m\n", "a\\x1b[31m\\x0a"), ("Entwürfe", "Entwürfe")],
)
def test_control_characters_do_not_reach_a_terminal(value: object, text: str) -> None:
    assert output.printable(value) == text


@pytest.mark.parametrize(
    ("octets", "words"), [(0, "0 octets"), (1023, "1023 octets"), (1536, "1.5 KiB"), (5 * 2**30, "5.0 GiB")]
)
def test_octets_in_words(octets: int, words: str) -> None:
    assert output.octets_in_words(octets) == words


def test_json_is_readable_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json({"name": "Entwürfe"})
    out = capsys.readouterr().out
    assert "Entwürfe" in out and json.loads(out) == {"name": "Entwürfe"}
