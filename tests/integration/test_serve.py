"""`lightmail serve` as a process: what it prints and writes, who may start it, how it ends."""

from __future__ import annotations

import hashlib
import imaplib
import json
import os
import signal
import socket
import ssl
import stat
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.eventually import eventually
from tests.support.server import LightMailServer
from tests.support.trust import assert_sound
from tests.support.wire import ImapClient

pytestmark = pytest.mark.integration


def no_verification() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def heard(client: ImapClient) -> bytes:
    response = client.response()
    assert response is not None, "closed by the server"
    return response


def test_what_is_printed_is_what_is_written_and_what_answers(tmp_path: Path) -> None:
    with LightMailServer(tmp_path / "data") as server:
        addresses = server.addresses()
        assert list(addresses) == ["imap", "imaps", "lmtp"]
        told = [line.split(" ", 1) for line in server.printed[:4]]
        assert told == [[protocol, each] for protocol, found in addresses.items() for each in found]
        assert addresses["lmtp"][1] == f"unix://{tmp_path}/data/lmtp.sock"

        with imaplib.IMAP4(*server.address("imap")) as plain:
            assert plain.noop()[0] == "OK"
            assert "STARTTLS" in plain.capabilities
        with socket.create_connection(server.address("imaps")) as raw, no_verification().wrap_socket(raw) as tls:
            der = tls.getpeercert(binary_form=True)
            assert tls.recv(4) == b"* OK"
        assert der is not None
        fingerprint = server.printed[4].removeprefix("certificate sha256 ").removesuffix(" (self-signed, made now)")
        assert fingerprint == hashlib.sha256(der).digest().hex(":").upper()
        with socket.create_connection(server.address("lmtp")) as lmtp:
            assert lmtp.recv(4) == b"220 "
        with socket.socket(socket.AF_UNIX) as unix:
            unix.connect(f"{tmp_path}/data/lmtp.sock")
            assert unix.recv(4) == b"220 "
        assert server.printed[-1].startswith("add a user: lightmail user add ADDRESS --generate --config ")


def test_the_data_folder_is_its_owners(tmp_path: Path) -> None:
    open_to_all = tmp_path / "open"
    open_to_all.mkdir(mode=0o755)
    with LightMailServer(open_to_all) as server:
        server.add_user()
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in server.data.iterdir()}
        assert modes.pop("lmtp.sock") == 0o660
        assert {mode & 0o077 for mode in modes.values()} == {0}, modes
    with LightMailServer(tmp_path / "deep" / "data") as server:
        assert stat.S_IMODE(server.data.stat().st_mode) == 0o700
        assert stat.S_IMODE((server.data / "key.pem").stat().st_mode) == 0o600


def test_a_second_start_is_refused_and_harms_nobody(tmp_path: Path) -> None:
    with LightMailServer(tmp_path / "data") as server:
        user, password = server.add_user()
        second = server.command("serve")
        assert second.returncode == 1
        assert second.stderr.decode() == (f"lightmail: data folder {tmp_path}/data is in use by process {server.pid}\n")
        assert second.stdout == b""
        with imaplib.IMAP4(*server.address("imap")) as client:
            assert client.login(user, password)[0] == "OK"


def test_an_address_in_use_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = LightMailServer(tmp_path / "data", {"imap": {"listen": [f"127.0.0.1:{port}"]}})
        refused = server.command("serve")
    assert refused.returncode == 1
    told = refused.stderr.decode()
    assert told.count("\n") == 1 and f"cannot listen on 127.0.0.1:{port}" in told
    assert not (server.data / "addresses.json").exists()


def test_a_bad_configuration_is_told_line_by_line(tmp_path: Path) -> None:
    server = LightMailServer(tmp_path / "data", {"imap": {"listn": []}, "limits": {"nesting": 0}})
    refused = server.command("serve")
    assert refused.returncode == 1
    lines = refused.stderr.decode().splitlines()
    assert len(lines) == 2
    assert all(line.startswith(f"lightmail: {server.config_file}:") for line in lines)
    assert not server.data.exists()


def test_sigterm_says_bye_to_those_that_wait_and_ends_with_0(tmp_path: Path) -> None:
    server = LightMailServer(tmp_path / "data")
    server.start()
    user, password = server.add_user()
    address = server.address("imap")
    with (
        closing(ImapClient(address)) as waiting,
        closing(ImapClient(address)) as idling,
        socket.create_connection(server.address("lmtp")) as lmtp,
    ):
        idling.login(user, password)
        assert idling.command(b"SELECT INBOX").ok
        idling.send(b"i1 IDLE\r\n")
        assert heard(idling).startswith(b"+ ")
        assert lmtp.recv(100).startswith(b"220 ")
        server.signal(signal.SIGTERM)
        assert heard(waiting).startswith(b"* BYE")
        assert heard(idling).startswith(b"* BYE")
        assert lmtp.recv(100).startswith(b"421 ")
        assert server.wait() == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)
    assert not (server.data / "addresses.json").exists()
    assert not (server.data / "lmtp.sock").exists()


