"""What is read, from where, and how each mistake is told: source, line, key, and what was expected."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from lightmail.config import Config
from lightmail.config.load import Reading, load, read
from lightmail.errors import ConfigError


def reading(tmp_path: Path, text: str, environment: Mapping[str, str] | None = None) -> Reading:
    file = tmp_path / "lightmail.toml"
    file.write_text(text)
    return read(file, environment=environment or {})


def problems(tmp_path: Path, text: str, environment: Mapping[str, str] | None = None) -> list[str]:
    """Without the folder of the file."""
    found = reading(tmp_path, text, environment).problems
    return [str(problem).replace(f"{tmp_path}/", "") for problem in found]


ISSUE_EXAMPLE = """
[server]
data = "./lightmail-data"
hostname = "mail.example.org"
workers = 1
[imap]
listen = ["127.0.0.1:1143", "tls://127.0.0.1:1993"]    # plain ones offer STARTTLS
[lmtp]
listen = ["127.0.0.1:2424", "unix://lmtp.sock"]        # relative paths are below data
[http]
listen = []
[tls]
certificate = "cert.pem"
key = "key.pem"
[storage]
metadata = "sqlite://lightmail.sqlite"
bodies = "file://bodies"
redis = ""
[auth]
plaintext_without_tls = "loopback"                     # never | loopback | always
[limits]
[log]
"""


def test_the_documented_example_is_the_default(tmp_path: Path) -> None:
    found = reading(tmp_path, ISSUE_EXAMPLE)
    assert found.problems == ()
    default = Config()
    for section in ("imap", "lmtp", "http", "tls", "storage", "auth", "limits", "log"):
        assert getattr(found.config, section) == getattr(default, section)
    assert found.config.server.hostname == "mail.example.org"
    assert found.config.data == tmp_path / "lightmail-data"


def test_relative_paths_are_below_data() -> None:
    config = load(environment={"LIGHTMAIL_SERVER__DATA": "/srv/mail"})
    assert config.path("lmtp.sock") == Path("/srv/mail/lmtp.sock")
    assert config.path("/etc/ssl/cert.pem") == Path("/etc/ssl/cert.pem")


def test_environment_over_file_over_default(tmp_path: Path) -> None:
    text = '[log]\nlevel = "debug"\nformat = "json"\n'
    found = reading(tmp_path, text, {"LIGHTMAIL_LOG__LEVEL": "error", "HOME": "/root"})
    assert found.problems == ()
    assert (found.config.log.level, found.config.log.format) == ("error", "json")
    assert found.origins["log.level"] == "LIGHTMAIL_LOG__LEVEL"
    assert found.origins["log.format"] == f"{tmp_path}/lightmail.toml:3"
    assert found.origins["limits.nesting"] == "default"


def test_options_over_environment(tmp_path: Path) -> None:
    found = read(environment={"LIGHTMAIL_SERVER__DATA": "/env"}, options={"server.data": ("--data", str(tmp_path))})
    assert found.config.data == tmp_path
    assert found.origins["server.data"] == "--data"


@pytest.mark.parametrize(
    ("variable", "text", "key", "value"),
    [
        ("LIGHTMAIL_IMAP__LISTEN", "127.0.0.1:0, tls://[::1]:0", "imap.listen", ("127.0.0.1:0", "tls://[::1]:0")),
        ("LIGHTMAIL_HTTP__LISTEN", "", "http.listen", ()),
        ("LIGHTMAIL_LIMITS__NESTING", "7", "limits.nesting", 7),
        ("LIGHTMAIL_AUTH__CACHE_S", "1.5", "auth.cache_s", 1.5),
        ("LIGHTMAIL_MAIL__SUBSCRIBE", "no", "mail.subscribe", False),
        ("LIGHTMAIL_MAIL__SUBSCRIBE", "TRUE", "mail.subscribe", True),
        ("LIGHTMAIL_MAIL__SPECIAL_USE", r"Sent=\Sent, Notes=", "mail.special_use", {"Sent": "\\Sent", "Notes": ""}),
    ],
)
def test_environment_forms(variable: str, text: str, key: str, value: object) -> None:
    found = read(environment={variable: text})
    assert found.problems == ()
    section, name = key.split(".")
    assert getattr(getattr(found.config, section), name) == value
    assert found.origins[key] == variable


def test_configuration_file_by_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "here.toml"
    file.write_text("[limits]\nnesting = 9\n")
    assert load(environment={"LIGHTMAIL_CONFIG": str(file)}).limits.nesting == 9
    monkeypatch.chdir(tmp_path)
    assert load(environment={}).limits.nesting == 32
    file.rename(tmp_path / "lightmail.toml")
    assert load(environment={}).limits.nesting == 9


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[imap]\nlistn = []", "lightmail.toml:2: imap.listn: unknown key; did you mean imap.listen?"),
        ("[imapp]\n", "lightmail.toml:1: imapp: unknown section; did you mean imap?"),
        (
            "[zzz]\n",
            "lightmail.toml:1: zzz: unknown section; expected one of "
            "server, imap, lmtp, http, tls, storage, encryption, mysql, s3, redis, node_cache, changes, auth,"
            " auth_policy, auth.sql, oauth, access, limits, mail, quota, sharing, upkeep, log",
        ),
        ("\n[server]\nnesting = 3", "lightmail.toml:3: server.nesting: unknown key; did you mean limits.nesting?"),
        ("[http]\nqqq = 1", "lightmail.toml:2: http.qqq: unknown key; expected one of listen"),
        ("imap = 3", "lightmail.toml:1: imap: expected a table: [imap]"),
        (
            '[limits]\nnesting = "3"',
            'lightmail.toml:2: limits.nesting: expected a whole number of at least 1, found "3"',
        ),
        (
            "[limits]\nnesting = 0",
            "lightmail.toml:2: limits.nesting: expected a whole number of at least 1, found the number 0",
        ),
        (
            "[limits]\nnesting = true",
            "lightmail.toml:2: limits.nesting: expected a whole number of at least 1, found true",
        ),
        ("[s3]\nsecret_key = 12345", "lightmail.toml:2: s3.secret_key: expected a text"),
        ("[mail]\nsubscribe = 1", "lightmail.toml:2: mail.subscribe: expected true or false, found the number 1"),
        ('[imap]\nlisten = "x:1"', 'lightmail.toml:2: imap.listen: expected a list of texts, found "x:1"'),
        (
            '[imap]\nlisten = [ # [ "\n  "127.0.0.1:1",\n\n  7 ]',
            "lightmail.toml:5: imap.listen[1]: expected a text, found the number 7",
        ),
        (
            '[log]\nlevel = "loud"',
            'lightmail.toml:2: log.level: expected one of "debug", "error", "info", "warning", found "loud"',
        ),
        ('[server]\ndata = ""', 'lightmail.toml:2: server.data: expected a text that is not empty, found ""'),
        (
            "[auth]\nargon2_lanes = 65",
            "lightmail.toml:2: auth.argon2_lanes: expected a whole number from 1 to 64, found the number 65",
        ),
        (
            "[mail]\nspecial_use = []",
            "lightmail.toml:2: mail.special_use: expected a table of texts (NAME = TEXT), found a list",
        ),
        ("[tls]\nkey = 'a\n", 'lightmail.toml:2: not TOML: Expected "\'" (at end of document)'),
        ("[tls]\nkey = = 1\n", "lightmail.toml:2: not TOML: Invalid value at column 7"),
        ("[tls]\n[tls]\n", "lightmail.toml:2: not TOML: Cannot declare ('tls',) twice at column 5"),
    ],
)
def test_what_is_wrong_in_a_file(tmp_path: Path, text: str, told: str) -> None:
    (problem,) = problems(tmp_path, text)
    assert _sorted_choices(problem) == _sorted_choices(told)


def _sorted_choices(text: str) -> str:
    """The order of a Literal's choices is not promised here."""
    head, mark, tail = text.partition("expected one of ")
    return head + mark + "".join(sorted(tail))


