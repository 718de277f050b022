"""Where several workers listen."""

from __future__ import annotations

import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from lightmail.config import Config, Imap, Lmtp, Server
from lightmail.errors import ConfigError
from lightmail.serving.places import Places


@pytest.fixture
def places() -> Iterator[Places]:
    made = Places()
    yield made
    made.close()


def config(folder: Path, *imap: str, lmtp: tuple[str, ...] = (), workers: int = 2, mode: str = "0660") -> Config:
    return Config(
        server=Server(data=str(folder), workers=workers),
        imap=Imap(listen=imap),
        lmtp=Lmtp(listen=lmtp, socket_mode=mode),
    )


def test_a_chosen_port_is_kept_from_configuration_to_configuration(places: Places, tmp_path: Path) -> None:
    one = config(tmp_path, "127.0.0.1:0")
    places.extend(one)
    ((protocol, address),) = places.addresses(one)
    assert protocol == "imap" and not address.endswith(":0")
    two = config(tmp_path, "tls://127.0.0.1:0", "127.0.0.1:0", workers=4)
    places.extend(two)
    assert places.addresses(two)[1] == ("imap", address)
    assert places.addresses(two)[0][0] == "imaps"
    places.keep(two)
    assert places.addresses(two)[1] == ("imap", address)
    places.keep(one)
    assert places.addresses(one) == [("imap", address)]


def test_nothing_is_accepted_before_a_worker_listens(places: Places, tmp_path: Path) -> None:
    one = config(tmp_path, "127.0.0.1:0")
    places.extend(one)
    host, _, port = places.addresses(one)[0][1].rpartition(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)))
    places.vacate(one, 1)
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind((host, int(port)))  # reserved all the same


def test_a_port_that_cannot_be_had_is_told(places: Places, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        one = config(tmp_path, f"127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(ConfigError, match=r"imap\.listen: cannot listen on .*in use"):
            places.extend(one)


def test_a_unix_socket_is_one_for_all(places: Places, tmp_path: Path) -> None:
    one = config(tmp_path, lmtp=("unix://l.sock",))
    places.extend(one)
    path = tmp_path / "l.sock"
    assert places.addresses(one) == [("lmtp", f"unix://{path}")]
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    two = config(tmp_path, lmtp=("unix://l.sock",), workers=3, mode="0600")
    places.extend(two)
    assert stat.S_IMODE(path.stat().st_mode) == 0o660, "not before it is in use"
    places.keep(two)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    places.vacate(two, 0)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))  # others answer
    places.keep(config(tmp_path))
    assert not path.exists()
