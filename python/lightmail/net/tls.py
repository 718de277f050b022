"""TLS: the server's certificate, and one for development when there is none."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import ssl
import tempfile
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import NoReturn

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lightmail.errors import ConfigError
from lightmail.net import channel_bindings

DEVELOPMENT_DAYS = 825
"""The longest life that Apple's clients accept in a certificate one trusts by hand."""
WARN_DAYS = 14
ALPN = ["imap"]
"""RFC 7301 registry; a client that offers something else, or nothing, is served all the same."""
_MINIMUM = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate with its key, ready to serve."""

    certificate: Path
    key: Path
    context: ssl.SSLContext
    fingerprint: str
    """SHA-256 of the leaf in DER: "AB:CD:…", as clients display it."""
    names: tuple[str, ...]
    """Host names and addresses it is valid for."""
    warning: str
    """What the operator should know ("" for nothing): expired, not valid yet, or soon expired."""

    def reload(self) -> Identity:
        """The same files again, after a renewal: the context stays, handshakes from now on use the new certificate.

        Raises ConfigError; the old certificate then stays in use.
        """
        _load(_server_context(ssl.TLSVersion.TLSv1_2), self.certificate, self.key)  # a trial that harms nobody
        return _load(self.context, self.certificate, self.key)


def load_identity(certificate: Path, key: Path, *, minimum: str = "1.2") -> Identity:
    """A server context: TLS `minimum` ("1.2" or "1.3") and above.

    Raises ConfigError when a file is missing or unreadable, is not PEM, or when the two do not belong together.
    """
    return _load(_server_context(_MINIMUM[minimum]), certificate, key)


def make_development_certificate(certificate: Path, key: Path, hostname: str) -> bool:
    """A self-signed EC P-256 certificate for `hostname`, localhost and the loopback addresses.

    Made only when neither file exists; returns whether it was made. Both files are complete when they appear, readable
    by the owner alone. Raises ConfigError when just one exists, or when they cannot be written.
    """
    present = [path for path in (certificate, key) if path.exists()]
    if len(present) == 2:
        return False
    if present:
        missing = key if present == [certificate] else certificate
        raise ConfigError(str(missing), "", f"is missing, but {present[0]} exists; restore it, or remove the other")
    private = ec.generate_private_key(ec.SECP256R1())
    made = _self_signed(private, hostname)
    try:
        _write_new(
            key,
            private.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
        )
        _write_new(certificate, made.public_bytes(serialization.Encoding.PEM))
    except OSError as error:
        raise ConfigError(str(certificate), "", f"cannot be written: {error.strerror}") from error
    return True


def _self_signed(private: ec.EllipticCurvePrivateKey, hostname: str) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hostname[:64] or "localhost")])
    public = private.public_key()
    key_id = x509.SubjectKeyIdentifier.from_public_key(public)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))  # a client's clock may be behind
        .not_valid_after(now + dt.timedelta(days=DEVELOPMENT_DAYS))
        .add_extension(x509.SubjectAlternativeName(_alternative_names(hostname)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(key_id, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(key_id), critical=False)
        .sign(private, hashes.SHA256())
    )


def _alternative_names(hostname: str) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = []
    for name in dict.fromkeys((hostname, "localhost", "127.0.0.1", "::1")):
        try:
            names.append(x509.IPAddress(ip_address(name)))
        except ValueError:
            with contextlib.suppress(ValueError, UnicodeError):  # a machine's name need not be a DNS name
                names.append(x509.DNSName(name.encode("idna").decode("ascii")))
    return names


def _write_new(path: Path, octets: bytes) -> None:
    """Atomically and durably; never over a file that exists. mkstemp makes files with mode 0600."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    finally:
        os.unlink(temporary)


def _server_context(minimum: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = minimum
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(ALPN)
    return context


def _load(context: ssl.SSLContext, certificate: Path, key: Path) -> Identity:
    leaf = _read_leaf(certificate)
    _check_readable(key, "tls.key")
    try:
        context.load_cert_chain(certificate, key, password=_refuse_to_ask)
    except ssl.SSLError as error:
        reason = "does not belong to the certificate" if error.reason == "KEY_VALUES_MISMATCH" else "is not a PEM key"
        raise ConfigError(str(key), "tls.key", f"{reason} ({certificate})") from error
    channel_bindings.serves(context, leaf)
    return Identity(
        certificate,
        key,
        context,
        leaf.fingerprint(hashes.SHA256()).hex(":").upper(),
        _names(leaf),
        _validity_warning(leaf, dt.datetime.now(dt.UTC)),
    )


def _read_leaf(certificate: Path) -> x509.Certificate:
    octets = _check_readable(certificate, "tls.certificate")
    try:
        return x509.load_pem_x509_certificates(octets)[0]
    except ValueError as error:
        raise ConfigError(str(certificate), "tls.certificate", "is not a PEM certificate") from error


def _check_readable(path: Path, key: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(str(path), key, f"cannot be read: {error.strerror}") from error


def _refuse_to_ask() -> NoReturn:
    """OpenSSL would ask the terminal for the passphrase of an encrypted key, and a server would hang there."""
    raise ConfigError("tls", "tls.key", "the key is encrypted; a server needs one without a passphrase")


def _names(leaf: x509.Certificate) -> tuple[str, ...]:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return (*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress)))


def _validity_warning(leaf: x509.Certificate, now: dt.datetime) -> str:
    if leaf.not_valid_before_utc > now:
        return f"the certificate is not valid before {leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
    left = leaf.not_valid_after_utc - now
    if left < dt.timedelta(0):
        return f"the certificate expired on {leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC; clients will refuse it"
    if left < dt.timedelta(days=WARN_DAYS):
        return f"the certificate expires on {leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    return ""
