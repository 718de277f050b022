"""What an operator sees of each fault (the log of a running server, the command line), what clients are told meanwhile,
and that the server goes on by itself when the cause is gone.

Clients: NO [UNAVAILABLE] and 451, without a secret, a path or a host. The log: cause and way out, once for the trouble,
not once for each command. The command line: both in one line, exit code 1.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import pytest

from tests.support.async_lmtp import AsyncLmtp
from tests.support.eventually import eventually
from tests.support.faults.certificates import Certificate
from tests.support.faults.disk import SmallDisk
from tests.support.server import LightMailServer
from tests.support.services import MYSQL_PATH, Redis, S3Server, SqlServer, free_port, sql_server
from tests.support.wire import ImapClient

pytestmark = pytest.mark.integration

Sections = Mapping[str, Mapping[str, Any]]

QUICK: Sections = {
    "auth": {"argon2_memory_kib": 8, "argon2_passes": 1},
    "limits": {"body_cache_octets": 0},
    "node_cache": {"octets": 0},
    "mysql": {"connections": 2, "retry_s": 1.0},
    "s3": {"attempt_timeout_s": 10.0, "total_timeout_s": 20.0},
    "redis": {"timeout_s": 10.0},
}
MESSAGE = b"Subject: x\r\n\r\n" + b"y" * 3000 + b"\r\n"
APPEND = b"APPEND INBOX {}"
STORE = b"STORE 1 +FLAGS (\\Flagged)"
READ = b"FETCH 1 BODY.PEEK[]"
DISK_OCTETS = 16_777_216

CLIENT_IS_TOLD = re.compile(rb"NO \[UNAVAILABLE\] Temporarily not available \[([0-9a-f]{8})\]")
"""And nothing else, whatever the cause."""


def merged(*all_sections: Sections) -> dict[str, dict[str, Any]]:
    made: dict[str, dict[str, Any]] = {}
    for sections in all_sections:
        for name, keys in sections.items():
            made.setdefault(name, {}).update(keys)
    return made


class Scene:
    """A running server with an account, one connection that has selected INBOX, and one message in it; a context
    manager.
    """

    def __init__(self, server: LightMailServer) -> None:
        self.server = server
        self.account, self.password = server.add_user()
        self.client = ImapClient(server.address("imap"))
        self.client.login(self.account, self.password)
        self.works(APPEND, b"SELECT INBOX")
        self._seen = len(server.log())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def asks(self, command: bytes) -> bytes:
        return self.client.command(command, *([MESSAGE] if command == APPEND else [])).tagged

    def works(self, *commands: bytes) -> None:
        for command in commands:
            answer = self.asks(command)
            assert answer.startswith(b"OK"), (command, answer)

    def refused(self, *commands: bytes) -> set[str]:
        """Each is, again and again; the ids of the troubles that were told."""
        told = set()
        for command in commands * 3:
            answer = self.asks(command)
            match = CLIENT_IS_TOLD.fullmatch(answer)
            assert match, (command, answer)
            told.add(match[1].decode())
        return told

    def delivered(self) -> str:
        """The reply to RCPT, or to the message."""

        async def deliver() -> str:
            async with AsyncLmtp.connected(self.server.address("lmtp")) as lmtp:
                ((_, reply),) = await lmtp.deliver([self.account], MESSAGE)
                return reply

        return asyncio.run(deliver())

    def lines(self, *levels: str) -> list[str]:
        """Of the log, of these levels, since the last look at it or since the beginning."""
        log = self.server.log()
        new, self._seen = log[self._seen :], len(log)
        assert "Traceback" not in new, new
        return [line for line in new.splitlines() if any(f"[{level:<9}]" in line for level in levels)]

    def told_once(self, cause: str, way_out: str, ids: set[str]) -> None:
        """What the log says of the trouble: it names both, has the clients' id, and is not longer with each command."""
        lines = [line for line in self.lines("warning", "error") if cause in line]
        assert lines and all(way_out in line for line in lines if "who is connected" not in line), lines
        (id_,) = ids
        assert len([line for line in lines if f"fault_id={id_}" in line]) == 1, lines
        kinds = [re.sub(r"^\S+ ", "", line).split(" ", 3)[:3] for line in lines]
        assert len(kinds) <= 4, lines

    def command_says(self, *words: str, arguments: Sequence[str] = ("user", "list"), stdin: bytes = b"") -> None:
        failed(self.server.command(*arguments, stdin=stdin), *words)


