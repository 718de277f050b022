"""The PROXY protocol, versions 1 and 2, as its receiver: from the octets in front of a connection to the client's address.

Source: "The PROXY protocol", HAProxy Technologies, §2.1, §2.2. Sans-IO; never takes an octet behind the header, as TLS
may begin there.
"""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address

from lightmail.config.networks import normal_host
from lightmail.model import Origin

MAX_V1_OCTETS = 107
"""With CR LF (§2.1)."""
MAX_V2_OCTETS = 4_096
"""216 of addresses, and what proxies add: names, ids, parts of certificates. The format would allow 65,551."""

_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_V1 = b"PROXY "
_HEAD = struct.Struct("!12sBBH")
_LOCAL, _PROXY = 0, 1
_UNSPECIFIED, _INET, _INET6, _UNIX = range(4)
_STREAM = 1
_ADDRESS_OCTETS = {_INET: 12, _INET6: 36, _UNIX: 216}
_TLV_CRC32C, _TLV_SSL = 0x03, 0x20
_CLIENT_SSL = 0x01


class ProxyHeaderBroken(Exception):
    """Not a PROXY header, or one that cannot be; the text says why."""


class ProxyHeader:
    """One header on its way."""

    __slots__ = ("_held", "done", "origin")

    def __init__(self) -> None:
        self.done = False
        self.origin: Origin | None = None
        """Once it is done: None: the proxy speaks for itself, or does not say for whom (LOCAL, UNKNOWN, UNSPEC)."""
        self._held = bytearray()

    def feed(self, octets: bytes) -> int:
        """How many of these octets belong to the header. Raises ProxyHeaderBroken."""
        before = len(self._held)
        self._held += octets
        end = self._end(before)
        if end is None:
            return len(octets)
        del self._held[end:]
        header = bytes(self._held)
        self.origin = _parse_v1(header) if header.startswith(_V1) else _parse_v2(header)
        self.done = True
        return end - before

    def _end(self, before: int) -> int | None:
        """Where the header ends; None: not within what has come. before: octets that have been looked at."""
        held = self._held
        for beginning in (_V1, _SIGNATURE):
            if beginning.startswith(held[: len(beginning)]):
                break
        else:
            raise ProxyHeaderBroken("it does not begin with one")
        if held.startswith(_V1):
            end = held.find(b"\n", before, MAX_V1_OCTETS)
            if end < 0 and len(held) >= MAX_V1_OCTETS:
                raise ProxyHeaderBroken(f"its line is longer than {MAX_V1_OCTETS} octets")
            return end + 1 if end >= 0 else None
        if len(held) < _HEAD.size:
            return None
        _, _, _, octets = _HEAD.unpack_from(held)
        if _HEAD.size + octets > MAX_V2_OCTETS:
            raise ProxyHeaderBroken(f"it is longer than {MAX_V2_OCTETS} octets")
        return _HEAD.size + octets if len(held) >= _HEAD.size + octets else None


def _parse_v1(line: bytes) -> Origin | None:
    """The line `PROXY (TCP4 | TCP6) source destination port port`, or `PROXY UNKNOWN` with anything behind it."""
    if not line.endswith(b"\r\n"):
        raise ProxyHeaderBroken("its line does not end with CR LF")
    words = line[:-2].split(b" ")
    if words[1] == b"UNKNOWN":
        return None
    if len(words) != 6 or words[1] not in (b"TCP4", b"TCP6"):
        raise ProxyHeaderBroken("its line is not one of version 1")
    kind = IPv4Address if words[1] == b"TCP4" else IPv6Address
    try:
        source, _ = (kind(word.decode("ascii")) for word in words[2:4])
    except ValueError:
        raise ProxyHeaderBroken("an address is none of its family") from None
    ports = [int(word) if word.isdigit() and len(word) <= 5 else 65_536 for word in words[4:]]
    if max(ports) > 65_535:
        raise ProxyHeaderBroken("a port is none")
    return Origin(normal_host(str(source)), ports[0])


def _parse_v2(header: bytes) -> Origin | None:
    _, version_command, family_protocol, _ = _HEAD.unpack_from(header)
    if version_command >> 4 != 2:
        raise ProxyHeaderBroken(f"its version is {version_command >> 4}")
    command, family, protocol = version_command & 15, family_protocol >> 4, family_protocol & 15
    if command not in (_LOCAL, _PROXY):
        raise ProxyHeaderBroken(f"command {command} is not known")
    if command == _LOCAL:
        return None
    if family > _UNIX or protocol > 2:
        raise ProxyHeaderBroken(f"family {family} with transport {protocol} is not known")
    if family == _UNSPECIFIED or protocol == 0:
        return None
    if protocol != _STREAM:
        raise ProxyHeaderBroken("it tells of datagrams")
    at = _HEAD.size + _ADDRESS_OCTETS[family]
    if len(header) < at:
        raise ProxyHeaderBroken("it is too short for its addresses")
    tls = _is_tls(header, at)
    if family == _UNIX:
        return Origin(None, tls=tls)
    addresses = header[_HEAD.size : at]
    source = IPv4Address(addresses[:4]) if family == _INET else IPv6Address(addresses[:16])
    (port,) = struct.unpack_from("!H", addresses, len(addresses) - 4)
    return Origin(normal_host(str(source)), port, tls)


def _is_tls(header: bytes, at: int) -> bool:
    """What stands behind the addresses (§2.2): whether the client spoke TLS. A checksum is compared."""
    tls = False
    while at < len(header):
        if at + 3 > len(header):
            raise ProxyHeaderBroken("what follows its addresses is cut off")
        kind, octets = struct.unpack_from("!BH", header, at)
        begin, at = at + 3, at + 3 + octets
        if at > len(header):
            raise ProxyHeaderBroken("what follows its addresses is cut off")
        if kind == _TLV_SSL:
            if octets < 5:
                raise ProxyHeaderBroken("what it says of TLS is too short")
            tls = bool(header[begin] & _CLIENT_SSL)
        elif kind == _TLV_CRC32C:
            zeroed = header[:begin] + bytes(octets) + header[at:]
            if octets != 4 or int.from_bytes(header[begin:at], "big") != crc32c(zeroed):
                raise ProxyHeaderBroken("its checksum is wrong")
    return tls


def crc32c(octets: bytes) -> int:
    """RFC 9260, Appendix A (Castagnoli)."""
    crc = 0xFFFFFFFF
    for octet in octets:
        crc = _CRC32C[(crc ^ octet) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def _crc32c_row(octet: int) -> int:
    for _ in range(8):
        octet = (octet >> 1) ^ (0x82F63B78 if octet & 1 else 0)
    return octet


_CRC32C = [_crc32c_row(octet) for octet in range(256)]
