"""Events of a decoder fed with octets."""

from __future__ import annotations

from lightmail._core import imap


def drain(decoder: imap.Decoder, data: bytes = b"") -> list[imap.Event]:
    """Feeds and takes all events; messages of an APPEND are accepted."""
    decoder.feed(data)
    found: list[imap.Event] = []
    while (event := decoder.next()) is not None:
        found.append(event)
        if isinstance(event, imap.AppendMessage):
            decoder.accept_literal()
    return found


def events(data: bytes) -> list[imap.Event]:
    return drain(imap.Decoder(imap.Limits()), data)


def only(line: str) -> imap.Event:
    """The one event of a line without its line end."""
    found = events(line.encode() + b"\r\n")
    assert len(found) == 1, found
    return found[0]