def failed(done: subprocess.CompletedProcess[bytes], *words: str) -> None:
    """A command has ended with exit code 1 and a line that has all these words."""
    said = done.stderr.decode()
    assert done.returncode == 1, (done.stdout, said)
    assert "Traceback" not in said
    last = said.splitlines()[-1]
    assert all(word in last for word in words), said


def takes_mail(server: LightMailServer, scene: Scene) -> None:
    """It runs again, and serves the account that was there."""
    with ImapClient(server.address("imap")) as client:
        client.login(scene.account, scene.password)
        assert client.command(APPEND, MESSAGE).ok


def does_not_start(server: LightMailServer, *words: str) -> None:
    """It ends at once, with a line that has all these words."""
    failed(server.command("serve"), *words)


# ---- disks


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with SmallDisk(tmp_path / "data", DISK_OCTETS) as disk:
        yield disk


FULL = ("(the disk is full) is not available", "make room on its disk")


def test_the_disk_of_the_embedded_store_is_full(disk: SmallDisk) -> None:
    with LightMailServer(disk.folder, QUICK) as server, Scene(server) as scene:
        disk.fill()
        bodies, rows = scene.refused(APPEND), scene.refused(STORE, b"CREATE x")
        assert scene.delivered().startswith("451 4.3.0 ")
        scene.works(READ, b"STATUS INBOX (MESSAGES)", b"FETCH 1 (FLAGS ENVELOPE)", b"NOOP")
        log = scene.lines("warning", "error")
        assert [line for line in log if "command failed" in line or "lmtp fault" in line] == [
            line for line in log if "fault_id=" in line
        ]
        for ids, what in ((bodies, "the body store"), (rows, "the metadata database")):
            (line,) = (line for line in log if f"fault_id={next(iter(ids))}" in line)
            assert what in line and all(words in line for words in FULL)
        assert len(log) <= 3, "and that who is connected cannot be told"
        scene.command_says("the body store", *FULL, arguments=("deliver", "--user", scene.account), stdin=MESSAGE)
        scene.command_says("database", *FULL, arguments=("user", "add", "x@example.org", "--generate"))
        disk.make_room()
        scene.works(APPEND, STORE, READ)
        assert scene.delivered().startswith("250 ")
        assert eventually(lambda: scene.works(APPEND) or server.log().count("takes writes again") == 2)
        assert all("the disk is full" in line for line in scene.lines("info") if "takes writes again" in line)


def test_a_server_on_a_full_disk_says_so_and_starts_when_there_is_room(disk: SmallDisk) -> None:
    server = LightMailServer(disk.folder, QUICK)
    with server, Scene(server) as scene:
        pass
    disk.fill()
    does_not_start(server, "the metadata database", *FULL)
    failed(server.command("user", "list"), "the metadata database", *FULL)
    disk.make_room()
    with server:
        takes_mail(server, scene)


def test_a_data_folder_on_a_read_only_file_system(disk: SmallDisk) -> None:
    server = LightMailServer(disk.folder, QUICK)
    with server, Scene(server) as scene:
        pass
    disk.make_read_only()
    words = (str(disk.folder), "its file system is read-only; mount it writable")
    does_not_start(server, *words)
    failed(server.command("user", "list"), *words)
    disk.make_writable()
    with server:
        takes_mail(server, scene)


