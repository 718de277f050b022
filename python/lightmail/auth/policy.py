"""Where a plaintext password may be sent."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address


def is_loopback(host: str | None) -> bool:
    """host: the peer's numeric address; None for a unix socket, which never leaves the machine."""
    if host is None:
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback


def plaintext_allowed(policy: str, *, tls: bool, host: str | None) -> bool:
    """Whether LOGIN, PLAIN and their like may be used now; when not: LOGINDISABLED (RFC 9051 §6.2.3, §7.2.2).

    policy: `auth.plaintext_without_tls`, "never", "loopback" or "always". tls: the connection is encrypted.
    """
    return tls or policy == "always" or (policy == "loopback" and is_loopback(host))
