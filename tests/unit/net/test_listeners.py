"""Listening sockets."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import stat
from pathlib import Path
from typing import cast

import pytest

from lightmail.errors import ConfigError
from lightmail.net.listeners import Listener, bind, bind_all
from lightmail.net.tls import load_identity, make_development_certificate
from tests.support.aio import run


class Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).write(b"hello")
        transport.close()


def tcp(text: str, data: Path, protocol: str = "imap") -> list[Listener]:
    return bind(text, protocol=protocol, data=data, tls=None)


async def hear(listener: Listener) -> bytes:
    if listener.address.startswith("unix://"):
        reader, writer = await asyncio.open_unix_connection(listener.address.removeprefix("unix://"))
    else:
        reader, writer = await asyncio.open_connection(listener.host, listener.port)
    said = await reader.read()
    writer.close()
    return said


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def test_port_zero_is_told(tmp_path: Path) -> None:
    async def scenario() -> None:
        (listener,) = tcp("127.0.0.1:0", tmp_path)
        assert listener.protocol == "imap"
        assert listener.address == f"127.0.0.1:{listener.port}"
        assert listener.port > 0
        await listener.serve(Echo)
        assert await hear(listener) == b"hello"
        listener.close()
        listener.close()

    run(scenario())


def test_connections_wait_until_serve(tmp_path: Path) -> None:
    async def scenario() -> None:
        (listener,) = tcp("127.0.0.1:0", tmp_path)
        reader, writer = await asyncio.open_connection(listener.host, listener.port)
        await listener.serve(Echo)
        assert await reader.read() == b"hello"
        writer.close()
        listener.close()

    run(scenario())


def test_closing_keeps_existing_connections(tmp_path: Path) -> None:
    class Waits(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast(asyncio.Transport, transport)

        def data_received(self, data: bytes) -> None:
            self.transport.write(data.upper())
            self.transport.close()

    async def scenario() -> None:
        (listener,) = tcp("127.0.0.1:0", tmp_path)
        accepted = asyncio.Event()

        def factory() -> Waits:
            accepted.set()
            return Waits()

        await listener.serve(factory)
        host, port = listener.host, listener.port
        reader, writer = await asyncio.open_connection(host, port)
        await accepted.wait()
        listener.close()
        writer.write(b"still here")
        assert await reader.read() == b"STILL HERE"
        writer.close()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(host, port)

    run(scenario())


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback")
def test_ipv6_only(tmp_path: Path) -> None:
    async def scenario() -> None:
        (listener,) = tcp("[::1]:0", tmp_path)
        assert listener.address == f"[::1]:{listener.port}"
        await listener.serve(Echo)
        assert await hear(listener) == b"hello"
        listener.close()
        (every,) = tcp("[::]:0", tmp_path)
        with socket.socket(socket.AF_INET) as other:  # IPV6_V6ONLY leaves the IPv4 port to others
            other.bind(("0.0.0.0", every.port))
        every.close()

    run(scenario())


def test_a_name_means_all_its_addresses(tmp_path: Path) -> None:
    listeners = tcp("localhost:0", tmp_path)
    assert listeners
    assert {listener.address.rpartition(":")[0] for listener in listeners} <= {"127.0.0.1", "[::1]"}
    for listener in listeners:
        listener.close()


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    (listener,) = tcp("127.0.0.1:0", tmp_path)
    with pytest.raises(ConfigError) as caught:
        bind(listener.address, protocol="lmtp", data=tmp_path, tls=None, source="lightmail.toml:7")
    listener.close()
    assert str(caught.value) == (
        f"lightmail.toml:7: lmtp.listen: cannot listen on {listener.address}: the address is in use by another program"
    )
    assert caught.value.key == "lmtp.listen"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("nonsense", "has no port"),
        ("127.0.0.1:99999", "is not a port"),
        ("tls://127.0.0.1:0", "needs a certificate"),
        ("192.0.2.1:0", "does not have the address"),
        ("no-such-host.invalid:0", "host name is not known"),
        ("unix://no/such/folder.sock", "folder does not exist"),
        ("unix://" + "x" * 120, "use a shorter"),
    ],
)
def test_what_cannot_be_bound_is_explained(text: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=problem):
        tcp(text, tmp_path)


def test_all_or_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        bind_all(["unix://a.sock", "192.0.2.1:0"], protocol="lmtp", data=tmp_path, tls=None)
    assert not (tmp_path / "a.sock").exists()
    listeners = bind_all(["unix://a.sock", "127.0.0.1:0"], protocol="lmtp", data=tmp_path, tls=None)
    assert [listener.protocol for listener in listeners] == ["lmtp", "lmtp"]
    for listener in listeners:
        listener.close()


def test_unix_socket(tmp_path: Path) -> None:
    async def scenario() -> None:
        (listener,) = tcp("unix://l.sock", tmp_path, "lmtp")
        path = tmp_path / "l.sock"
        assert listener.address == f"unix://{path}"
        assert (listener.host, listener.port) == ("", 0)
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        await listener.serve(Echo)
        assert await hear(listener) == b"hello"
        listener.close()
        assert not path.exists()

    run(scenario())


def test_unix_socket_modes(tmp_path: Path) -> None:
    (listener,) = bind("unix://l.sock", protocol="lmtp", data=tmp_path, tls=None, unix_mode=0o600)
    assert stat.S_IMODE((tmp_path / "l.sock").stat().st_mode) == 0o600
    listener.close()


def test_a_stale_socket_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "l.sock"
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))
    (listener,) = tcp("unix://l.sock", tmp_path)
    listener.close()
    assert not path.exists()


def test_a_living_socket_is_left_alone(tmp_path: Path) -> None:
    (first,) = tcp("unix://l.sock", tmp_path)
    with pytest.raises(ConfigError, match="in use"):
        tcp("unix://l.sock", tmp_path)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "l.sock"))
    first.close()


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "l.sock").write_text("precious")
    with pytest.raises(ConfigError, match="not a socket"):
        tcp("unix://l.sock", tmp_path)
    assert (tmp_path / "l.sock").read_text() == "precious"
    (tmp_path / "link.sock").symlink_to(tmp_path / "l.sock")
    with pytest.raises(ConfigError, match="not a socket"):
        tcp("unix://link.sock", tmp_path)


def test_a_successors_socket_is_left_alone(tmp_path: Path) -> None:
    (first,) = tcp("unix://l.sock", tmp_path)
    (tmp_path / "l.sock").unlink()
    (second,) = tcp("unix://l.sock", tmp_path)
    first.close()
    assert (tmp_path / "l.sock").exists()
    second.close()


def test_the_umask_is_given_back(tmp_path: Path) -> None:
    earlier = os.umask(0o027)
    try:
        (listener,) = tcp("unix://l.sock", tmp_path)
        listener.close()
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(earlier)


def test_tls(tmp_path: Path) -> None:
    async def scenario() -> None:
        certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
        make_development_certificate(certificate, key, "mail.example.org")
        identity = load_identity(certificate, key)
        (listener,) = bind("tls://127.0.0.1:0", protocol="imap", data=tmp_path, tls=identity.context)
        assert listener.protocol == "imaps"
        await listener.serve(Echo)
        trust = ssl.create_default_context(cafile=str(certificate))
        reader, writer = await asyncio.open_connection(listener.host, listener.port, ssl=trust)
        assert await reader.read() == b"hello"
        writer.close()
        listener.close()

    run(scenario())
