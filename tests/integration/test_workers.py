"""`server.workers = 3`: who serves whom, what one death costs, reloads, numbers, the end."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import signal
import socket
import sqlite3
import ssl
import subprocess
import threading
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.eventually import eventually
from tests.support.server import LightMailServer
from tests.support.trust import assert_sound
from tests.support.wire import ImapClient, Wire

pytestmark = pytest.mark.integration

WORKERS = 3
QUICK = {"argon2_memory_kib": 8, "argon2_passes": 1}


def house(folder: Path, **sections: dict[str, object]) -> LightMailServer:
    return LightMailServer(
        folder / "data",
        {"auth": QUICK, **sections, "server": {"workers": WORKERS, **sections.get("server", {})}},
    )


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LightMailServer]:
    with house(tmp_path) as server:
        yield server


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


# ---- reloads


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