def test_an_sqlite_file_that_cannot_be_written(tmp_path: Path) -> None:
    """It is read, and taken up again when it can be written."""
    words = (
        "the metadata database (the file cannot be written)",
        "takes no writes",
        "must be this user's, and writable",
    )
    server = LightMailServer(tmp_path / "data", QUICK)
    with server, Scene(server) as scene:
        pass
    with contextlib.ExitStack() as stack:
        with read_only(tmp_path / "data" / "lightmail.sqlite"):
            stack.enter_context(server)
            client = stack.enter_context(ImapClient(server.address("imap")))
            client.login(scene.account, scene.password)
            assert client.command(b"SELECT INBOX").ok
            assert len(client.command(READ).fetched()) == 1
            for _ in range(3):
                assert CLIENT_IS_TOLD.fullmatch(client.command(APPEND, MESSAGE).tagged)
            (line,) = (line for line in server.log().splitlines() if "command failed" in line)
            assert all(word in line for word in words)
            failed(server.command("user", "add", "x@example.org", "--generate"), *words)
        assert client.command(APPEND, MESSAGE).ok


@contextlib.contextmanager
def read_only(file: Path) -> Iterator[None]:
    """Nobody may write it, root neither."""
    name = str(file)
    for command in (["mount", "--bind", name, name], ["mount", "-o", "remount,bind,ro", name]):
        if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("no file can be mounted read-only")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", name], check=True)


def test_the_disk_of_the_node_cache_is_full(tmp_path: Path) -> None:
    """It costs speed, and a line in the log."""
    with S3Server(tmp_path / "s3") as s3, SmallDisk(tmp_path / "cache", DISK_OCTETS) as disk:
        cache = {"node_cache": {"octets": 1_000_000_000, "path": str(disk.folder)}}
        server = LightMailServer(tmp_path / "data", merged(QUICK, s3.config(s3.new_bucket()), cache))
        with server, Scene(server) as scene:
            disk.fill()
            scene.works(*(APPEND, READ, b"FETCH 1:* BODY.PEEK[]") * 5)
            assert scene.delivered().startswith("250 ")
            assert eventually(lambda: "cannot use its disk" in server.log())
            (line,) = scene.lines("warning", "error")
            assert "the body cache cannot use its disk" in line and "No space left on device" in line
            assert "make room" in line
            disk.make_room()
            scene.works(APPEND, READ)
            assert scene.lines("warning", "error") == []


# ---- MySQL


class Database:
    """On a server of its own: an account of LightMail, whose password can be changed."""

    def __init__(self, server: SqlServer) -> None:
        self.server = server
        self._database = server.new_database().rpartition("/")[2]
        for host in ("localhost", "127.0.0.1"):
            server.run(
                f"CREATE USER lm@'{host}' IDENTIFIED BY 'right-s3cret'",
                f"GRANT ALL ON {self._database}.* TO lm@'{host}'",
            )

    @property
    def url(self) -> str:
        return f"mysql://lm:right-s3cret@127.0.0.1:{self.server.port}/{self._database}"

    def set_password(self, password: str) -> None:
        for host in ("localhost", "127.0.0.1"):
            self.server.run(f"ALTER USER lm@'{host}' IDENTIFIED BY '{password}'")

    def end_connections(self) -> None:
        """As an administrator does, or a restart."""
        for (thread,) in self.server.run(f"SELECT id FROM information_schema.processlist WHERE db='{self._database}'"):
            self.server.run(f"KILL {thread}")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with sql_server(tmp_path / "sql") as server:
        yield Database(server)


def on_mysql(tmp_path: Path, url: str, config: Sections | None = None) -> LightMailServer:
    server = LightMailServer(tmp_path / "data", merged(QUICK, {"storage": {"metadata": url}}, config or {}))
    upgraded = server.command("db", "upgrade")
    assert upgraded.returncode == 0, upgraded.stderr
    return server


