"""`server.workers = 3` and SIGHUP: certificates, limits, addresses and the number of workers, and nobody is refused."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.eventually import eventually
from tests.support.server import LightMailServer
from tests.support.wire import ImapClient
from tests.support.workers import (
    WORKERS,
    fingerprint,
    house,
    is_open,
    numbers,
    on_each_worker,
    refuses,
    reload,
    set_key,
    take_certificate,
    worker_of,
    workers,
)

pytestmark = pytest.mark.integration


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LightMailServer]:
    with house(tmp_path) as server:
        yield server


def test_sighup_renews_the_certificate_in_every_worker(server: LightMailServer, tmp_path: Path) -> None:
    user, password = server.add_user()
    before = fingerprint(server)
    with ExitStack() as stack:
        plain = on_each_worker(server, stack)
        secured = {}
        for pid, client in on_each_worker(server, stack).items():
            assert client.command(b"STARTTLS").ok
            client.start_tls()
            client.login(user, password)
            secured[pid] = client
        take_certificate(server, tmp_path / "other")
        reload(server, "certificate reloaded")
        assert eventually(lambda: server.log().count("certificate reloaded") == 1 + WORKERS)
        assert {fingerprint(server) for _ in range(20)}.isdisjoint({before})
        for client in (*plain.values(), *secured.values()):
            assert is_open(client)
        assert set(workers(server)) == set(plain), "nobody was restarted"


def test_sighup_with_a_broken_file_changes_nothing(server: LightMailServer) -> None:
    before = fingerprint(server)
    with ExitStack() as stack:
        clients = on_each_worker(server, stack)
        good = server.config_file.read_text()
        server.config_file.write_text(good + "[limits]\nnesting = 0\n[imp]\n")
        reload(server, "configuration not reloaded")
        assert eventually(lambda: server.log().count("configuration not reloaded") == 2), "one line for each problem"
        assert "limits.nesting" in server.log()
        server.config_file.write_text(good)
        (server.data / "cert.pem").write_text("broken")
        reload(server, "certificate not reloaded")
        assert {fingerprint(server) for _ in range(9)} == {before}
        assert all(is_open(client) for client in clients.values())
        assert set(workers(server)) == set(clients)


def append_limit(client: ImapClient) -> int:
    """After login."""
    capability = next(line for line in client.command(b"CAPABILITY").untagged if b"APPENDLIMIT=" in line)
    return int(capability.partition(b"APPENDLIMIT=")[2].split()[0])


def test_sighup_with_another_limit_is_for_new_connections(server: LightMailServer) -> None:
    user, password = server.add_user()
    with ExitStack() as stack:
        with ExitStack() as until_closed:
            old = on_each_worker(server, until_closed)
            set_key(server, "limits", "message_octets = 12345")
            reload(server)
            new = on_each_worker(server, stack, retiring=old)
            for client in (*old.values(), *new.values()):
                client.login(user, password)
            assert {append_limit(client) for client in new.values()} == {12345}
            assert {append_limit(client) for client in old.values()} == {52428800}
            told = numbers(server)
            assert told["lightmail_workers"] == WORKERS
            assert told['lightmail_connections_open{protocol="imap"}'] >= 2 * WORKERS
        # Those that retire end with their last connection, and what they have counted stays.
        assert eventually(lambda: sorted(workers(server)) == sorted(new))
        after = numbers(server)
        for name in ('lightmail_connections_total{protocol="imap"}', 'lightmail_commands_total{command="CAPABILITY"}'):
            assert after[name] >= told[name]
        assert after["lightmail_worker_restarts_total"] == 0


def test_sighup_adds_and_removes_addresses(server: LightMailServer) -> None:
    removed = server.address("imaps")
    with ImapClient(server.address("imap")) as client:
        set_key(server, "imap", 'listen = ["127.0.0.1:0", "unix://imap.sock"]')
        set_key(server, "lmtp", 'socket_mode = "0600"')
        reload(server)
        assert "imaps" not in server.addresses()
        assert server.addresses()["imap"][1] == f"unix://{server.data}/imap.sock"
        assert client._socket.getpeername() == server.address("imap"), "the port that was chosen stays"
        assert (server.data / "lmtp.sock").stat().st_mode & 0o777 == 0o600
        assert is_open(client)
        with socket.socket(socket.AF_UNIX) as unix:
            unix.connect(str(server.data / "imap.sock"))
            assert unix.recv(4) == b"* OK"
        assert eventually(lambda: refuses(removed)), "the workers that retire let go of it in their own time"
        set_key(server, "imap", 'listen = ["127.0.0.1:0"]')
        reload(server)
        assert not (server.data / "imap.sock").exists()
        assert is_open(client)


def test_sighup_changes_the_number_of_workers(server: LightMailServer) -> None:
    for count in (5, 2):
        set_key(server, "server", f"workers = {count}")
        reload(server)
        assert eventually(lambda count=count: len(workers(server)) == count)
        with ExitStack() as stack:
            for _ in range(30):
                assert is_open(stack.enter_context(ImapClient(server.address("imap"))))
    set_key(server, "server", "workers = 1")
    set_key(server, "log", 'level = "debug"')
    reload(server)
    assert eventually(lambda: len(workers(server)) == 2), "one process without a supervisor needs a restart"
    assert "changed, and not in use before a restart keys=['server.workers']" in server.log()


def test_sighup_with_a_store_that_cannot_be_opened(server: LightMailServer) -> None:
    with ExitStack() as stack:
        clients = on_each_worker(server, stack)
        (server.data / "file").touch()
        set_key(server, "storage", 'bodies = "file://file/bodies"')
        reload(server, "configuration not reloaded")
        assert all(is_open(client) for client in clients.values())
        assert eventually(lambda: sorted(workers(server)) == sorted(clients))
        set_key(server, "storage", 'bodies = "file://bodies"')
        set_key(server, "imap", 'listen = ["127.0.0.1:0", "192.0.2.1:0"]')
        reload(server, "configuration not reloaded")
        assert "this machine does not have the address" in server.log()
        assert all(is_open(client) for client in clients.values())


def test_those_that_retire_end_in_time(tmp_path: Path) -> None:
    with house(tmp_path, server={"reload_drain_s": 0.2}) as server, ImapClient(server.address("imap")) as client:
        old = worker_of(server, client)
        set_key(server, "limits", "message_octets = 12345")
        reload(server)
        assert (client.response() or b"").startswith(b"* BYE")
        assert eventually(lambda: old not in workers(server))


def test_no_connection_is_refused_during_a_reload(server: LightMailServer) -> None:
    address = server.address("imap")
    served = 0
    done = threading.Event()
    failed: list[BaseException] = []

    def connect() -> None:
        nonlocal served
        while not done.is_set():
            try:
                with ImapClient(address) as client:
                    assert (client.greeting or b"").startswith(b"* OK"), client.greeting
                    served += 1
            except (OSError, AssertionError) as error:
                failed.append(error)
                return

    thread = threading.Thread(target=connect)
    thread.start()
    try:
        for limit in (10001, 10002, 10003):
            set_key(server, "limits", f"message_octets = {limit}")
            reload(server)
    finally:
        done.set()
        thread.join()
    assert not failed and served > 0
