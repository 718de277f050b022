"""`lightmail db` on MariaDB, S3 and Redis, and what other commands say of a database that is not as they need it."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from lightmail.cli.main import run
from lightmail.config.show import toml_value
from tests.support.services import Redis, S3Server, Services, SqlServer, free_port, sql_server, wait_until
from tests.unit.cli.runner import Called

pytestmark = pytest.mark.integration


class Lightmail:
    """The command with a configuration of its own."""

    def __init__(self, folder: Path, config: Mapping[str, Mapping[str, Any]]) -> None:
        self.file = folder / "lightmail.toml"
        sections: Mapping[str, Mapping[str, Any]]
        sections = {"server": {"data": "data"}, "imap": {"listen": ["127.0.0.1:0"]}, "lmtp": {"listen": []}, **config}
        self.file.write_text(
            "".join(
                f"[{name}]\n" + "".join(f"{key} = {toml_value(value)}\n" for key, value in keys.items())
                for name, keys in sections.items()
            )
        )

    def __call__(self, *arguments: str) -> Called:
        """In this process."""
        with CliRunner(env={"LIGHTMAIL_AUTH__ARGON2_MEMORY_KIB": "8"}).isolation() as (out, err, _):
            code = run([*arguments, "--config", str(self.file)])
        return Called(code, out.getvalue().decode(), err.getvalue().decode())

    @contextlib.contextmanager
    def serving(self) -> Iterator[tuple[subprocess.Popen[str], Path]]:
        """`lightmail serve`, started, and its log; killed at the end."""
        log = self.file.with_name("log")
        with log.open("w") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "lightmail.cli.main", "serve", "--config", str(self.file)],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        with process:
            try:
                yield process, log
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    def ok(self, *arguments: str) -> str:
        done = self(*arguments)
        assert done.code == 0, done
        return done.out

    def json(self, *arguments: str, code: int = 0) -> Any:
        done = self(*arguments, "--json")
        assert done.code == code, done
        return done.json


@pytest.fixture
def mariadb(services: Services) -> SqlServer:
    return services.sql


@pytest.fixture
def url(mariadb: SqlServer) -> Iterator[str]:
    url = mariadb.new_database()
    yield url
    mariadb.drop(url)


@pytest.fixture
def lightmail(tmp_path: Path, url: str) -> Lightmail:
    return Lightmail(tmp_path, {"storage": {"metadata": url}})


def test_an_empty_database_is_told_by_every_command(lightmail: Lightmail) -> None:
    row = lightmail.json("db", "status", code=1)
    assert (row["found"], row["usable"], row["pending"][0]) == (0, False, 1)
    assert row["server"].startswith(("MariaDB 1", "MySQL "))
    assert row["advice"] == "no LightMail schema; `lightmail db upgrade` makes it"
    for arguments in (("serve",), ("user", "list")):
        done = lightmail(*arguments)
        assert done.code == 1
        assert "the database has no LightMail schema; run `lightmail db upgrade`\n" in done.err
        assert "Traceback" not in done.err
    (finding,) = lightmail.json("db", "check", code=1)["findings"]
    assert "lightmail db upgrade" in finding["text"]


def test_upgrade_makes_the_schema_once(lightmail: Lightmail, url: str) -> None:
    assert lightmail.ok("db", "upgrade").endswith(" made\n")
    assert lightmail.ok("db", "upgrade").endswith(": nothing to do\n")
    row = lightmail.json("db", "status")
    assert (row["found"], row["pending"], row["usable"]) == (row["expected"], [], True)
    assert row["database"] == url
    assert [each for each in lightmail.json("db", "check")["findings"] if each["serious"]] == []
    added = lightmail.json("user", "add", "ann@example.org", "--generate")
    assert added["address"] == "ann@example.org"
    assert [each["address"] for each in lightmail.json("user", "list")] == ["ann@example.org"]


def test_a_schema_of_another_release_is_refused(lightmail: Lightmail, mariadb: SqlServer, url: str) -> None:
    lightmail.ok("db", "upgrade")
    database = url.rpartition("/")[2]
    current = lightmail.json("db", "status")["found"]
    mariadb.run(f"INSERT INTO {database}.schema_version VALUES ({current + 2}, {current + 2}, 0)")
    row = lightmail.json("db", "status", code=1)
    assert row["advice"].startswith("of a later release")
    for arguments in (("serve",), ("db", "upgrade"), ("user", "list")):
        done = lightmail(*arguments)
        assert done.code == 1
        assert f"has schema version {current + 2}, this program needs {current}; use a newer release" in done.err
    mariadb.run(f"DELETE FROM {database}.schema_version")
    done = lightmail("user", "list")
    assert (done.code, "run `lightmail db upgrade`" in done.err) == (1, True)


def test_a_later_release_that_has_only_added_is_worked_with(lightmail: Lightmail, mariadb: SqlServer, url: str) -> None:
    lightmail.ok("db", "upgrade")
    current = lightmail.json("db", "status")["found"]
    mariadb.run(f"INSERT INTO {url.rpartition('/')[2]}.schema_version VALUES ({current + 1}, {current}, 0)")
    assert lightmail.json("db", "status")["usable"]
    assert lightmail.ok("db", "upgrade").endswith(": nothing to do\n")
    lightmail.ok("user", "list")


@pytest.mark.parametrize("arguments", [("db", "status"), ("db", "upgrade"), ("user", "list")])
def test_a_database_that_is_away_is_one_line(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    url = f"mysql://lm:s3cret@127.0.0.1:{free_port()}/lightmail"
    done = Lightmail(tmp_path, {"storage": {"metadata": url}})(*arguments)
    assert done.code == 1
    assert done.err.splitlines()[-1].startswith("lightmail: the metadata database (")
    assert "Traceback" not in done.err
    assert "s3cret" not in done.err


def test_a_wrong_password_is_told_without_it(tmp_path: Path, mariadb: SqlServer) -> None:
    url = f"mysql://nobody:s3cret@127.0.0.1:{mariadb.port}/lightmail"
    done = Lightmail(tmp_path, {"storage": {"metadata": url}})("db", "check")
    assert done.code == 1
    assert "problem: MySQL: the metadata database (Access denied for user 'nobody'@" in done.err
    assert "s3cret" not in done.err


def test_what_is_configured_is_asked(tmp_path: Path, services: Services, url: str) -> None:
    bucket = services.s3.new_bucket()
    config = services.s3.config(bucket)
    config["storage"] |= {"metadata": url, "redis": services.redis.url}
    lightmail = Lightmail(tmp_path, config)
    lightmail.ok("db", "upgrade")
    assert [each for each in lightmail.json("db", "check")["findings"] if each["serious"]] == []
    assert [path for path in services.s3.bucket_folder(bucket).rglob("*") if path.is_file()] == []


def test_s3_and_redis_that_are_not_there_are_told(tmp_path: Path, services: Services, url: str) -> None:
    config = services.s3.config("no-such-bucket")
    config["storage"] |= {"metadata": url, "redis": f"redis://lm:s3cret@127.0.0.1:{free_port()}/0"}
    lightmail = Lightmail(tmp_path, config)
    lightmail.ok("db", "upgrade")
    findings = [each for each in lightmail.json("db", "check", code=1)["findings"] if each["serious"]]
    assert [each["where"] for each in findings] == ["S3", "Redis"]
    done = lightmail("db", "check")
    assert S3Server.secret_key not in done.err
    assert "s3cret" not in done.err


def test_a_redis_that_refuses_is_told(tmp_path: Path, url: str) -> None:
    with Redis(tmp_path / "redis", "--requirepass", "s3cret") as redis:
        wrong = Lightmail(tmp_path, {"storage": {"metadata": url, "redis": redis.url}})
        wrong.ok("db", "upgrade")
        findings = [each for each in wrong.json("db", "check", code=1)["findings"] if each["serious"]]
        assert [each["where"] for each in findings] == ["Redis"]
        right = Lightmail(tmp_path, {"storage": {"metadata": url, "redis": f"redis://:s3cret@127.0.0.1:{redis.port}"}})
        assert [each for each in right.json("db", "check")["findings"] if each["serious"]] == []


@pytest.mark.parametrize("workers", [1, 2])
def test_a_server_waits_for_a_database_that_comes_late(tmp_path: Path, workers: int) -> None:
    with sql_server(tmp_path / "sql") as mariadb:
        url = mariadb.new_database()
        lightmail = Lightmail(tmp_path, {"storage": {"metadata": url}, "server": {"data": "data", "workers": workers}})
        lightmail.ok("db", "upgrade")
        mariadb.stop()
        with lightmail.serving() as (process, log):
            wait_until(lambda: "waiting for the database" in log.read_text(), 30, "it does not wait")
            assert process.poll() is None
            mariadb.start()
            assert process.stdout is not None
            assert "ready\n" in iter(process.stdout.readline, "")
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0


def test_a_server_that_waits_can_be_stopped(tmp_path: Path) -> None:
    url = f"mysql://lm@127.0.0.1:{free_port()}/lightmail"
    with Lightmail(tmp_path, {"storage": {"metadata": url}}).serving() as (process, log):
        wait_until(lambda: "waiting for the database" in log.read_text(), 30, "it does not wait")
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) in (0, -signal.SIGTERM)


def test_the_grants_of_the_page_are_enough(tmp_path: Path, mariadb: SqlServer, url: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "production.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    database = url.rpartition("/")[2]
    users = {name: f"{name}_{secrets.token_hex(4)}" for name in ("lightmail", "lightmail_upgrade")}
    statements = [each.strip() for each in block.split(";") if each.strip()]
    assert statements[0].startswith("CREATE DATABASE lightmail ")
    for statement in statements[1:]:
        statement = statement.replace("lightmail.*", f"{database}.*").replace("'…'", "'s3cret'")
        for name, unique in users.items():
            statement = statement.replace(f"'{name}'@", f"'{unique}'@")
        mariadb.run(statement)

    def as_user(name: str) -> Lightmail:
        place = f"{users[name]}:s3cret@127.0.0.1:{mariadb.port}/{database}"
        (tmp_path / name).mkdir()
        return Lightmail(tmp_path / name, {"storage": {"metadata": f"mysql://{place}"}})

    serving = as_user("lightmail")
    refused = serving("db", "upgrade")
    assert refused.code == 1
    assert "denied" in refused.err
    as_user("lightmail_upgrade").ok("db", "upgrade")
    assert [each for each in serving.json("db", "check")["findings"] if each["serious"]] == []
    serving.ok("user", "add", "ann@example.org", "--generate")
    serving.ok("user", "delete", "ann@example.org", "--yes")
