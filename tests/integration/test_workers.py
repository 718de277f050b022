"""`server.workers = 3`: who serves whom, what one death costs, numbers, the end."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.eventually import eventually
from tests.support.server import LightMailServer
from tests.support.trust import assert_sound
from tests.support.wire import ImapClient
from tests.support.workers import (
    WORKERS,
    house,
    is_open,
    numbers,
    on_each_worker,
    workers,
)

pytestmark = pytest.mark.integration


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LightMailServer]:
    with house(tmp_path) as server:
        yield server


# ---- serving


def test_all_workers_serve(server: LightMailServer) -> None:
    with ExitStack() as stack:
        clients = on_each_worker(server, stack)
        assert set(clients) == set(workers(server))
        assert len(list(Path(f"/proc/{server.pid}/task").iterdir())) == 1, "a supervisor with threads must not fork"
        user, password = server.add_user()
        for client in clients.values():
            client.login(user, password)
        told = numbers(server)
        assert told["lightmail_workers"] == WORKERS
        assert told['lightmail_commands_total{command="LOGIN"}'] == WORKERS
        assert told['lightmail_connections_open{protocol="imap"}'] >= WORKERS
        assert {f'lightmail_start_time_seconds{{worker="{n}"}}' for n in (1, 2, 3)} <= set(told)
        assert {int(n) for n in re.findall(r" login .*worker=(\d)", server.log())} == {1, 2, 3}


def test_a_change_in_one_worker_reaches_an_idling_client_of_another(server: LightMailServer) -> None:
    with ExitStack() as stack:
        idling, writing, third = on_each_worker(server, stack).values()
        user, password = server.add_user()
        for client in (idling, writing, third):
            client.login(user, password)
            assert client.command(b"SELECT INBOX").ok
        idle = idling.send_command(b"IDLE")
        assert (idling.response() or b"").startswith(b"+ ")
        assert writing.command(b"APPEND INBOX {}", b"Subject: x\r\n\r\nbody\r\n").ok
        assert idling.response() == b"* 1 EXISTS"
        assert writing.command(b"STORE 1 +FLAGS (\\Flagged)").ok
        flagged = []
        while not any(b"\\Flagged" in line for line in flagged):
            flagged.append(idling.response() or b"(closed)")
            assert flagged[-1] != b"(closed)"
        idling.send(b"DONE\r\n")
        assert idling.answer(idle).ok
        assert eventually(lambda: b"* 1 EXISTS" in third.command(b"NOOP").untagged)


def test_uids_are_given_once_whoever_writes(server: LightMailServer) -> None:
    each = 40
    user, password = server.add_user()
    given: list[tuple[int, int]] = []
    with ExitStack() as stack:
        clients = on_each_worker(server, stack)

        def append(client: ImapClient) -> None:
            client.login(user, password)
            for _ in range(each):
                answer = client.command(b"APPEND INBOX {}", b"Subject: x\r\n\r\nbody\r\n")
                code = re.match(rb"OK \[APPENDUID (\d+) (\d+)\]", answer.tagged)
                assert code, answer.tagged
                given.append((int(code[1]), int(code[2])))

        threads = [threading.Thread(target=append, args=(client,)) for client in clients.values()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(uid for _, uid in given) == list(range(1, WORKERS * each + 1))
        assert len({validity for validity, _ in given}) == 1
        for client in clients.values():
            assert b"* %d EXISTS" % (WORKERS * each) in client.command(b"EXAMINE INBOX").untagged


def test_lmtp_over_one_unix_socket(server: LightMailServer) -> None:
    user, password = server.add_user()
    path = server.addresses()["lmtp"][1].removeprefix("unix://")
    with ExitStack() as stack:
        peers = []
        for _ in range(12):
            peer = stack.enter_context(socket.socket(socket.AF_UNIX))
            peer.settimeout(30)
            peer.connect(path)
            peers.append(stack.enter_context(peer.makefile("rwb")))
        for peer in peers:
            assert peer.readline().startswith(b"220 ")
            message = b"Subject: x\r\n\r\nbody\r\n.\r\n"
            peer.write(b"LHLO x\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<%s>\r\nDATA\r\n%s" % (user.encode(), message))
            peer.flush()
        for peer in peers:
            while not (line := peer.readline()).startswith(b"354"):
                assert line.startswith(b"2"), line
            assert peer.readline().startswith(b"250 ")
    with ImapClient(server.address("imap")) as client:
        client.login(user, password)
        assert b"* 12 EXISTS" in client.command(b"EXAMINE INBOX").untagged


def test_demo(tmp_path: Path) -> None:
    server = house(tmp_path)
    with subprocess.Popen(server.command_line("serve", "--demo"), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = []
        while told[-1:] != ["ready\n"]:
            told.append(process.stdout.readline())
            assert told[-1], told
        (account,) = (line.rstrip("\n") for line in told if line.startswith("demo account: "))
        address, password = account.removeprefix("demo account: ").split(", password ")
        with ImapClient(server.address("imap")) as client:
            client.login(address, password)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


# ---- deaths


def test_a_killed_worker_costs_its_own_connections_only(server: LightMailServer) -> None:
    with ExitStack() as stack:
        clients = on_each_worker(server, stack)
        before = numbers(server)
        victim, *_ = clients
        os.kill(victim, signal.SIGKILL)
        with pytest.raises(ConnectionError):
            clients[victim].command(b"NOOP")
        assert all(is_open(client) for pid, client in clients.items() if pid != victim)
        assert eventually(lambda: server.log().count("worker serves") == WORKERS + 1)
        assert victim not in workers(server) and len(workers(server)) == WORKERS
        again = on_each_worker(server, stack)
        assert victim not in again and all(is_open(client) for client in again.values())
        after = numbers(server)
        assert after["lightmail_workers"] == WORKERS
        assert after["lightmail_worker_restarts_total"] == 1
        for name in ('lightmail_connections_total{protocol="imap"}', 'lightmail_octets_total{direction="out"}'):
            assert after[name] >= before[name], "what a dead worker has counted stays"


def test_a_worker_that_keeps_dying_is_started_again_and_again(server: LightMailServer) -> None:
    for deaths in range(1, 4):
        victim = workers(server)[0]
        os.kill(victim, signal.SIGKILL)
        assert eventually(lambda deaths=deaths: server.log().count("worker serves") == WORKERS + deaths)
        with ExitStack() as stack:
            assert len(on_each_worker(server, stack)) == WORKERS


def test_what_was_answered_is_there_although_workers_die(server: LightMailServer) -> None:
    user, password = server.add_user()
    answered: list[int] = []
    done = threading.Event()

    def append() -> None:
        while not done.is_set():
            with contextlib.suppress(OSError), ImapClient(server.address("imap")) as client:
                client.login(user, password)
                while not done.is_set():
                    answer = client.command(b"APPEND INBOX {}", b"Subject: x\r\n\r\nbody\r\n")
                    code = re.match(rb"OK \[APPENDUID \d+ (\d+)\]", answer.tagged)
                    assert code, answer.tagged
                    answered.append(int(code[1]))

    threads = [threading.Thread(target=append) for _ in range(6)]
    for thread in threads:
        thread.start()
    for _ in range(6):
        enough = len(answered) + 60
        assert eventually(lambda enough=enough: len(answered) >= enough)
        with contextlib.suppress(IndexError):
            os.kill(workers(server)[0], signal.SIGKILL)
    done.set()
    for thread in threads:
        thread.join()
    assert len(answered) == len(set(answered))
    with ImapClient(server.address("imap")) as client:
        client.login(user, password)
        assert client.command(b"EXAMINE INBOX").ok
        found = re.findall(rb"UID (\d+)", b"".join(client.command(b"FETCH 1:* (UID)").fetched()))
        assert set(answered) <= set(map(int, found))
    assert_sound(server)


def test_a_worker_that_is_told_to_end_is_replaced(server: LightMailServer) -> None:
    with ExitStack() as stack:
        clients = on_each_worker(server, stack)
        leaver, *_ = clients
        os.kill(leaver, signal.SIGTERM)
        assert (clients[leaver].response() or b"").startswith(b"* BYE")
        assert all(is_open(client) for pid, client in clients.items() if pid != leaver)
        assert eventually(lambda: server.log().count("worker serves") == WORKERS + 1)


def test_no_worker_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    server = house(tmp_path)
    server.start()
    pids = server.process_ids()
    with ExitStack() as stack:
        clients = on_each_worker(server, stack)
        os.kill(server.pid, signal.SIGKILL)
        for client in clients.values():
            assert (client.response() or b"").startswith(b"* BYE")
        server.wait()
        server.start()  # on the same folder, at once
        assert eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))
        assert is_open(stack.enter_context(ImapClient(server.address("imap"))))
    assert server.stop() == 0


def test_fixed_ports_are_free_again_at_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = house(tmp_path, imap={"listen": [f"127.0.0.1:{port}"]})
    for _ in range(3):
        server.start()
        os.kill(server.pid, signal.SIGKILL)
        server.wait()
    with server, ImapClient(("127.0.0.1", port)) as client:
        assert is_open(client)


# ---- beginnings


def test_what_is_wrong_with_the_store_ends_the_start(tmp_path: Path) -> None:
    server = house(tmp_path)
    with server:
        pass
    with contextlib.closing(sqlite3.connect(server.data / "lightmail.sqlite")) as database:
        database.execute("INSERT INTO schema_version (version, usable_from, applied_s) VALUES (9999, 9999, 1)")
        database.commit()
    refused = server.command("serve")
    assert refused.returncode == 1
    assert "schema version 9999" in refused.stderr.decode().splitlines()[-1]
    assert refused.stdout == b""
    assert not (server.data / "addresses.json").exists()


def test_a_port_of_another_server_is_told(tmp_path: Path, server: LightMailServer) -> None:
    host, port = server.address("imap")
    second = house(tmp_path / "second", imap={"listen": [f"{host}:{port}"]})
    refused = second.command("serve")
    assert refused.returncode == 1
    assert f"cannot listen on {host}:{port}: the address is in use" in refused.stderr.decode()


def test_memory_cannot_be_shared(tmp_path: Path) -> None:
    server = house(tmp_path, storage={"metadata": "memory://", "bodies": "memory://"})
    refused = server.command("serve")
    assert refused.returncode == 1
    assert "server.workers" in refused.stderr.decode()


# ---- numbers, ends


def test_a_worker_that_hangs_does_not_hold_up_the_numbers(server: LightMailServer) -> None:
    with ExitStack() as stack:
        clients = on_each_worker(server, stack)
        before = numbers(server)
        hanging = next(iter(clients))
        os.kill(hanging, signal.SIGSTOP)
        try:
            after = numbers(server)
        finally:
            os.kill(hanging, signal.SIGCONT)
        assert f"workers did not tell their numbers pids=[{hanging}]" in server.log()
        name = 'lightmail_connections_total{protocol="imap"}'
        assert after[name] == before[name]
        assert is_open(clients[hanging])


@pytest.mark.slow
def test_a_worker_that_hangs_at_the_end_is_killed(tmp_path: Path) -> None:
    server = house(tmp_path, server={"drain_timeout_s": 0})
    server.start()
    hanging = workers(server)[1]
    os.kill(hanging, signal.SIGSTOP)
    assert server.stop() == 0
    assert f"worker killed: it did not end number=2 worker_pid={hanging}" in server.log()
    assert not Path(f"/proc/{hanging}").exists()


def test_sigterm_drains_all_workers(tmp_path: Path) -> None:
    server = house(tmp_path)
    server.start()
    user, password = server.add_user()
    answered: list[int] = []
    busy = threading.Semaphore(0)

    def append(client: ImapClient) -> None:
        client.login(user, password)
        with contextlib.suppress(ConnectionError):
            while True:
                answer = client.command(b"APPEND INBOX {}", b"Subject: x\r\n\r\n" + b"x" * 20000)
                code = re.match(rb"OK \[APPENDUID \d+ (\d+)\]", answer.tagged)
                assert code, answer.tagged
                answered.append(int(code[1]))
                busy.release()

    address = server.address("imap")
    with ExitStack() as stack:
        clients = [*on_each_worker(server, stack).values()]
        threads = [threading.Thread(target=append, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        for _ in range(30):
            assert busy.acquire(timeout=30)
        assert server.stop() == 0
        for thread in threads:
            thread.join()
    assert "worker killed" not in server.log()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)
    assert not (server.data / "addresses.json").exists()
    assert not (server.data / "lmtp.sock").exists()
    with server, ImapClient(server.address("imap")) as client:
        client.login(user, password)
        assert client.command(b"EXAMINE INBOX").ok
        found = re.findall(rb"UID (\d+)", b"".join(client.command(b"FETCH 1:* (UID)").fetched()))
        assert set(answered) <= set(map(int, found))
