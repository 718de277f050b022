"""Values to their form on the wire."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightmail._core import imap


def test_mailbox_names() -> None:
    assert imap.mailbox_name("Entwürfe & Co", utf8=False) == b'"Entw&APw-rfe &- Co"'
    assert imap.mailbox_name("Entwürfe", utf8=True) == '"Entwürfe"'.encode()
    assert imap.mailbox_name("INBOX", utf8=True) == b"INBOX"


def test_utf7_names_the_offset() -> None:
    assert imap.decode_utf7(b"&ZeVnLIqe-") == "日本語"
    with pytest.raises(ValueError, match="not modified UTF-7 at octet 3"):
        imap.decode_utf7(b"ab&!-")


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
    if len(name) > 1:
        name = name.removesuffix("/")  # no part of a name (RFC 9051 §6.3.4)
    assert found.mailbox == ("INBOX" if name.upper() == "INBOX" and name.isascii() else name)
