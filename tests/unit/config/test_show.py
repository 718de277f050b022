"""What `config show` tells, and that it tells no secret."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from lightmail.config.addresses import ListenAddress, hide_secrets, parse_listen
from lightmail.config.lines import key_lines, line_of
from lightmail.config.load import KEYS, read
from lightmail.config.sections import S3, Config, Storage
from lightmail.config.show import effective, toml_value


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("mysql://anna:s3cret@db:3306/mail", "mysql://anna:***@db:3306/mail"),
        ("mysql://anna:p@ss/w:rd@db/mail", "mysql://anna:***@db/mail"),
        ("redis://:s3cret@h", "redis://:***@h"),
        ("s3://b/p?endpoint=http://h:9000&secret_key=s3cret&x=1", "s3://b/p?endpoint=http://h:9000&secret_key=***&x=1"),
        ("mysql://us/er@corp:s3cret@db/mail", "mysql://us/er@corp:***@db/mail"),
        ("redis+sentinel://u:s3cret@a:1,b:2/m/0", "redis+sentinel://u:***@a:1,b:2/m/0"),
        ("unix://u:s3cret@/run/redis.sock?db=0", "unix://u:***@/run/redis.sock?db=0"),
        ("sqlite://lightmail.sqlite", "sqlite://lightmail.sqlite"),
        ("tls://127.0.0.1:1993", "tls://127.0.0.1:1993"),
    ],
)
def test_secrets_are_hidden(url: str, shown: str) -> None:
    assert hide_secrets(url) == shown


def test_every_key_is_shown_with_its_origin() -> None:
    found = read(environment={"LIGHTMAIL_STORAGE__REDIS": "redis://u:s3cret@h"})
    rows = {row.key: row for row in effective(found)}
    assert rows.keys() == KEYS.keys()
    assert rows["storage.redis"].value == "redis://u:***@h"
    assert rows["storage.redis"].origin == "LIGHTMAIL_STORAGE__REDIS"
    assert rows["s3.secret_key"].value == ""
    assert rows["imap.listen"].value == ["127.0.0.1:1143", "tls://127.0.0.1:1993"]


def test_the_secrets_of_the_stores_are_not_shown() -> None:
    environment = {
        "LIGHTMAIL_STORAGE__METADATA": "mysql://u:s3cret@h/d",
        "LIGHTMAIL_S3__ACCESS_KEY": "KEYID",
        "LIGHTMAIL_S3__SECRET_KEY": "s3cret",
        "LIGHTMAIL_S3__ENDPOINT": "https://u:s3cret@h",
    }
    rows = {row.key: row.value for row in effective(read(environment=environment))}
    assert rows["storage.metadata"] == "mysql://u:***@h/d"
    assert (rows["s3.access_key"], rows["s3.secret_key"]) == ("KEYID", "***")
    assert "s3cret" not in str(rows)


@pytest.mark.parametrize(
    "value", [True, 3, 2.5, "a", 'q"uo\\te', "\\Sent", "it's \\x", ["a", "b"], [], {"Sent Items": "\\Sent", "X": ""}]
)
def test_values_are_shown_as_toml(value: Any) -> None:
    assert tomllib.loads(f"x = {toml_value(value)}")["x"] == value


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:1143", ListenAddress("127.0.0.1", 1143, "", tls=False)),
        ("tcp://localhost:0", ListenAddress("localhost", 0, "", tls=False)),
        ("tls://[::1]:993", ListenAddress("::1", 993, "", tls=True)),
        (":143", ListenAddress("0.0.0.0", 143, "", tls=False)),
        ("unix://lmtp.sock", ListenAddress("", 0, "lmtp.sock", tls=False)),
        ("unix:///run/lmtp.sock", ListenAddress("", 0, "/run/lmtp.sock", tls=False)),
    ],
)
def test_listen_forms(text: str, address: ListenAddress) -> None:
    assert parse_listen(text) == address


def test_lines_of_keys_in_every_form_of_toml() -> None:
    text = (
        '# "comment" [x]\n'
        "top.level = 1\n"
        '"quoted key" = """\n'
        "multi [line] = 3\n"
        'quote \\""" inside"""\n'
        "\n"
        "[a.b]\r\n"
        "c = '''x\n"
        "y'''\n"
        'd = [ # "\n'
        "  { e = ']' },\n"
        "  'f#',\n"
        "\n"
        "  [3, 4], 5,\n"
        "]\n"
        "[[g]]\n"
        "h = { i = 1, j = [1,\n"
        "2] }\n"
        "k = 2 # end\n"
    )
    tomllib.loads(text)
    lines = key_lines(text)
    expected = {
        ("top", "level"): 2,
        ("quoted key",): 3,
        ("a", "b"): 7,
        ("a", "b", "c"): 8,
        ("a", "b", "d"): 10,
        ("a", "b", "d", 0): 11,
        ("a", "b", "d", 1): 12,
        ("a", "b", "d", 2): 14,
        ("a", "b", "d", 3): 14,
        ("g",): 16,
        ("g", "h"): 17,
        ("g", "k"): 19,
    }
    assert lines == expected
    assert line_of(lines, ("g", "h", "j", 1)) == 17
    assert line_of(lines, ("nothing",)) is None


def test_no_section_shows_a_secret_when_it_is_printed() -> None:
    storage = Storage(metadata="mysql://lm:s3cret@db/mail", redis="rediss://:s3cret@cache/0")
    config = Config(storage=storage, s3=S3(access_key="AKIA", secret_key="s3cret"))
    for text in (repr(config), str(config.s3), f"{storage}"):
        assert "s3cret" not in text
    assert "secret_key='***'" in repr(config) and "access_key='AKIA'" in repr(config)
    assert "mysql://lm:***@db/mail" in repr(config)