@pytest.mark.parametrize(
    ("variable", "text", "told"),
    [
        ("LIGHTMAIL_IMAP__LISTN", "x", "LIGHTMAIL_IMAP__LISTN: imap.listn: unknown key; did you mean imap.listen?"),
        ("LIGHTMAIL_IMAPP__LISTEN", "x", "LIGHTMAIL_IMAPP__LISTEN: imapp: unknown section; did you mean imap?"),
        (
            "LIGHTMAIL_LIMITS__NESTING",
            "few",
            "LIGHTMAIL_LIMITS__NESTING: limits.nesting: expected a whole number of at least 1, found 'few'",
        ),
        (
            "LIGHTMAIL_MAIL__SUBSCRIBE",
            "maybe",
            "LIGHTMAIL_MAIL__SUBSCRIBE: mail.subscribe: expected true or false, found 'maybe'",
        ),
        (
            "LIGHTMAIL_MAIL__SPECIAL_USE",
            "Sent",
            "LIGHTMAIL_MAIL__SPECIAL_USE: mail.special_use: expected a table of texts (NAME = TEXT), found 'Sent'",
        ),
    ],
)
def test_what_is_wrong_in_the_environment(variable: str, text: str, told: str) -> None:
    (problem,) = read(environment={variable: text}).problems
    assert str(problem) == told


def test_all_problems_are_told_and_load_raises_the_first(tmp_path: Path) -> None:
    text = "[imap]\nlistn = 1\n[limits]\nnesting = 0\nliterals = 0\n"
    assert len(problems(tmp_path, text)) == 3
    with pytest.raises(ConfigError) as raised:
        load(tmp_path / "lightmail.toml", environment={})
    assert (raised.value.source, raised.value.key) == (f"{tmp_path}/lightmail.toml:2", "imap.listn")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    (problem,) = read(tmp_path / "no.toml", environment={}).problems
    assert str(problem) == f"{tmp_path}/no.toml: cannot be read: No such file or directory"


def test_a_file_that_is_not_utf8(tmp_path: Path) -> None:
    file = tmp_path / "lightmail.toml"
    file.write_bytes(b'[server]\nhostname = "\xff"\n')
    (problem,) = read(file, environment={}).problems
    assert "octet 21 is not UTF-8" in str(problem)