def test_sigterm_lets_a_running_append_finish(tmp_path: Path) -> None:
    server = LightMailServer(tmp_path / "data")
    server.start()
    user, password = server.add_user()
    message = b"Subject: late\r\n\r\n" + b"x" * 100_000 + b"\r\n"
    with closing(ImapClient(server.address("imap"))) as idle, closing(ImapClient(server.address("imap"))) as client:
        client.login(user, password)
        client.send(b"a1 APPEND INBOX {%d}\r\n" % len(message))
        assert heard(client).startswith(b"+ ")
        server.signal(signal.SIGTERM)
        assert heard(idle).startswith(b"* BYE")
        client.send(message + b"\r\n")
        assert heard(client).startswith(b"a1 OK [APPENDUID")
        assert heard(client).startswith(b"* BYE")
        assert server.wait() == 0
    server.start()
    with closing(ImapClient(server.address("imap"))) as client:
        client.login(user, password)
        assert b"* 1 EXISTS" in client.command(b"EXAMINE INBOX").untagged
    assert server.stop() == 0


def test_sigterm_cuts_those_that_do_not_finish(tmp_path: Path) -> None:
    server = LightMailServer(tmp_path / "data", {"server": {"drain_timeout_s": 0.2}})
    server.start()
    with closing(ImapClient(server.address("imap"))) as client:
        client.login(*server.add_user())
        client.send(b"a1 APPEND INBOX {1000}\r\n")
        assert heard(client).startswith(b"+ ")
        assert server.stop() == 0


def test_a_killed_server_starts_again(tmp_path: Path) -> None:
    server = LightMailServer(tmp_path / "data")
    server.start()
    fingerprint = server.printed[4].split(" ")[2]
    user, password = server.add_user()
    server.kill9()
    assert (server.data / "addresses.json").exists(), "kill -9 leaves it; the next start replaces it"
    server.start()
    assert server.printed[4] == f"certificate sha256 {fingerprint}"
    with imaplib.IMAP4(*server.address("imap")) as client:
        assert client.login(user, password)[0] == "OK"
    assert server.stop() == 0
    assert_sound(server)


def test_sighup_reads_the_certificate_again(tmp_path: Path) -> None:
    with LightMailServer(tmp_path / "data") as server, LightMailServer(tmp_path / "other") as other:

        def served() -> bytes | None:
            with socket.create_connection(server.address("imaps")) as raw, no_verification().wrap_socket(raw) as tls:
                return tls.getpeercert(binary_form=True)

        before = served()
        for name in ("cert.pem", "key.pem"):
            os.replace(other.data / name, server.data / name)
        server.signal(signal.SIGHUP)
        assert eventually(lambda: served() != before)


def test_sighup_takes_the_log_level_and_names_what_waits_for_a_restart(tmp_path: Path) -> None:
    with LightMailServer(tmp_path / "data") as server:
        text = server.config_file.read_text()
        server.config_file.write_text(f'{text}[log]\nlevel = "debug"\nformat = "json"\n[limits]\nnesting = 7\n')
        server.signal(signal.SIGHUP)
        told = "changed, and not in use before a restart"
        assert eventually(lambda: f'"keys": ["limits.nesting"], "event": "{told}"' in server.log()), server.log()
        server.config_file.write_text("[limits]\nnesting = 0\n")
        server.signal(signal.SIGHUP)
        assert eventually(lambda: "configuration not reloaded" in server.log())
        with imaplib.IMAP4(*server.address("imap")) as client:
            assert client.noop()[0] == "OK"


def test_sigusr1_writes_the_metrics(tmp_path: Path) -> None:
    with LightMailServer(tmp_path / "data") as server:
        user, password = server.add_user()
        with imaplib.IMAP4(*server.address("imap")) as client:
            client.login(user, password)
        server.signal(signal.SIGUSR1)
        assert eventually((server.data / "metrics.prom").exists)
        lines = (server.data / "metrics.prom").read_text().splitlines()
        assert 'lightmail_connections_total{protocol="imap"} 1.0' in lines
        assert 'lightmail_commands_total{command="LOGIN"} 1.0' in lines
        assert 'lightmail_cache_hits_total{of="bodies"} 0.0' in lines
        assert "lightmail_workers 1.0" in lines
        (server.data / "metrics.prom").unlink()
        (server.data / "metrics.tmp").mkdir()  # as good as a full disk, for root too
        server.signal(signal.SIGUSR1)
        assert eventually(lambda: "numbers not written" in server.log())
        assert "Traceback" not in server.log()


def test_demo(tmp_path: Path) -> None:
    server = LightMailServer(tmp_path / "data")
    process = subprocess.Popen(
        server.command_line("serve", "--demo", "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        password = told["demo"]["demo@localhost"]
        with imaplib.IMAP4(*server.address("imap")) as client:
            assert client.login("demo@localhost", password)[0] == "OK"
            assert client.select() == ("OK", [b"5"])
            status, structures = client.fetch("1:*", "(BODYSTRUCTURE)")
            assert status == "OK" and len(structures) >= 5
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        process.stdout.close()  # type: ignore[union-attr]


@pytest.mark.parametrize("event_loop", ["uvloop", "asyncio"])
def test_both_event_loops(tmp_path: Path, event_loop: str) -> None:
    with LightMailServer(tmp_path / "data", {"server": {"event_loop": event_loop}}) as server:
        user, password = server.add_user()
        with imaplib.IMAP4(*server.address("imap")) as client:
            client.starttls(no_verification())
            client.login(user, password)
            assert client.append("INBOX", "", "", b"Subject: x\r\n\r\nbody\r\n")[0] == "OK"
            assert client.select() == ("OK", [b"1"])