def test_the_password_of_mysql_is_wrong(tmp_path: Path, database: Database) -> None:
    """A refused password does not look like a server that is away, and nobody waits for it at the start."""
    words = ("Access denied for user 'lm'", "cannot be used", "check the user and the password in storage.metadata")
    server = on_mysql(tmp_path, database.url)
    with server, Scene(server) as scene:
        database.set_password("other")
        scene.works(APPEND)  # connections that exist are good
        database.end_connections()
        ids = scene.refused(APPEND, STORE, b"STATUS INBOX (MESSAGES)")
        assert scene.delivered().startswith("451 4.3.0 ")
        scene.told_once(words[0], words[2], ids)
        scene.command_says(*words)
        scene.command_says(*words, arguments=("db", "check"))
        scene.command_says(*words, arguments=("db", "status"))
        database.set_password("right-s3cret")
        scene.works(APPEND, STORE, READ)
        assert scene.delivered().startswith("250 ")
        assert any("the metadata database is reached again" in line for line in scene.lines("info"))
        assert "s3cret" not in server.log()
    database.set_password("other")
    does_not_start(server, *words)
    database.set_password("right-s3cret")
    with server:
        pass


def test_mysql_is_read_only(tmp_path: Path, database: Database) -> None:
    words = ("read-only", "takes no writes", "make the server writable, or name the primary in storage.metadata")
    server = on_mysql(tmp_path, database.url)
    with server, Scene(server) as scene:
        database.server.run("SET GLOBAL read_only = 1")
        ids = scene.refused(APPEND, STORE, b"CREATE x")
        scene.works(READ, b"FETCH 1 FLAGS", b"STATUS INBOX (MESSAGES)")
        assert scene.delivered().startswith("451 4.3.0 ")
        scene.told_once(words[0], words[2], ids)
        scene.command_says(*words, arguments=("user", "add", "x@example.org", "--generate"))
        scene.command_says("the server is read-only", arguments=("db", "check"))
        database.server.run("SET GLOBAL read_only = 0")
        scene.works(APPEND, STORE)
        assert scene.delivered().startswith("250 ")


def test_the_certificate_of_mysql_has_expired(tmp_path: Path) -> None:
    certificate = Certificate(tmp_path / "certificates")
    options = [f"--ssl-cert={certificate.file}", f"--ssl-key={certificate.key}", f"--ssl-ca={certificate.ca}"]
    words = ("its certificate is not accepted: certificate has expired", "renew the certificate of the server")
    with sql_server(tmp_path / "sql", *options) as sql:
        database = Database(sql)
        server = on_mysql(tmp_path, database.url, {"mysql": {"tls": "verify", "tls_ca": str(certificate.ca)}})
        reload = "ALTER INSTANCE RELOAD TLS" if MYSQL_PATH in os.environ else "FLUSH SSL"
        with server, Scene(server) as scene:
            certificate.expire()
            sql.run(reload)
            database.end_connections()
            ids = scene.refused(APPEND, STORE)
            assert scene.delivered().startswith("451 4.3.0 ")
            scene.told_once(words[0], words[1], ids)
            scene.command_says(*words)
            certificate.renew()
            sql.run(reload)
            scene.works(APPEND, STORE)
        certificate.expire()
        sql.run(reload)
        does_not_start(server, *words)


# ---- S3


def on_s3(tmp_path: Path, s3: S3Server, bucket: str, config: Sections | None = None) -> LightMailServer:
    return LightMailServer(tmp_path / "data", merged(s3.config(bucket), QUICK, config or {}))


def s3_fault(scene: Scene, cause: str, way_out: str) -> None:
    ids = scene.refused(APPEND, READ)
    assert scene.delivered().startswith("451 4.3.0 ")
    scene.works(STORE, b"FETCH 1 (FLAGS ENVELOPE)")
    scene.told_once(cause, way_out, ids)
    scene.command_says(cause, way_out, arguments=("db", "check"))
    scene.command_says(cause, way_out, arguments=("deliver", "--user", scene.account), stdin=MESSAGE)


