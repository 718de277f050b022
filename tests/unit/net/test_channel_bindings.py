"""Channel bindings of real TLS connections (RFC 5929 §4)."""

from __future__ import annotations

import datetime as dt
import hashlib
import ssl
from base64 import b64decode, b64encode
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from lightmail.auth.line import TLS_EXPORTER, TLS_SERVER_END_POINT
from lightmail.auth.passwords import Passwords
from lightmail.net.channel_bindings import channel_bindings, server_end_point
from lightmail.net.tls import load_identity, make_development_certificate
from tests.support.aio import run
from tests.support.sasl_clients import ScramClient
from tests.unit.imap.desk import PASSWORD, USER
from tests.unit.net.imap_lobby import lobby


def certificate(
    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, hash_: hashes.HashAlgorithm | None
) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + dt.timedelta(days=1))
    return builder.sign(key, hash_).public_bytes(Encoding.DER)  # type: ignore[arg-type]


@pytest.mark.parametrize("hash_", [hashes.SHA256(), hashes.SHA384(), hashes.SHA512()])
def test_the_hash_is_that_of_the_signature(hash_: hashes.HashAlgorithm) -> None:
    der = certificate(ec.generate_private_key(ec.SECP256R1()), hash_)
    found = server_end_point(x509.load_der_x509_certificate(der))
    assert found is not None
    assert found.get(TLS_SERVER_END_POINT) == hashlib.new(hash_.name, der).digest()
    assert found.get(TLS_EXPORTER) is None


def test_a_signature_without_a_hash_has_no_binding() -> None:
    """RFC 5929 §4.1: undefined; of Ed25519, for one."""
    der = certificate(ed25519.Ed25519PrivateKey.generate(), None)
    assert server_end_point(x509.load_der_x509_certificate(der)) is None


def test_scram_plus_over_tls(tmp_path: Path) -> None:
    """With the binding that the client computes from what it has seen."""
    files = tmp_path / "cert.pem", tmp_path / "key.pem"
    make_development_certificate(*files, "localhost")
    identity = load_identity(*files)
    trusting = ssl.create_default_context(cafile=str(files[0]))
    kept = {"challenge_keys": ("SCRAM-SHA-256",), "mechanisms": ("SCRAM-SHA-256-PLUS",), "scram_iterations": 4096}

    async def scenario() -> None:
        async with lobby(tls=identity.context, listen_tls=True, auth=kept) as place:
            house = place.desk.house
            made = Passwords(place.desk.config.auth).secrets(PASSWORD)
            await house.mail.directory.set_password(
                house.user.id, made.password_hash, challenge_secrets=made.challenge_secrets
            )
            wire = await place.connect(ssl=trusting, server_hostname="localhost")
            assert b" AUTH=SCRAM-SHA-256-PLUS" in (await wire.say(b"a CAPABILITY"))[0]
            seen = hashlib.sha256(wire.writer.get_extra_info("ssl_object").getpeercert(True)).digest()
            client = ScramClient(
                "SCRAM-SHA-256-PLUS",
                USER.decode(),
                PASSWORD.decode(),
                flag=f"p={TLS_SERVER_END_POINT}",
                binding=seen,
            )
            wire.send(b"b AUTHENTICATE SCRAM-SHA-256-PLUS %s\r\n" % b64encode(client.first()))
            challenge = b64decode((await wire.line())[2:])
            wire.send(b64encode(client.final(challenge)) + b"\r\n")
            assert client.verify(b64decode((await wire.line())[2:]))
            wire.send(b"\r\n")
            assert (await wire.line()).startswith(b"b OK ")
            await wire.close()

    run(scenario())


def test_a_new_certificate_is_that_of_new_connections(tmp_path: Path) -> None:
    files = tmp_path / "cert.pem", tmp_path / "key.pem"
    make_development_certificate(*files, "localhost")
    identity = load_identity(*files)
    before = channel_bindings(identity.context)
    for file in files:
        file.unlink()
    make_development_certificate(*files, "localhost")
    renewed = identity.reload()
    after = channel_bindings(renewed.context)
    assert before is not None and after is not None and before != after
    assert after.get(TLS_SERVER_END_POINT) == bytes.fromhex(renewed.fingerprint.replace(":", ""))
