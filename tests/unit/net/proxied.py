"""What a proxy sends in front of a connection."""

from __future__ import annotations

import struct
from ipaddress import ip_address

from lightmail.net.proxy_header import crc32c

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"


def version_1(source: str = "192.0.2.9", port: int = 4711) -> bytes:
    family = b"TCP6" if ":" in source else b"TCP4"
    target = b"2001:db8::1" if ":" in source else b"198.51.100.1"
    return b"PROXY %s %s %s %d 993\r\n" % (family, source.encode(), target, port)


def version_2(
    source: str = "192.0.2.9", port: int = 4711, *, tlvs: bytes = b"", command: int = 1, checksum: bool = False
) -> bytes:
    address = ip_address(source)
    addresses = address.packed * 2 + struct.pack("!HH", port, 993)
    return block(0x20 | command, 0x11 if address.version == 4 else 0x21, addresses + tlvs, checksum=checksum)


def block(version_command: int, family: int, octets: bytes, *, checksum: bool = False) -> bytes:
    """The head, and what follows it."""
    if checksum:
        octets += tlv(3, bytes(4))
    header = SIGNATURE + struct.pack("!BBH", version_command, family, len(octets)) + octets
    return header[:-4] + struct.pack("!I", crc32c(header)) if checksum else header


def tlv(kind: int, value: bytes) -> bytes:
    return struct.pack("!BH", kind, len(value)) + value


def tls(client: int = 1) -> bytes:
    """PP2_TYPE_SSL with the version of TLS."""
    return tlv(0x20, struct.pack("!BI", client, 0) + tlv(0x21, b"TLSv1.3"))
