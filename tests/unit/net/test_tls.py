"""The certificate."""

from __future__ import annotations

import datetime as dt
import hashlib
import ssl
import stat
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from lightmail.errors import ConfigError
from lightmail.net.tls import Identity, load_identity, make_development_certificate


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "cert.pem", tmp_path / "key.pem"


def issue(files: tuple[Path, Path], *, days: int = 100) -> trustme.CA:
    """A certificate from elsewhere."""
    authority = trustme.CA()
    now = dt.datetime.now(dt.UTC)
    issued = authority.issue_cert(
        "mail.example.org", not_before=now - dt.timedelta(days=200), not_after=now + dt.timedelta(days=days)
    )
    issued.private_key_pem.write_to_path(files[1])
    files[0].unlink(missing_ok=True)
    for pem in issued.cert_chain_pems:
        pem.write_to_path(files[0], append=True)
    return authority


def handshake(identity: Identity, client: ssl.SSLContext, name: str = "localhost") -> ssl.SSLObject:
    """Both sides in memory."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = client.wrap_bio(to_client, to_server, server_hostname=name)
    there = identity.context.wrap_bio(to_server, to_client, server_side=True)
    waiting = [here, there]
    while waiting:
        side = waiting.pop(0)
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            waiting.append(side)
    return here


def test_development_certificate(files: tuple[Path, Path]) -> None:
    assert make_development_certificate(*files, "mail.example.org")
    for path in files:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(path.name for path in files[0].parent.iterdir()) == ["cert.pem", "key.pem"]
    identity = load_identity(*files)
    assert set(identity.names) == {"mail.example.org", "localhost", "127.0.0.1", "::1"}
    assert identity.warning == ""
    leaf = ssl.PEM_cert_to_DER_cert(files[0].read_text())
    assert identity.fingerprint == hashlib.sha256(leaf).digest().hex(":").upper()
    trust = ssl.create_default_context(cafile=str(files[0]))
    for name in identity.names:
        assert handshake(identity, trust, name).version() == "TLSv1.3"


def test_it_is_made_once(files: tuple[Path, Path]) -> None:
    make_development_certificate(*files, "mail.example.org")
    before = [path.read_bytes() for path in files]
    assert not make_development_certificate(*files, "mail.example.org")
    assert [path.read_bytes() for path in files] == before


@pytest.mark.parametrize("present", [0, 1])
def test_half_a_pair_is_not_completed(present: int, files: tuple[Path, Path]) -> None:
    files[present].write_text("x")
    with pytest.raises(ConfigError, match="is missing"):
        make_development_certificate(*files, "mail.example.org")
    assert not files[1 - present].exists()


@pytest.mark.parametrize(
    "hostname", ["localhost", "", "127.0.0.1", "under_score", "x" * 100, "-", "a..b", "bücher.example"]
)
def test_any_machine_name_will_do(hostname: str, files: tuple[Path, Path]) -> None:
    make_development_certificate(*files, hostname)
    assert {"localhost", "127.0.0.1", "::1"} <= set(load_identity(*files).names)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        make_development_certificate(tmp_path / "no" / "cert.pem", tmp_path / "no" / "key.pem", "a")


def test_versions(files: tuple[Path, Path]) -> None:
    make_development_certificate(*files, "a")
    client = ssl.create_default_context(cafile=str(files[0]))
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    assert handshake(load_identity(*files), client).version() == "TLSv1.2"
    with pytest.raises(ssl.SSLError):
        handshake(load_identity(*files, minimum="1.3"), client)


@pytest.mark.parametrize(("offered", "chosen"), [(["imap"], "imap"), (["http/1.1"], None), ([], None)])
def test_alpn(offered: list[str], chosen: str | None, files: tuple[Path, Path]) -> None:
    make_development_certificate(*files, "a")
    client = ssl.create_default_context(cafile=str(files[0]))
    if offered:
        client.set_alpn_protocols(offered)
    assert handshake(load_identity(*files), client).selected_alpn_protocol() == chosen


def test_missing_files(files: tuple[Path, Path]) -> None:
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        load_identity(*files)
    assert caught.value.key == "tls.certificate"
    make_development_certificate(*files, "a")
    files[1].unlink()
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        load_identity(*files)
    assert caught.value.key == "tls.key"


def test_a_key_of_another_certificate(files: tuple[Path, Path], tmp_path: Path) -> None:
    make_development_certificate(*files, "a")
    other = tmp_path / "other.pem", tmp_path / "other-key.pem"
    make_development_certificate(*other, "b")
    with pytest.raises(ConfigError, match="does not belong"):
        load_identity(files[0], other[1])


def test_files_that_are_no_pem(files: tuple[Path, Path]) -> None:
    make_development_certificate(*files, "a")
    key = files[1].read_bytes()
    files[1].write_text("no key")
    with pytest.raises(ConfigError, match="not a PEM key"):
        load_identity(*files)
    files[1].write_bytes(key)
    files[0].write_text("no certificate")
    with pytest.raises(ConfigError, match="not a PEM certificate"):
        load_identity(*files)


def test_an_encrypted_key_does_not_ask(files: tuple[Path, Path]) -> None:
    make_development_certificate(*files, "a")
    plain = serialization.load_pem_private_key(files[1].read_bytes(), None)
    files[1].write_bytes(
        plain.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"passphrase"),
        )
    )
    with pytest.raises(ConfigError, match="encrypted"):
        load_identity(*files)


def test_validity(files: tuple[Path, Path]) -> None:
    issue(files)
    assert load_identity(*files).warning == ""
    issue(files, days=3)
    assert "expires on" in load_identity(*files).warning
    issue(files, days=-1)
    assert "expired on" in load_identity(*files).warning


def test_reload_keeps_the_context(files: tuple[Path, Path]) -> None:
    make_development_certificate(*files, "a")
    identity = load_identity(*files)
    authority = issue(files)
    renewed = identity.reload()
    assert renewed.context is identity.context
    assert renewed.fingerprint != identity.fingerprint
    client = ssl.create_default_context()
    authority.configure_trust(client)
    assert handshake(identity, client, "mail.example.org").version() == "TLSv1.3"


def test_a_failed_reload_changes_nothing(files: tuple[Path, Path]) -> None:
    make_development_certificate(*files, "a")
    identity = load_identity(*files)
    client = ssl.create_default_context(cafile=str(files[0]))
    files[1].write_text("broken")
    with pytest.raises(ConfigError):
        identity.reload()
    assert handshake(identity, client).version() == "TLSv1.3"
