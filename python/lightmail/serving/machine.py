"""What a server process owes its machine: its own data folder, files for others to read, signals, descriptors."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import json
import os
import resource
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import structlog

from lightmail.config import Config
from lightmail.errors import ConfigError, DataFolderLocked
from lightmail.obs.families import Family, one_number

_log = structlog.get_logger("lightmail.serving")

LOCK_FILE = "lightmail.lock"
ADDRESSES_FILE = "addresses.json"
METRICS_FILE = "metrics.prom"


def effective(config: Config) -> Config:
    """What is left to the machine to say is filled in."""
    if config.server.hostname:
        return config
    server = msgspec.structs.replace(config.server, hostname=socket.gethostname() or "localhost")
    return msgspec.structs.replace(config, server=server)


def ensure_data_folder(path: Path) -> None:
    """Make it, for its owner alone, when it is not there. Raises ConfigError."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(str(path), "server.data", f"cannot be made: {error.strerror}") from error
    if not os.access(path, os.W_OK | os.X_OK):
        read_only = os.statvfs(path).f_flag & os.ST_RDONLY
        problem = "its file system is read-only; mount it writable" if read_only else "cannot be written by this user"
        raise ConfigError(str(path), "server.data", problem)


class DataFolderLock:
    """One server per data folder. The kernel drops the lock with the process, however that ends."""

    left_behind: bool
    """The one before was killed: its workers may still be on their way out."""

    def __init__(self, data: Path) -> None:
        """Raises DataFolderLocked, which names the process that has it, ConfigError."""
        path = data / LOCK_FILE
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigError(str(path), "server.data", f"cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            text = os.pread(self._file, 32, 0).strip()
            os.close(self._file)
            raise DataFolderLocked(str(data), int(text) if text.isdigit() else None) from error
        self.left_behind = os.fstat(self._file).st_size > 0
        os.ftruncate(self._file, 0)
        try:
            os.pwrite(self._file, b"%d\n" % os.getpid(), 0)
        except OSError as error:
            # It is for people. A node whose disk is full may have its mail elsewhere.
            _log.warning("nothing can be written into the data folder", problem=error.strerror, path=str(data))

    def release(self) -> None:
        """The file stays: removing it would let two processes lock two files of one name."""
        os.ftruncate(self._file, 0)
        os.close(self._file)

    def forget(self) -> None:
        """In a forked process: the lock stays with the one that took it."""
        os.close(self._file)


def write_addresses(data: Path, addresses: Sequence[tuple[str, str]]) -> None:
    """(protocol, address) each; as JSON, protocol to addresses. A full disk is a line in the log."""
    found: dict[str, list[str]] = {}
    for protocol, address in addresses:
        found.setdefault(protocol, []).append(address)
    try:
        _write_whole(data / ADDRESSES_FILE, json.dumps(found, indent=2).encode() + b"\n")
    except OSError as error:
        _log.error("addresses not written", problem=str(error))


def write_metrics(data: Path, exposition: bytes) -> None:
    """For a collector that reads files, or for a person. A full disk is a line in the log."""
    try:
        _write_whole(data / METRICS_FILE, exposition)
    except OSError as error:
        _log.error("numbers not written", problem=str(error))


def workers(up: int, *, restarts: int) -> list[Family]:
    """What is told of the processes themselves."""
    return [
        one_number("workers", "Worker processes that accept connections", up),
        one_number("worker_restarts", "Workers that ended by themselves", restarts, kind="counter"),
    ]


def _write_whole(path: Path, octets: bytes) -> None:
    """Whoever sees the file sees all of it."""
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(octets)
    temporary.replace(path)


def remove_addresses(data: Path) -> None:
    """Nobody accepts connections (any more)."""
    (data / ADDRESSES_FILE).unlink(missing_ok=True)


def raise_descriptor_limit(connections: int) -> None:
    """Soft limit to hard limit, for this process and those it starts. Warns when `connections` of one do not fit, each
    with one descriptor and some to spare.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    spare = 256
    if soft != resource.RLIM_INFINITY and soft - spare < connections:
        _log.warning("the system allows fewer open files than limits.connections needs", possible=max(soft - spare, 1))


def settle_memory() -> None:
    """Called once everything is loaded: what is there now stays, so the collector need not look at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


@contextlib.contextmanager
def signals(
    *, on_stop: Callable[[], None], on_reload: Callable[[], None], on_report: Callable[[], None]
) -> Iterator[None]:
    """SIGTERM and SIGINT stop, SIGHUP reloads, SIGUSR1 writes the metrics; on the running loop."""
    loop = asyncio.get_running_loop()
    handlers = {
        signal.SIGTERM: on_stop,
        signal.SIGINT: on_stop,
        signal.SIGHUP: on_reload,
        signal.SIGUSR1: on_report,
    }
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)


def loop_factory(event_loop: str) -> Callable[[], asyncio.AbstractEventLoop]:
    """event_loop: "uvloop", "asyncio", or "auto": uvloop where it is installed. Raises ConfigError."""
    if event_loop != "asyncio":
        try:
            import uvloop
        except ImportError as error:
            if event_loop == "uvloop":
                raise ConfigError(
                    "uvloop", "server.event_loop", "is not installed; expected auto or asyncio"
                ) from error
        else:
            return uvloop.new_event_loop
    return asyncio.new_event_loop
