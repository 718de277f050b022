"""A real server process for tests: own data folder, free ports, accounts on demand."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from lightmail.config.load import load
from lightmail.config.show import toml_value

if TYPE_CHECKING:
    from lightmail.app import Store

READY = "ready"
STOP_TIMEOUT_S = 30.0

_DEFAULTS: dict[str, dict[str, Any]] = {
    "server": {"hostname": "mail.example.org"},
    "imap": {"listen": ["127.0.0.1:0", "tls://127.0.0.1:0"]},
    "lmtp": {"listen": ["127.0.0.1:0", "unix://lmtp.sock"]},
}
_numbers = itertools.count(1)


class LightMailServer:
    """`lightmail serve` in a process of its own; as a context manager it is started and stopped.

    data: the data folder; its configuration and log are beside it, so that it may be started again after a stop or a
    kill, on new ports. config: sections and keys over defaults that listen on free ports. environment: of the server
    process, over that of the tests.
    """

    def __init__(
        self,
        data: Path,
        config: Mapping[str, Mapping[str, Any]] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.data = data
        self._environment = dict(environment or {})
        self.config_file = data.parent / f"{data.name}.toml"
        self.log_file = data.parent / f"{data.name}.log"
        self.printed: list[str] = []
        """What the server printed before it was ready, line by line."""
        self._process: subprocess.Popen[str] | None = None
        sections = {name: dict(keys) for name, keys in _DEFAULTS.items()}
        for name, keys in (config or {}).items():
            sections.setdefault(name, {}).update(keys)
        sections["server"]["data"] = str(data)
        self._in_memory = sections.get("storage", {}).get("metadata", "").startswith("memory:")
        data.parent.mkdir(parents=True, exist_ok=True)
        self.config_file.write_text(
            "".join(
                f"[{name}]\n" + "".join(f"{key} = {toml_value(_plain(value))}\n" for key, value in keys.items())
                for name, keys in sections.items()
            )
        )

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

    @property
    def pid(self) -> int:
        return self._running.pid

    def process_ids(self) -> list[int]:
        """The server and its workers, as far as /proc tells."""
        found = [self.pid]
        for pid in found:
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
                for children in Path(f"/proc/{pid}/task").glob("*/children"):
                    found += map(int, children.read_text().split())
        return found

    def start(self) -> None:
        """Returns once connections are accepted. Raises RuntimeError with the log when the server ends instead."""
        module = "tests.support.memory_server" if self._in_memory else "lightmail.cli.main"
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, "serve", "--config", str(self.config_file)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, **self._environment},
                start_new_session=True,
            )
        self.printed = []
        while (line := self._read_line()) != READY:
            self.printed.append(line)

    def stop(self) -> int | None:
        """SIGTERM; the exit code, None when no process was running."""
        process, self._process = self._process, None
        if process is None:
            return None
        process.send_signal(signal.SIGTERM)
        return _wait(process)

    def kill9(self) -> None:
        """What a power cut is to the server and its workers. Returns once all who have its standard output are gone."""
        process, self._process = self._running, None
        os.killpg(process.pid, signal.SIGKILL)
        if process.stdout is not None:
            process.stdout.read()
        _wait(process)

    def signal(self, number: signal.Signals) -> None:
        self._running.send_signal(number)

    def wait(self) -> int:
        """For the process to end by itself; the exit code."""
        process, self._process = self._running, None
        return _wait(process)

    def addresses(self) -> dict[str, list[str]]:
        """What the server has written into its data folder."""
        found: dict[str, list[str]] = json.loads((self.data / "addresses.json").read_text())
        return found

    def address(self, protocol: str) -> tuple[str, int]:
        """Host and port of the first TCP listener of "imap", "imaps" or "lmtp"."""
        host, _, port = next(each for each in self.addresses()[protocol] if "://" not in each).rpartition(":")
        return host.strip("[]"), int(port)

    def add_user(
        self, address: str | None = None, password: str | None = None, *, administrator: bool = False
    ) -> tuple[str, str]:
        """A new account with its mailboxes; its address and its password."""
        address = address or f"user{next(_numbers)}-{secrets.token_hex(4)}@example.org"
        password = password or secrets.token_urlsafe(12)
        if self._in_memory:
            stdin = self._running.stdin
            assert stdin is not None
            stdin.write(f"{address} {password}{' administrator' if administrator else ''}\n")
            stdin.flush()
            line = self._read_line()
            assert line == f"added {address}", line
        else:
            asyncio.run(self._add(address, password, administrator))
        return address, password

    def command(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """`lightmail ARGUMENTS --config …` beside the running server."""
        return subprocess.run(self.command_line(*arguments), input=stdin, capture_output=True, timeout=60, check=False)

    def command_line(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "lightmail.cli.main", *arguments, "--config", str(self.config_file)]

    def log(self) -> str:
        return self.log_file.read_text()

    async def _add(self, address: str, password: str, administrator: bool) -> None:
        from lightmail.app import open_store  # late, so that tests without a server need nothing of it

        async with open_store(load(self.config_file, environment={})) as store:
            await add_account(store, address, password, administrator=administrator)

    @property
    def _running(self) -> subprocess.Popen[str]:
        assert self._process is not None, "the server is not running"
        return self._process

    def _read_line(self) -> str:
        stdout = self._running.stdout
        assert stdout is not None
        line = stdout.readline()
        if not line:
            process, self._process = self._running, None
            code = _wait(process)
            raise RuntimeError(f"the server ended with code {code}:\n{self.log()[-4000:]}")
        return line.rstrip("\n")


async def add_account(store: Store, address: str, password: str, *, administrator: bool = False) -> None:
    user = await store.mail.accounts.create(address, store.passwords.hash(password.encode()))
    if administrator:
        await store.mail.directory.set_administrator(user.id, True)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _wait(process: subprocess.Popen[str]) -> int:
    try:
        return process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise
    finally:
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
