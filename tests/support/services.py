"""MariaDB (or MySQL), Redis and an S3 server as processes of the tests: free ports on loopback, a temporary folder, ended by pid.

In CI a server that is not installed is a failure; elsewhere the test is skipped with the reason.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

import pytest

from lightmail.backends.s3.signing import NO_OCTETS, Keys, Signer
from tests.support.faults import processes

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 30.0

MYSQL_PATH = "LIGHTMAIL_TEST_MYSQL"
"""This variable of the environment: the tests run on the MySQL at this path instead of MariaDB."""


PORTS = range(10_240, 32_768)
"""Below those that the kernel gives to whoever connects: somebody who tries again and again to reach a server that is away
would sooner or later get the server's own port for his end, and be connected to himself.
"""


def free_port() -> int:
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def program(*names: str) -> str:
    """The first of these that is installed. Otherwise a failure in CI, a skip elsewhere."""
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", ""), "/usr/sbin", "/usr/bin"])
    for name in names:
        found = shutil.which(name, path=places)
        if found:
            return found
    reason = f"{' or '.join(names)} is not installed"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


class Service:
    """A server process that can be stopped, killed, frozen and started again on the same port with the same data."""

    name = "service"

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self.log_file = folder / "log"
        self.environment: Mapping[str, str] = {}
        """Over that of the tests, from the next start on."""
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        return self._process is not None

    def command(self) -> Sequence[str]:
        raise NotImplementedError

    def ready(self) -> bool:
        """Whether it answers."""
        raise NotImplementedError

    def start(self) -> None:
        """Returns once it answers. Raises RuntimeError with its log when it ends instead."""
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )
        wait_until(self._is_up, START_TIMEOUT_S, f"{self.name} did not start: {self.log_file}")

    def stop(self) -> None:
        """An orderly end. Safe when it does not run."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """It holds its connections and answers nothing, until `thaw`."""
        assert self._process is not None
        processes.stop(self._process.pid)

    def thaw(self) -> None:
        assert self._process is not None
        processes.go_on(self._process.pid)

    def _is_up(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"{self.name} ended:\n{self.log_file.read_text(errors='replace')[-4000:]}")
        return self.ready()

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until(met: Callable[[], bool], timeout_s: float, complaint: str) -> None:
    """Raises TimeoutError(complaint)."""
    end_s = time.monotonic() + timeout_s
    while not met():
        if time.monotonic() > end_s:
            raise TimeoutError(complaint)
        time.sleep(0.02)


def _accepts(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


class SqlServer(Service):
    """MariaDB or MySQL: user root without a password; `new_database()` makes a database of its own."""

    runs_as = "root"
    """Where the tests are run by root; otherwise it runs as whoever runs them."""

    def __init__(self, folder: Path, *options: str) -> None:
        """options: of the command line."""
        super().__init__(folder)
        self._options = options
        self._data = folder / "data"
        self._temporary = folder / "tmp"
        self._temporary.mkdir(exist_ok=True)
        # A unix socket path may have 107 octets, and a test's folder is often longer.
        self._socket = Path("/tmp") / f"lm-{secrets.token_hex(6)}.sock"
        self._program = self._find()
        if not self._data.exists():
            subprocess.run([*self._install(), *self._user()], check=True, capture_output=True)

    def command(self) -> Sequence[str]:
        return [
            self._program,
            "--no-defaults",
            f"--datadir={self._data}",
            f"--socket={self._socket}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            f"--pid-file={self.folder / 'pid'}",
            # A server that starts removes the temporary tables it finds there, of whatever server they are.
            f"--tmpdir={self._temporary}",
            "--innodb-buffer-pool-size=64M",
            "--max-connections=300",
            *self._user(),
            *self._options,
        ]

    def ready(self) -> bool:
        try:
            self.run("SELECT 1")
        except OSError:
            return False
        return True

    def run(self, *statements: str) -> list[tuple[object, ...]]:
        """As root; the rows of the last one. Raises OSError when the server cannot be reached."""
        import pymysql

        try:
            connection = pymysql.connect(host="127.0.0.1", port=self.port, user="root", autocommit=True)
        except pymysql.err.OperationalError as error:
            raise OSError(str(error)) from error
        with contextlib.closing(connection), connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    def new_database(self) -> str:
        """A new empty database, as a URL for `storage.metadata`."""
        name = f"lightmail_{secrets.token_hex(6)}"
        self.run(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        return f"mysql://root@127.0.0.1:{self.port}/{name}"

    def drop(self, url: str) -> None:
        self.run(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]}")

    def _user(self) -> list[str]:
        """As root they refuse to run unless they are told to."""
        return [f"--user={self.runs_as}"] if os.geteuid() == 0 else []

    def _find(self) -> str:
        raise NotImplementedError

    def _install(self) -> Sequence[str]:
        """The command that fills the data folder."""
        raise NotImplementedError


class MariaDb(SqlServer):
    name = "mariadbd"

    def command(self) -> Sequence[str]:
        return [*super().command(), "--innodb-log-file-size=64M"]

    def _find(self) -> str:
        return program("mariadbd")

    def _install(self) -> Sequence[str]:
        return [
            program("mariadb-install-db"),
            "--no-defaults",
            f"--datadir={self._data}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        ]


class MySql(SqlServer):
    """MySQL itself: the `mysqld` whose path LIGHTMAIL_TEST_MYSQL is (`make test-mysql`)."""

    name = "mysqld"

    def command(self) -> Sequence[str]:
        return [*super().command(), "--mysqlx=OFF", "--secure-file-priv=NULL"]

    def _find(self) -> str:
        return os.environ[MYSQL_PATH]

    def _install(self) -> Sequence[str]:
        return [self._program, "--no-defaults", "--initialize-insecure", f"--datadir={self._data}"]


def sql_server(folder: Path, *options: str, tls: bool = True) -> SqlServer:
    """MariaDB, or MySQL where the environment says so. options: of the command line, that both have."""
    if os.environ.get(MYSQL_PATH):
        return MySql(folder, *options, *([] if tls else ["--tls-version="]))
    return MariaDb(folder, *options, *([] if tls else ["--skip-ssl"]))


class Redis(Service):
    name = "redis-server"

    def __init__(self, folder: Path, *options: str) -> None:
        super().__init__(folder)
        self._program = program("redis-server")
        self._options = options

    def command(self) -> Sequence[str]:
        return [
            self._program,
            *("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder)),
            *self._options,
        ]

    def ready(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return bool(connection.recv(64))
        return False

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"


class S3Server(Service):
    """rclone's S3 server over a folder; a folder in it is a bucket."""

    name = "rclone"
    access_key = "LIGHTMAILTESTKEY"
    secret_key = "lightmail-test-secret-key"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._program = program("rclone")
        self._root = folder / "buckets"
        self._root.mkdir(exist_ok=True)

    def command(self) -> Sequence[str]:
        return [
            self._program,
            *("serve", "s3", "--addr", f"127.0.0.1:{self.port}", "--config", os.devnull),
            *("--auth-key", f"{self.access_key},{self.secret_key}"),
            str(self._root),
        ]

    def ready(self) -> bool:
        return _accepts(self.port)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def new_bucket(self) -> str:
        """Asked for by CreateBucket: a folder made behind its back would not be seen for minutes."""
        name = f"bucket-{secrets.token_hex(6)}"
        self.ask("PUT", f"/{name}")
        return name

    def ask(self, method: str, path: str, *query: tuple[str, str]) -> tuple[HTTPMessage, bytes]:
        """One signed request; the answer's headers and body. Raises RuntimeError when it is refused."""
        headers = {"host": f"127.0.0.1:{self.port}"}
        keys = Keys(self.access_key, self.secret_key)
        Signer("us-east-1").sign(keys, method, path, query, headers, NO_OCTETS, time.time())
        target = path + ("?" + urlencode(query) if query else "")
        with contextlib.closing(HTTPConnection("127.0.0.1", self.port, timeout=START_TIMEOUT_S)) as connection:
            connection.request(method, target, headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status >= 300:
                raise RuntimeError(f"{method} {target}: {answer.status} {body!r}")
            return answer.headers, body

    def bucket_folder(self, bucket: str) -> Path:
        """Where the objects lie as files."""
        return self._root / bucket

    def config(self, bucket: str) -> dict[str, dict[str, object]]:
        """Sections of a configuration that keeps bodies in this bucket."""
        return {
            "storage": {"bodies": f"s3://{bucket}"},
            "s3": {
                "endpoint": self.endpoint,
                "region": "us-east-1",
                "style": "path",
                "access_key": self.access_key,
                "secret_key": self.secret_key,
            },
        }


class Services:
    """Started when first asked for, one of each for a whole test run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = contextlib.ExitStack()
        self._sql: SqlServer | None = None
        self._redis: Redis | None = None
        self._s3: S3Server | None = None

    @property
    def sql(self) -> SqlServer:
        if self._sql is None:
            self._sql = self._stack.enter_context(sql_server(self._folder / "sql"))
        return self._sql

    @property
    def redis(self) -> Redis:
        if self._redis is None:
            self._redis = self._stack.enter_context(Redis(self._folder / "redis"))
        return self._redis

    @property
    def s3(self) -> S3Server:
        if self._s3 is None:
            self._s3 = self._stack.enter_context(S3Server(self._folder / "s3"))
        return self._s3

    def close(self) -> None:
        self._stack.close()
