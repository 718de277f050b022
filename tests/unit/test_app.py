"""The composition root: what is imported for what is configured, and who waits for whom at the start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from lightmail import app
from lightmail.config import Config, Server, Storage
from lightmail.errors import SchemaMismatch, Unavailable
from lightmail.obs.metrics import families
from tests.support.aio import run

DRIVERS = ("aioboto3", "aiobotocore", "aiohttp", "aiomysql", "boto3", "botocore", "pymysql", "redis")
NOWHERE = "127.0.0.1:1"
"""Nobody listens there."""

_PROGRAM = """
import asyncio, json, sys
from lightmail.app import open_store
from lightmail.config.load import load

async def open_it():
    async with open_store(load(options={"server.data": ("", sys.argv[1])})):
        pass

asyncio.run(open_it())
print(json.dumps(list(sys.modules)))
"""


def _imported(data: Path, environment: Mapping[str, str]) -> set[str]:
    """By opening the store, which must succeed."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(data)],
        env=os.environ | environment,
        cwd=data.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


S3 = {
    "LIGHTMAIL_STORAGE__BODIES": "s3://mail",
    "LIGHTMAIL_S3__ENDPOINT": f"http://{NOWHERE}",
    "LIGHTMAIL_S3__ACCESS_KEY": "key",
    "LIGHTMAIL_S3__SECRET_KEY": "secret",
}
REDIS = {"LIGHTMAIL_STORAGE__REDIS": f"redis://{NOWHERE}"}


@pytest.mark.parametrize(
    ("environment", "rooms", "drivers"),
    [
        ({}, set(), set()),
        (
            {"LIGHTMAIL_STORAGE__METADATA": "memory://", "LIGHTMAIL_STORAGE__BODIES": "memory://"},
            set(),
            set(),
        ),
        (S3, {"s3"}, {"aiohttp"}),
        (S3 | {"LIGHTMAIL_NODE_CACHE__OCTETS": "0"}, {"s3"}, {"aiohttp"}),
        (REDIS, {"redis"}, {"redis"}),
    ],
)
def test_only_what_is_configured_is_imported(
    tmp_path: Path, environment: Mapping[str, str], rooms: set[str], drivers: set[str]
) -> None:
    """S3 and Redis are away meanwhile, and nobody minds."""
    imported = _imported(tmp_path / "data", environment)
    assert imported & set(DRIVERS) == drivers
    distant = {room for room in ("mysql", "s3", "redis") if f"lightmail.backends.{room}" in imported}
    assert distant == rooms


def test_a_database_that_comes_late_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "_RETRY_S", 0.0)
    tries = iter([Unavailable("the database"), Unavailable("the database"), None])

    async def open_it() -> str:
        error = next(tries)
        if error is not None:
            raise error
        return "open"

    assert run(app._patiently(60.0, open_it)) == "open"


def test_patience_ends_and_is_for_what_may_pass_only() -> None:
    async def away() -> None:
        raise Unavailable("the database")

    async def too_old() -> None:
        raise SchemaMismatch(0, 1)

    with pytest.raises(Unavailable):
        run(app._patiently(0.0, away))
    with pytest.raises(SchemaMismatch):
        run(app._patiently(60.0, too_old))


def test_files_are_relative_to_the_data_folder() -> None:
    given = {"tls_ca": "ca.pem", "tls_certificate": "/etc/c.pem", "tls_key": ""}
    config = Config(server=Server(data="/srv/mail", hostname="h"), storage=Storage())
    config = msgspec.structs.replace(config, mysql=msgspec.structs.replace(config.mysql, **given))
    found = app._effective(config)
    assert (found.mysql.tls_ca, found.mysql.tls_certificate, found.mysql.tls_key) == (
        "/srv/mail/ca.pem",
        "/etc/c.pem",
        "",
    )
    assert app._effective(found) == found


def test_statements_are_among_the_numbers_of_the_process(tmp_path: Path) -> None:
    async def test() -> None:
        async with app.open_store(Config(server=Server(data=str(tmp_path / "data")))) as store:
            before = _statements()
            await store.mail.directory.list_users()
            assert _statements() == before + 1

    run(test())


def _statements() -> float:
    (family,) = (each for each in families() if each.name == "sql_statements")
    return dict(family.numbers)["sqlite",]
