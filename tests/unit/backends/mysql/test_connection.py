"""Connections to a real server: how they are set up, made safe, and given up."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from lightmail.backends.mysql import connection as connection_module
from lightmail.backends.mysql.statements import Statements
from lightmail.config.addresses import MysqlUrl, parse_mysql
from lightmail.errors import Unavailable
from tests.support.aio import run
from tests.support.faults.proxy import Proxy
from tests.support.services import MariaDb, SqlServer, free_port, sql_server
from tests.unit.backends.mysql.house import connection_id, counters, counts, opened

pytestmark = pytest.mark.integration


def test_how_a_session_is_set_up(url: MysqlUrl, server: SqlServer) -> None:
    ((version,),) = server.run("SELECT VERSION()")
    mariadb = "MariaDB" in str(version)

    async def test() -> None:
        async with opened(url, statement_timeout_s=12.5, lock_timeout_s=3) as database:
            names = (
                "tx_isolation" if mariadb else "transaction_isolation",
                "autocommit",
                "time_zone",
                "character_set_client",
                "character_set_results",
                "innodb_lock_wait_timeout",
                "max_statement_time" if mariadb else "max_execution_time",
            )
            row = await database.one(f"SELECT {', '.join(f'@@{name}' for name in names)}")
            limit = 12.5 if mariadb else 12_500
            assert row == ("READ-COMMITTED", 1, "+00:00", "utf8mb4", "utf8mb4", 3, limit)
            modes = await database.one("SELECT @@sql_mode")
            assert modes is not None and "STRICT_ALL_TABLES" in modes[0] and "ANSI_QUOTES" not in modes[0]

    run(test())


def test_a_server_that_does_not_listen_to_the_handshake(tmp_path_factory: pytest.TempPathFactory) -> None:
    """In gbk the last octet of 中 and the backslash after it are one character, and the quote would end the text."""
    texts = ["中' UNION SELECT USER() -- ", "中\\", "grüß 😀"]

    async def test(url: MysqlUrl) -> None:
        async with opened(url) as database:
            await database.all("CREATE TABLE made (t TEXT) CHARACTER SET utf8mb4")
            for text in texts:
                assert await database.all("SELECT %(text)s", {"text": text}) == [(text,)]
                await database.all("INSERT INTO made (t) VALUES (%(text)s)", {"text": text})
            rows = await database.all("SELECT CAST(t AS BINARY) FROM made")
            assert sorted(octets.decode() for (octets,) in rows) == sorted(texts), "as others read it"

    options = ("--skip-character-set-client-handshake", "--character-set-server=gbk")
    # MySQL 9 has no such setting any more.
    with MariaDb(tmp_path_factory.mktemp("deaf-server") / "sql", *options) as server:
        run(test(parse_mysql(server.new_database())))


def test_values_come_back_as_they_were(url: MysqlUrl) -> None:
    texts = ["", "grüß 😀", "'", "\\", "\\'", "a\0b", "\x1a\r\n\t", "%s %(a)s %%", '"', "\u2028"]
    octets = [bytes(range(256)), b"", b"\\", b"'", b"\xc3", b"\xf0\x9f'", b"\\\xe4'"]
    numbers = [0, -(2**63), 2**63 - 1]

    async def test() -> None:
        async with opened(url) as database:
            await database.all("CREATE TABLE made (id INT PRIMARY KEY, t TEXT, o BLOB, n BIGINT, u INT UNSIGNED)")
            for number, (text, octet) in enumerate((t, o) for t in texts for o in octets):
                values = {"id": number, "t": text, "o": octet, "n": numbers[number % 3]}
                statement = "INSERT INTO made (id, t, o, n) VALUES (%(id)s, %(t)s, %(o)s, %(n)s)"
                await database.write(lambda statements, s=statement, v=values: statements.run(s, v))  # type: ignore[misc]
                row = await database.one(
                    "SELECT t, o, n, u FROM made WHERE id = %s AND t = %s AND o = %s", (number, text, octet)
                )
                assert row == (text, octet, numbers[number % 3], None)

    run(test())


def test_a_large_answer_and_a_large_statement(url: MysqlUrl) -> None:
    async def test() -> None:
        async with opened(url) as database:
            row = await database.one("SELECT REPEAT('x', 15000000)")
            assert row is not None and len(row[0]) == 15_000_000
            row = await database.one("SELECT LENGTH(%s)", (b"\xff" * 15_000_000,))
            assert row == (15_000_000,)

    run(test())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"user": "nobody", "password": "wrong"}, "Access denied"),
        ({"database": "nothing_here"}, "Unknown database"),
        ({"host": "nowhere.invalid"}, "not available"),
    ],
)
def test_a_server_that_does_not_want_us(url: MysqlUrl, change: dict[str, Any], reason: str) -> None:
    async def test() -> None:
        async with opened(dataclasses.replace(url, **change)) as database:
            with pytest.raises(Unavailable, match=reason) as refused:
                await database.one("SELECT 1")
            assert "wrong" not in str(refused.value)

    run(test())


def test_a_password_of_any_characters(url: MysqlUrl, server: SqlServer) -> None:
    password = "grüß 'π'\\"
    user = f"u{url.database[-12:]}"
    statement = f"CREATE USER {user}@localhost IDENTIFIED BY '{password}'".replace("'π'\\", "''π''\\\\")
    server.run("SET NAMES utf8mb4", statement, f"GRANT ALL ON {url.database}.* TO {user}@localhost")

    async def test() -> None:
        async with opened(dataclasses.replace(url, user=user, password=password)) as database:
            assert await database.one("SELECT 1") == (1,)

    run(test())
    server.run(f"DROP USER {user}@localhost")


def test_a_statement_that_takes_too_long_is_ended_by_the_server(url: MysqlUrl) -> None:
    async def test() -> None:
        async with opened(url, statement_timeout_s=0.3, connections=1) as database:
            before = await connection_id(database)
            started_s = time.monotonic()
            with pytest.raises(Unavailable, match=r"max_statement_time|maximum statement execution time"):
                await database.one(
                    f"SELECT COUNT(*) FROM {', '.join(f'information_schema.columns AS {n}' for n in 'abcd')}"
                )
            assert time.monotonic() - started_s < 60
            assert await connection_id(database) == before

    run(test())


def test_a_unix_socket(url: MysqlUrl, server: SqlServer) -> None:
    ((path,),) = server.run("SELECT @@socket")

    async def test() -> None:
        async with opened(dataclasses.replace(url, host="", port=0, socket=str(path)), tls="required") as database:
            assert await database.one("SELECT 1") == (1,)

    run(test())


# ---- a server that is gone, or does not answer


def test_no_server(url: MysqlUrl) -> None:
    async def test() -> None:
        async with opened(dataclasses.replace(url, port=free_port()), retry_s=0.5) as database:
            with pytest.raises(Unavailable):
                await database.one("SELECT 1")
            with pytest.raises(Unavailable):
                await database.write(lambda statements: statements.run("SELECT 1"))
            # An outage that lasts is not waited for by everybody anew, which would take a minute.
            started_s = time.monotonic()
            for _ in range(120):
                with pytest.raises(Unavailable):
                    await database.write(lambda statements: statements.run("SELECT 1"))
            assert time.monotonic() - started_s < 30

    run(test())


def test_a_network_that_stalls_is_noticed(url: MysqlUrl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "READ_GRACE_S", 0.2)

    async def test() -> None:
        with Proxy(url.port) as proxy:
            through = dataclasses.replace(url, port=proxy.port)
            async with opened(through, statement_timeout_s=0.3, connect_timeout_s=0.5, connections=2) as database:
                assert await database.one("SELECT 1") == (1,)
                proxy.stall()
                started_s = time.monotonic()
                with pytest.raises(Unavailable, match="does not answer"):
                    await database.one("SELECT 1")
                with pytest.raises(Unavailable, match="does not answer"):
                    await database.one("SELECT 1")
                assert time.monotonic() - started_s < 60
                proxy.flow()
                assert await database.one("SELECT 1") == (1,)

    run(test())


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlServer]:
    """To be stopped, and without TLS."""
    with sql_server(tmp_path_factory.mktemp("own-server") / "sql", tls=False) as server:
        yield server


def test_a_frozen_server_and_one_that_starts_again(own_server: SqlServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "READ_GRACE_S", 0.2)
    url = parse_mysql(own_server.new_database())
    options: dict[str, Any] = {
        "statement_timeout_s": 0.5,
        "connect_timeout_s": 0.5,
        "connections": 3,
        "retry_s": 100.0,
    }

    async def increment(statements: Statements) -> None:
        await statements.run("UPDATE counters SET n = n + 1")

    async def test() -> None:
        async with counters(url, **options) as database:
            own_server.freeze()
            started_s = time.monotonic()
            reads = await asyncio.gather(*(counts(database) for _ in range(10)), return_exceptions=True)
            took_s = time.monotonic() - started_s
            own_server.thaw()
            assert [type(read) for read in reads] == [Unavailable] * 10
            assert took_s < 60
            assert await counts(database) == [0, 0]

            # A write that begins while the server starts again is done when it is there.
            own_server.kill()
            writing = asyncio.create_task(database.write(increment))
            await asyncio.to_thread(own_server.start)
            await writing
            assert await counts(database) == [1, 1]

    run(test())


# ---- TLS


@pytest.fixture(scope="module")
def tls_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("tls")
    authority, stranger = trustme.CA(), trustme.CA()
    files = {}
    for name, certificate in (
        ("server", authority.issue_cert("localhost")),
        ("client", authority.issue_cert("client@example.org")),
    ):
        files[f"{name}_key"], files[f"{name}_cert"] = f"{folder / name}.key", f"{folder / name}.pem"
        certificate.private_key_pem.write_to_path(files[f"{name}_key"])
        Path(files[f"{name}_cert"]).write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    for name, ca in (("ca", authority), ("stranger", stranger)):
        files[name] = f"{folder / name}.pem"
        ca.cert_pem.write_to_path(files[name])
    return files


@pytest.fixture(scope="module")
def tls_server(tls_files: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlServer]:
    options = (
        f"--ssl-ca={tls_files['ca']}",
        f"--ssl-cert={tls_files['server_cert']}",
        f"--ssl-key={tls_files['server_key']}",
    )
    with sql_server(tmp_path_factory.mktemp("tls-server") / "sql", *options) as server:
        server.run(
            "CREATE USER certified@localhost IDENTIFIED BY 'secret' REQUIRE X509",
            "GRANT ALL ON *.* TO certified@localhost",
        )
        yield server


@pytest.mark.parametrize(
    ("host", "options", "fault"),
    [
        ("127.0.0.1", {"tls": "required"}, ""),
        ("localhost", {"tls": "verify", "tls_ca": "ca"}, ""),
        ("127.0.0.1", {"tls": "verify", "tls_ca": "ca"}, "IP address mismatch"),
        ("localhost", {"tls": "verify", "tls_ca": "stranger"}, "its certificate is not accepted: "),
        ("localhost", {"tls": "verify"}, "its certificate is not accepted: "),
        ("localhost", {"tls": "verify", "tls_ca": "missing.pem"}, "TLS"),
    ],
)
def test_tls(tls_server: SqlServer, tls_files: dict[str, str], host: str, options: dict[str, str], fault: str) -> None:
    url = dataclasses.replace(parse_mysql(tls_server.new_database()), host=host)
    options = {key: tls_files.get(value, value) for key, value in options.items()}

    async def ask() -> object:
        async with opened(url, **options) as database:
            ciphers = await asyncio.gather(*(database.all("SHOW STATUS LIKE 'Ssl_cipher'") for _ in range(5)))
            return ciphers[0][0][1]

    if fault:
        with pytest.raises(Unavailable, match=fault):
            run(ask())
    else:
        assert run(ask())


def test_a_client_certificate(tls_server: SqlServer, tls_files: dict[str, str]) -> None:
    url = dataclasses.replace(
        parse_mysql(tls_server.new_database()), host="localhost", user="certified", password="secret"
    )
    own = {"tls_certificate": tls_files["client_cert"], "tls_key": tls_files["client_key"]}

    async def ask(**options: str) -> object:
        async with opened(url, tls="verify", tls_ca=tls_files["ca"], **options) as database:
            return await database.one("SELECT 1")

    assert run(ask(**own)) == (1,)
    with pytest.raises(Unavailable, match="Access denied"):
        run(ask())


def test_a_server_without_tls_is_refused_before_it_gets_the_password(own_server: SqlServer) -> None:
    url = dataclasses.replace(parse_mysql(own_server.new_database()), user="somebody", password="secret")

    def attempts() -> int:
        statement = (
            "SELECT COUNT(*) FROM mysql.general_log WHERE command_type = 'Connect' AND argument LIKE 'somebody%'"
        )
        ((count,),) = own_server.run(statement)
        assert isinstance(count, int)
        return count

    async def test() -> None:
        async with opened(url, tls="required") as database:
            with pytest.raises(Unavailable, match="does not offer TLS"):
                await database.one("SELECT 1")
        assert attempts() == 0
        async with opened(url) as database:
            with pytest.raises(Unavailable, match="Access denied"):
                await database.one("SELECT 1")
        assert attempts() == 1

    own_server.run("SET GLOBAL log_output = 'TABLE'", "SET GLOBAL general_log = 1")
    run(test())
