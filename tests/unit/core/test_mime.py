"""`_core.mime` over messages made here: every answer holds together, whatever the message."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage, MIMEPart

import pytest

from lightmail._core import frames, mime
from tests.corpus.imap_text import parse, tree
from tests.support import messages

LIMITS = mime.MimeLimits()

ALL = list(messages.messages())


@pytest.mark.parametrize(("name", "octets"), ALL, ids=[name for name, _ in ALL])
def test_every_message_has_a_summary(name: str, octets: bytes) -> None:
    summary = mime.analyze(octets, LIMITS)
    assert summary.octets == len(octets)
    header, text = (mime.section_range(summary.parts, section) for section in ("HEADER", "TEXT"))
    assert header == (0, len(summary.header))
    assert summary.header == octets[: len(summary.header)]
    assert text == (len(summary.header), len(octets) - len(summary.header))
    assert len(parse(summary.envelope) or ()) == 10  # type: ignore[arg-type]  # a list by grammar
    assert tree(parse(summary.bodystructure))
    assert len(summary.preview) <= 200


@pytest.mark.parametrize("chunk", [1, 7, 4096])
def test_chunks_make_no_difference(chunk: int) -> None:
    for name, octets in ALL:
        if len(octets) > 100_000 and chunk < 100:
            continue
        ingest = frames.Ingest(LIMITS)
        for start in range(0, len(octets), chunk):
            ingest.feed(memoryview(octets)[start : start + chunk])
        ours, whole = ingest.finish().summary, mime.analyze(octets, LIMITS)
        for field in ("header", "envelope", "bodystructure", "parts", "preview", "subject", "sent_date"):
            assert getattr(ours, field) == getattr(whole, field), (name, field)


def _leaves(message: MIMEPart, prefix: str = "") -> list[tuple[str, MIMEPart]]:
    """Section numbers of the parts that are no multiparts, as Python's own package sees the message."""
    if message.get_content_maintype() == "multipart":
        found: list[tuple[str, MIMEPart]] = []
        for number, part in enumerate(message.iter_parts(), start=1):
            section = f"{prefix}{number}"
            inner = part.get_content_maintype() == "multipart"
            found += _leaves(part, f"{section}.") if inner else [(section, part)]
        return found
    return [(f"{prefix}1", message)]


WELL_FORMED = [
    (name, octets)
    for name, octets in ALL
    if name.startswith(("text-", "multipart-")) and "x-unknown" not in name and "utf-16" not in name
]


@pytest.mark.parametrize(("name", "octets"), WELL_FORMED, ids=[name for name, _ in WELL_FORMED])
def test_decoded_parts_are_those_of_the_email_package(name: str, octets: bytes) -> None:
    summary = mime.analyze(octets, LIMITS)
    message = email.message_from_bytes(octets, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    leaves = _leaves(message)
    assert leaves
    for section, part in leaves:
        found = mime.section_range(summary.parts, section)
        assert found is not None
        start, count = found
        decoded = mime.decode_part(summary.parts, section, octets[start : start + count])
        expected = part.get_payload(decode=True)
        assert decoded.rstrip(b"\r\n") == expected.rstrip(b"\r\n")  # type: ignore[union-attr]  # bytes when decoded


def test_sections_that_do_not_exist() -> None:
    summary = mime.analyze(messages.plain(), LIMITS)
    for section in ("2", "1.1", "0", "1.HEADER", "MIME", "x", "1.", ".1", "99999999999"):
        assert mime.section_range(summary.parts, section) is None, section
    with pytest.raises(ValueError, match="part table"):
        mime.section_range(b"\xff", "1")


def test_unknown_encoding() -> None:
    octets = messages.plain(extra=b"Content-Transfer-Encoding: x-uuencode\r\n")
    summary = mime.analyze(octets, LIMITS)
    with pytest.raises(mime.UnknownEncoding):
        mime.decode_part(summary.parts, "1", b"octets")


def test_fields_of_the_summary() -> None:
    summary = mime.analyze(messages.plain("Re: [list] =?utf-8?q?Gr=C3=BC=C3=9Fe?=", b"Hello  there.\r\n"), LIMITS)
    assert (summary.subject, summary.base_subject) == ("Re: [list] Grüße", "Grüße")
    assert (summary.sent_date, summary.sent_zone) == (1704067200, 0)
    assert summary.message_id == b"<made@example.org>"
    assert summary.preview == "Hello there."
    assert mime.analyze(b"x", LIMITS).sent_date == 0


def test_limits_hold() -> None:
    limits = mime.MimeLimits(depth=3, parts=5, header_octets=1000)
    for name, octets in ALL:
        summary = mime.analyze(octets, limits)
        assert len(summary.header) <= 1000, name
        structure = summary.bodystructure
        # A multipart at the limit without a part of its own still gets one.
        assert structure.count(b'"7bit"') + structure.count(b'"8bit"') <= 6, name
