"""Values to their form on the wire."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightmail._core import imap


def test_strings() -> None:
    # RFC 9051 §4.3
    assert imap.quoted(b'a "b"') == b'"a \\"b\\""'
    assert imap.quoted(memoryview(b"\xc3\xa4")) == b"{2}\r\n\xc3\xa4"
    assert imap.quoted("ä".encode(), utf8=True) == '"ä"'.encode()
    assert imap.quoted(b"a\0b") == b"~{3}\r\na\0b"
    assert imap.astring(b"INBOX") == b"INBOX"
    assert imap.astring(bytearray(b"nil")) == b'"nil"'
    assert imap.astring("ä".encode(), utf8=True) == '"ä"'.encode()


def test_mailbox_names() -> None:
    assert imap.mailbox_name("Entwürfe & Co", utf8=False) == b'"Entw&APw-rfe &- Co"'
    assert imap.mailbox_name("Entwürfe", utf8=True) == '"Entwürfe"'.encode()
    assert imap.mailbox_name("INBOX", utf8=True) == b"INBOX"


def test_dates() -> None:
    assert imap.format_internaldate(837596665, -420) == b'"17-Jul-1996 02:44:25 -0700"'


def test_utf7_names_the_offset() -> None:
    assert imap.encode_utf7("日本語") == b"&ZeVnLIqe-"
    assert imap.decode_utf7(b"&ZeVnLIqe-") == "日本語"
    with pytest.raises(ValueError, match="not modified UTF-7 at octet 3"):
        imap.decode_utf7(b"ab&!-")


@given(st.text())
def test_utf7_round_trip(name: str) -> None:
    assert imap.decode_utf7(imap.encode_utf7(name)) == name


@given(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"])), st.booleans())
def test_names_come_back_as_they_went(name: str, utf8: bool) -> None:
    decoder = imap.Decoder(imap.Limits())
    decoder.set_utf8(utf8)
    wire = imap.mailbox_name(name, utf8=utf8)
    if wire.startswith(b"{"):
        wire = wire.replace(b"}", b"+}", 1)
    decoder.feed(b"a DELETE " + wire + b"\r\n")
    found = decoder.next()
    assert isinstance(found, imap.Delete)
    assert found.mailbox == ("INBOX" if name.upper() == "INBOX" and name.isascii() else name)
