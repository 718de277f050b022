"""The PROXY protocol, both versions, octet by octet."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightmail.model import Origin
from lightmail.net.proxy_header import MAX_V1_OCTETS, MAX_V2_OCTETS, ProxyHeader, ProxyHeaderBroken, crc32c
from tests.unit.net.proxied import SIGNATURE, block, tls, tlv, version_1, version_2

UNIX = b"/run/client.sock".ljust(108, b"\x00") * 2

GOOD = [
    (version_1(), Origin("192.0.2.9", 4711)),
    (version_1("2001:db8::9"), Origin("2001:db8::9", 4711)),
    (version_1("::ffff:192.0.2.9"), Origin("192.0.2.9", 4711)),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN ffff:f::f ffff:f::f 65535 65535\r\n", None),
    (version_2(), Origin("192.0.2.9", 4711)),
    (version_2("2001:db8::9"), Origin("2001:db8::9", 4711)),
    (version_2("::ffff:192.0.2.9"), Origin("192.0.2.9", 4711)),
    (version_2(tlvs=tlv(4, b"padding") + tls() + tlv(0xEA, b"")), Origin("192.0.2.9", 4711, tls=True)),
    (version_2(tlvs=tls(0)), Origin("192.0.2.9", 4711)),
    (version_2(tlvs=tls(), checksum=True), Origin("192.0.2.9", 4711, tls=True)),
    (version_2(command=0), None),
    (block(0x20, 0x00, b""), None),
    (block(0x20, 0xFF, b"whatever a health check says"), None),
    (block(0x21, 0x00, b""), None),
    (block(0x21, 0x10, b"\x00" * 12), None),
    (block(0x21, 0x31, UNIX), Origin(None)),
    (block(0x21, 0x31, UNIX + tls()), Origin(None, tls=True)),
    (version_2(tlvs=tlv(5, b"x" * (MAX_V2_OCTETS - 16 - 12 - 3))), Origin("192.0.2.9", 4711)),
]
BROKEN = [
    b"* OK no proxy here\r\n",
    b"PROXI TCP4 ",
    b"\x16\x03\x01\x02\x00\x01",
    b"\r\n\r\n\x00\r\nQUIK",
    b"PROXY TCP4 192.0.2.9 198.51.100.1 4711 993\n",
    b"PROXY TCP4 192.0.2.9 198.51.100.1 4711\r\n",
    b"PROXY TCP4 192.0.2.9  198.51.100.1 4711 993\r\n",
    b"PROXY TCP4 2001:db8::9 2001:db8::1 4711 993\r\n",
    b"PROXY TCP6 192.0.2.9 198.51.100.1 4711 993\r\n",
    b"PROXY TCP4 192.0.2.09 198.51.100.1 4711 993\r\n",
    b"PROXY TCP4 192.0.2.9 198.51.100.1 65536 993\r\n",
    b"PROXY TCP4 192.0.2.9 198.51.100.1 -1 993\r\n",
    b"PROXY UDP4 192.0.2.9 198.51.100.1 4711 993\r\n",
    b"PROXY \r\n",
    b"PROXY " + b"x" * (MAX_V1_OCTETS - 6),
    block(0x11, 0x11, b"\x00" * 12),
    block(0x22, 0x11, b"\x00" * 12),
    block(0x21, 0x41, b"\x00" * 12),
    block(0x21, 0x13, b"\x00" * 12),
    block(0x21, 0x12, b"\x00" * 12),
    block(0x21, 0x11, b"\x00" * 11),
    block(0x21, 0x21, b"\x00" * 35),
    block(0x21, 0x31, b"\x00" * 215),
    SIGNATURE + b"\x21\x11\xff\xff",
    SIGNATURE + b"\x21\x11" + (MAX_V2_OCTETS - 15).to_bytes(2, "big"),
    version_2(tlvs=b"\x04\x00"),
    version_2(tlvs=b"\x04\x00\x05four"),
    version_2(tlvs=tlv(0x20, b"\x01")),
    version_2(tlvs=tlv(3, b"\x00" * 4)),
    version_2(tlvs=tlv(3, b"\x00")),
]


def test_crc32c() -> None:
    """RFC 3720, Appendix B.4."""
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(bytes(range(32))) == 0x46DD794E


@pytest.mark.parametrize(("octets", "origin"), GOOD)
def test_the_client_is_told(octets: bytes, origin: Origin | None) -> None:
    header = ProxyHeader()
    assert header.feed(octets + b"a LOGIN") == len(octets), "what follows is not the header's"
    assert header.done and header.origin == origin


@pytest.mark.parametrize(("octets", "origin"), GOOD)
def test_in_any_pieces(octets: bytes, origin: Origin | None) -> None:
    header = ProxyHeader()
    for at in range(len(octets)):
        assert not header.done
        assert header.feed(octets[at : at + 1]) == 1
    assert header.done and header.origin == origin


@pytest.mark.parametrize("octets", BROKEN)
def test_what_is_no_header_is_refused(octets: bytes) -> None:
    with pytest.raises(ProxyHeaderBroken):
        ProxyHeader().feed(octets)
    with pytest.raises(ProxyHeaderBroken):
        octet_by_octet(octets)


def octet_by_octet(octets: bytes) -> None:
    header = ProxyHeader()
    for at in range(len(octets)):
        header.feed(octets[at : at + 1])


@given(
    st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE, SIGNATURE + b"\x21\x11\x00"]), st.binary(max_size=600)
)
def test_any_octets(beginning: bytes, rest: bytes) -> None:
    """Refused, taken, or held up to the bound; nothing else is raised."""
    header = ProxyHeader()
    with contextlib.suppress(ProxyHeaderBroken):
        used = header.feed(beginning + rest)
        assert used <= min(len(beginning + rest), MAX_V2_OCTETS)
        assert header.done or used == len(beginning + rest)