def s3_again(scene: Scene, cause: str) -> None:
    scene.works(APPEND, READ)
    assert scene.delivered().startswith("250 ")
    assert any("S3 can be used again" in line and cause in line for line in scene.lines("info"))


def is_told_at_the_start(server: LightMailServer, *words: str) -> None:
    """S3 may be away when a server starts, and its operator is told then, not when the first message comes."""
    server.log_file.write_text("")
    with server:
        assert eventually(lambda: all(word in server.log() for word in words)), server.log()


def test_the_bucket_is_gone(tmp_path: Path) -> None:
    words = ("the bucket does not exist", "make it, or correct its name in storage.bodies")
    with S3Server(tmp_path / "s3") as s3:
        bucket = s3.new_bucket()
        server = on_s3(tmp_path, s3, bucket)

        def moved(source: Path, target: Path) -> None:
            s3.stop()
            source.rename(target)
            s3.start()

        with server, Scene(server) as scene:
            moved(s3.bucket_folder(bucket), tmp_path / "kept")
            s3_fault(scene, *words)
            moved(tmp_path / "kept", s3.bucket_folder(bucket))
            s3_again(scene, words[0])
        moved(s3.bucket_folder(bucket), tmp_path / "kept")
        is_told_at_the_start(server, *words)


def test_the_key_of_s3_is_wrong(tmp_path: Path) -> None:
    words = ("the secret key or the region is wrong", "check s3.access_key, s3.secret_key and s3.region")
    with S3Server(tmp_path / "s3") as s3:
        server = on_s3(tmp_path, s3, s3.new_bucket())

        def takes(secret_key: str) -> None:
            s3.stop()
            s3.secret_key = secret_key
            s3.start()

        right = s3.secret_key
        with server, Scene(server) as scene:
            takes("another-secret-key-of-the-store")
            s3_fault(scene, *words)
            takes(right)
            s3_again(scene, words[0])
            assert right not in server.log()
        takes("another-secret-key-of-the-store")
        is_told_at_the_start(server, *words)


class TlsS3Server(S3Server):
    """Reads its certificate when it starts."""

    def __init__(self, folder: Path, certificate: Certificate) -> None:
        super().__init__(folder)
        self.certificate = certificate

    def command(self) -> Sequence[str]:
        return [*super().command(), "--cert", str(self.certificate.file), "--key", str(self.certificate.key)]


def test_the_certificate_of_s3_has_expired(tmp_path: Path) -> None:
    words = ("its certificate is not accepted: certificate has expired", "renew its certificate, or set s3.ca")
    certificate = Certificate(tmp_path / "certificates")
    with TlsS3Server(tmp_path / "s3", certificate) as s3:
        s3.bucket_folder("mail").mkdir()
        there = {"endpoint": f"https://127.0.0.1:{s3.port}", "ca": str(certificate.ca)}
        server = on_s3(tmp_path, s3, "mail", {"s3": there})
        with server, Scene(server) as scene:
            certificate.expire()
            s3.stop()
            s3.start()
            s3_fault(scene, *words)
            certificate.renew()
            s3.stop()
            s3.start()
            s3_again(scene, words[0])


# ---- Redis


def redis_fault(scene: Scene, cause: str, way_out: str) -> None:
    """Nothing is refused; it is told once, that Redis is not merely away; who is connected is known all the same."""
    scene.works(APPEND, STORE, READ, b"NOOP")
    assert scene.delivered().startswith("250 ")
    assert eventually(lambda: scene.account.encode() in scene.server.command("sessions").stdout)
    (line,) = scene.lines("warning", "error")
    assert "Redis cannot be used; changes of other processes are polled for" in line
    assert cause in line and way_out in line
    scene.command_says(cause, way_out, arguments=("db", "check"))


def redis_again(scene: Scene) -> None:
    assert eventually(lambda: "Redis is back" in scene.server.log())
    scene.works(APPEND, STORE)
    assert scene.lines("warning", "error") == []
    assert eventually(lambda: scene.account.encode() in scene.server.command("sessions").stdout)


