"""Servers of several workers: who of them has a connection, what they say, what they are told."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import signal
import socket
import ssl
from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path

from tests.support.eventually import eventually
from tests.support.server import LightMailServer
from tests.support.wire import ImapClient, Wire

WORKERS = 3
QUICK = {"argon2_memory_kib": 8, "argon2_passes": 1}


def house(folder: Path, **sections: dict[str, object]) -> LightMailServer:
    return LightMailServer(
        folder / "data",
        {"auth": QUICK, **sections, "server": {"workers": WORKERS, **sections.get("server", {})}},
    )


def worker_of(server: LightMailServer, client: Wire) -> int:
    """The process at the other end of a connection, as the kernel tells it."""
    own, other = client._socket.getsockname()[1], client._socket.getpeername()[1]
    wanted = (f"0100007F:{other:04X}", f"0100007F:{own:04X}")
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    inode = next(row[9] for row in rows if (row[1], row[2]) == wanted)
    for pid in workers(server):
        for fd in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                if os.readlink(fd) == f"socket:[{inode}]":
                    return pid
    raise AssertionError("nobody has it")


def workers(server: LightMailServer) -> list[int]:
    return server.process_ids()[1:]


def on_each_worker(
    server: LightMailServer, stack: ExitStack, *, retiring: Collection[int] = ()
) -> dict[int, ImapClient]:
    """A connection to each worker that is none of `retiring`: those let go of the sockets in their own time."""
    found: dict[int, ImapClient] = {}

    def complete() -> bool:
        client = ImapClient(server.address("imap"))
        pid = worker_of(server, client)
        if pid in retiring or pid in found:
            client.close()
        else:
            found[pid] = stack.enter_context(client)
        return len(found) == WORKERS

    assert eventually(complete), f"all connections went to {list(found)}"
    return found


def is_open(client: ImapClient) -> bool:
    return client.command(b"NOOP").ok


def refuses(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        return False  # it was in the queue of a socket that was just closed: the next one is refused
    return False


def set_key(server: LightMailServer, section: str, line: str) -> None:
    """Change the configuration file."""
    text = server.config_file.read_text()
    key = line.split(" ")[0]
    text = re.sub(rf"(?m)^{key} = .*\n", "", text)
    head = f"[{section}]\n"
    text = text.replace(head, f"{head}{line}\n") if head in text else f"{text}{head}{line}\n"
    server.config_file.write_text(text)


def reload(server: LightMailServer, told: str = "configuration reloaded") -> None:
    """SIGHUP, and wait for what the log says then."""
    before = server.log().count(told)
    server.signal(signal.SIGHUP)
    assert eventually(lambda: server.log().count(told) > before), server.log()[-3000:]


def numbers(server: LightMailServer) -> dict[str, float]:
    """What SIGUSR1 writes."""
    file = server.data / "metrics.prom"
    file.unlink(missing_ok=True)
    server.signal(signal.SIGUSR1)
    assert eventually(file.exists)
    rows = (line.rsplit(" ", 1) for line in file.read_text().splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in rows}


def no_verification() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def fingerprint(server: LightMailServer) -> str:
    """Of the certificate that whoever answers has."""
    with socket.create_connection(server.address("imaps")) as raw, no_verification().wrap_socket(raw) as tls:
        return hashlib.sha256(tls.getpeercert(binary_form=True) or b"").hexdigest()


def take_certificate(server: LightMailServer, other: Path) -> None:
    """Another server's, as a renewal brings it."""
    made = LightMailServer(other / "data")
    with made:
        for name in ("cert.pem", "key.pem"):
            os.replace(made.data / name, server.data / name)
