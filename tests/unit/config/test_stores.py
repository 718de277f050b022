"""What is wrong with the way mail is kept is told before anything starts, without a secret."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from lightmail.backends.mysql.schema import NAME_OCTETS
from lightmail.config.keyfiles import read_key
from lightmail.config.load import read

MYSQL = "mysql://USER:PASSWORD@HOST:PORT/DATABASE"
METADATA = f"expected sqlite://PATH or {MYSQL}"
BODIES = "expected file://PATH or s3://BUCKET/PREFIX"
S3 = '[storage]\nbodies = "s3://mail/x"\n[s3]\n'
DATABASE = '[storage]\nmetadata = "mysql://u:p@h/d"\n[mysql]\n'


def problems(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "lightmail.toml"
    file.write_text(text)
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "there.pem").touch()
    found = read(file, environment={}, options={"server.data": ("--data", str(tmp_path / "d"))}).problems
    return [str(problem).removeprefix(f"{tmp_path}/lightmail.toml:").replace(f"{tmp_path}/", "") for problem in found]


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"{DATABASE}[limits]\nmailbox_name_octets = {NAME_OCTETS}",
        "[limits]\nmailbox_name_octets = 4096\nkeyword_octets = 2048",
        '[storage]\nmetadata = "mariadb://u@[::1]:3307/d"',
        '[storage]\nmetadata = "memory://"\nbodies = "memory://"',
        '[storage]\nbodies = "s3://mail"\nredis = "redis+sentinel://a,b/m"',
        '[storage]\nredis = "unix:///run/redis.sock"\n[redis]\nprefix = "mail:1"',
        '[s3]\nkms_key = "k"\nca = "/nowhere"\n[mysql]\ntls_ca = "/nowhere"\n[redis]\nprefix = ""',
        S3 + 'endpoint = "http://127.0.0.1:9000/"\nstyle = "path"\naccess_key = "a"\nsecret_key = "b"',
        S3 + 'style = "host"\nencryption = "aws:kms"\nkms_key = "alias/mail"',
        S3 + '[node_cache]\npath = "/"\noctets = 0',
    ],
)
def test_possible(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[storage]\nmetadata = "lightmail.sqlite"', f"2: storage.metadata: it is not a URL; {METADATA}"),
        ('[storage]\nmetadata = "postgres://x"', f"2: storage.metadata: unknown scheme postgres://; {METADATA}"),
        ('[storage]\nmetadata = "sqlite://"', f"2: storage.metadata: sqlite:// names no path; {METADATA}"),
        ('[storage]\nmetadata = "mysql://h/d"', f"2: storage.metadata: the URL names no user; expected {MYSQL}"),
        ('[storage]\nmetadata = "mysql://u%ff@h/d"', "not UTF-8; " + METADATA),
        ('[storage]\nbodies = "/srv/mail"', f"2: storage.bodies: it is not a URL; {BODIES}"),
        ('[storage]\nbodies = "sqlite://x"', f"2: storage.bodies: unknown scheme sqlite://; {BODIES}"),
        ('[storage]\nbodies = "s3://x"', "2: storage.bodies: the bucket's name is not 3 to 63"),
        (
            f"{DATABASE}[limits]\nmailbox_name_octets = {NAME_OCTETS + 1}",
            f"5: limits.mailbox_name_octets: the tables in MySQL hold {NAME_OCTETS} octets, not {NAME_OCTETS + 1}; expected",
        ),
        (
            DATABASE + "[limits]\nkeyword_octets = 1025",
            "5: limits.keyword_octets: the tables in MySQL hold 1024 octets",
        ),
        (
            '[storage]\nmetadata = "memory://"',
            "2: storage.metadata: memory:// and file://bodies cannot go together: "
            "what one keeps, the other forgets at the end",
        ),
        (
            '[storage]\nmetadata = "mysql://u:p@h/d"\nbodies = "memory://"',
            "2: storage.metadata: mysql://u:***@h/d and memory:// cannot go together",
        ),
        (
            '[storage]\nmetadata = "memory://"\nbodies = "memory://"\nredis = "redis://h"',
            "4: storage.redis: memory:// shares nothing with other processes; expected no Redis with it",
        ),
        ('[storage]\nredis = "h:6379"', "2: storage.redis: the URL begins with none of redis://"),
        (
            DATABASE + 'tls_ca = "ca.pem"',
            '4: mysql.tls_ca: mysql.tls is "off", so nothing would be encrypted; expected no file, or TLS',
        ),
        (DATABASE + 'tls = "verify"\ntls_ca = "ca.pem"', "5: mysql.tls_ca: no file d/ca.pem"),
        (
            DATABASE + 'tls = "verify"\ntls_key = "there.pem"',
            "mysql.tls_certificate: mysql.tls_certificate and mysql.tls_key go together; expected a file",
        ),
        (
            '[storage]\nredis = "redis://h"\n[redis]\ntls_ca = "/nowhere"',
            "4: redis.tls_ca: storage.redis does not begin with rediss, so nothing would be encrypted",
        ),
        ('[storage]\nredis = "rediss://h"\n[redis]\ntls_ca = "/nowhere"', "4: redis.tls_ca: no file /nowhere"),
        ('[storage]\nredis = "redis://h"\n[redis]\nprefix = ""', "4: redis.prefix: it cannot begin a key"),
        (S3 + 'endpoint = "h:9000"', "4: s3.endpoint: it is no URL of a server; expected http://HOST:PORT"),
        (S3 + 'endpoint = "http://h:x"', "4: s3.endpoint: it is no URL of a server"),
        (S3 + 'endpoint = "https://k:PASSWORD@h"', "4: s3.endpoint: it is no URL of a server"),
        (
            S3 + 'endpoint = "http://[::1]:9000"\nstyle = "host"',
            '5: s3.style: no bucket\'s name can stand before the address ::1; expected "path"',
        ),
        (
            '[storage]\nbodies = "s3://Mail_1"\n[s3]\nstyle = "host"',
            '4: s3.style: the bucket\'s name Mail_1 is no host name; expected "path"',
        ),
        (
            '[storage]\nbodies = "s3://mail.example.org"\n[s3]\nstyle = "host"',
            '4: s3.style: no certificate matches mail.example.org with its dots; expected "path"',
        ),
        (
            S3 + 'access_key = "a"',
            "s3.secret_key: s3.access_key and s3.secret_key go together; expected both, or none",
        ),
        (
            S3 + 'access_key = "a"\nsecret_key = "b"\nprofile = "mail"',
            "6: s3.profile: s3.access_key says already who we are; expected one of them",
        ),
        (S3 + 'ca = "ca.pem"', "4: s3.ca: no file d/ca.pem"),
        (
            S3 + 'kms_key = "k"\nencryption = "AES256"',
            '4: s3.kms_key: s3.encryption is "AES256"; expected "aws:kms" or "aws:kms:dsse" with a key',
        ),
        (
            S3 + "total_timeout_s = 1",
            "4: s3.total_timeout_s: 1 is less than s3.attempt_timeout_s (10); expected at least that",
        ),
        (S3 + '[node_cache]\npath = "."', "5: node_cache.path: d holds the data folder; expected a folder of its own"),
        (S3 + '[node_cache]\npath = "/"', "5: node_cache.path: / holds the data folder; expected a folder of its own"),
        (S3 + '[node_cache]\npath = "/dev/null"', "5: node_cache.path: /dev/null is not a folder"),
    ],
)
def test_impossible(tmp_path: Path, text: str, told: str) -> None:
    (problem,) = problems(tmp_path, text)
    assert told in problem
    assert "PASSWORD@h" not in problem
    assert ":p@" not in problem


def test_memory_is_of_one_process(tmp_path: Path) -> None:
    text = '[server]\nworkers = 2\n[storage]\nmetadata = "memory://"\nbodies = "memory://"'
    assert "2: server.workers: memory:// shares nothing with other processes; expected 1 with it" in problems(
        tmp_path, text
    )


KEY = "0011223344556677" * 4


@pytest.mark.parametrize("text", [KEY, KEY.upper() + "\n", base64.b64encode(bytes.fromhex(KEY)).decode() + "\n"])
def test_a_key_is_hexadecimal_or_base64(tmp_path: Path, text: str) -> None:
    key_file(tmp_path, text, 0o640)
    keys = f'[encryption]\nactive = "a"\nkeys = {{ a = "{tmp_path}/key" }}'
    assert problems(tmp_path, keys) == []
    assert read_key(tmp_path / "key") == bytes.fromhex(KEY)


@pytest.mark.parametrize(
    ("text", "mode", "told"),
    [
        (KEY[:-2], 0o600, "key holds no key; expected 32 octets in hexadecimal or base64"),
        ("é" * 32, 0o600, "key holds no key"),
        (KEY * 100, 0o600, "key holds no key"),
        (KEY, 0o644, "others may use the key file key (mode 0644); expected 0600 or 0640"),
        (KEY, 0o660, "others may use the key file key (mode 0660)"),
    ],
)
def test_a_file_is_no_key_that_holds_none_or_that_others_have(tmp_path: Path, text: str, mode: int, told: str) -> None:
    key_file(tmp_path, text, mode)
    (found,) = problems(tmp_path, f'[encryption.keys]\na = "{tmp_path}/key"')
    assert told in found and "encryption.keys.a" in found and KEY not in found


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[encryption]\nactive = "b"', 'encryption.active: "b" is not in encryption.keys; expected a key'),
        ('[encryption.keys]\na = "none"', "encryption.keys.a: the key file d/none cannot be read: No such file"),
        ('[encryption.keys]\n"A.b" = "none"', "encryption.keys.A.b: it cannot end the names of objects"),
    ],
)
def test_keys_that_cannot_be(tmp_path: Path, text: str, told: str) -> None:
    (found,) = problems(tmp_path, text)
    assert told in found


def key_file(folder: Path, text: str, mode: int) -> None:
    path = folder / "key"
    path.write_text(text)
    path.chmod(mode)