def test_the_password_of_redis_is_wrong(tmp_path: Path) -> None:
    words = ("invalid username-password pair", "check the user and the password in storage.redis")
    with Redis(tmp_path / "redis", "--requirepass", "right-s3cret") as redis:
        url = f"redis://:right-s3cret@127.0.0.1:{redis.port}/0"
        server = LightMailServer(tmp_path / "data", merged(QUICK, {"storage": {"redis": url}}))

        def set_password(before: str, after: str) -> None:
            from redis import Redis as Client

            client = Client(port=redis.port, password=before)
            client.config_set("requirepass", after)
            client.client_kill_filter(_type="normal", skipme=True)
            client.client_kill_filter(_type="pubsub")
            client.close()

        with server, Scene(server) as scene:
            set_password("right-s3cret", "other")
            redis_fault(scene, *words)
            set_password("other", "right-s3cret")
            redis_again(scene)
            assert "s3cret" not in server.log()
        set_password("right-s3cret", "other")
        is_told_at_the_start(server, *words)


def test_the_certificate_of_redis_has_expired(tmp_path: Path) -> None:
    words = ("its certificate is not accepted: certificate has expired", "renew its certificate, or set redis.tls_ca")
    certificate = Certificate(tmp_path / "certificates")
    tls_port = free_port()
    options = {
        "--tls-port": str(tls_port),
        "--tls-cert-file": str(certificate.file),
        "--tls-key-file": str(certificate.key),
        "--tls-ca-cert-file": str(certificate.ca),
        "--tls-auth-clients": "no",
    }
    with Redis(tmp_path / "redis", *(word for option in options.items() for word in option)) as redis:
        config = {
            "storage": {"redis": f"rediss://127.0.0.1:{tls_port}/0"},
            "redis": {"tls_ca": str(certificate.ca)},
        }
        server = LightMailServer(tmp_path / "data", merged(QUICK, config))

        def restarted(change: Callable[[], None]) -> None:
            redis.stop()
            change()
            redis.start()

        with server, Scene(server) as scene:
            restarted(certificate.expire)
            # It was away for a moment, too, which is a line of its own.
            assert eventually(lambda: words[0] in server.log())
            assert words[1] in server.log()
            scene.works(APPEND, STORE, READ)
            scene.command_says(*words, arguments=("db", "check"))
            restarted(certificate.renew)
            assert eventually(lambda: "Redis is back" in server.log())
        restarted(certificate.expire)
        is_told_at_the_start(server, *words)


# ---- our own certificate


def test_our_own_certificate_has_expired(tmp_path: Path) -> None:
    """It is served, as no other is there: clients refuse it, and the log says so at the start and at each reload."""
    certificate = Certificate(tmp_path / "certificates")
    certificate.expire()
    tls = {"tls": {"certificate": str(certificate.file), "key": str(certificate.key)}}
    trust = ssl.create_default_context(cafile=str(certificate.ca))

    def verdict(server: LightMailServer) -> str:
        with socket.create_connection(server.address("imaps")) as connection:
            try:
                with trust.wrap_socket(connection, server_hostname="localhost"):
                    return "accepted"
            except ssl.SSLCertVerificationError as error:
                return error.verify_message

    with LightMailServer(tmp_path / "data", merged(QUICK, tls)) as server:
        (line,) = (line for line in server.log().splitlines() if "the certificate expired on" in line)
        assert "clients will refuse it" in line and str(certificate.file) in line
        assert verdict(server) == "certificate has expired"
        server.signal(signal.SIGHUP)
        assert eventually(lambda: server.log().count("clients will refuse it") == 2)
        certificate.renew()
        server.signal(signal.SIGHUP)
        assert eventually(lambda: verdict(server) == "accepted")
        assert server.log().count("clients will refuse it") == 2
