"""Messages for tests, made here: the same ones on every run, several hundred, well-formed and not.

Each has a name that says what is special about it. Lines end with CRLF unless the name says otherwise.
"""

from __future__ import annotations

import base64
import binascii
import random
from collections.abc import Iterator

CRLF = b"\r\n"

_TEXTS = {
    "us-ascii": "Plain words.\r\nA second line.\r\n",
    "utf-8": "Grüße aus Köln, 東京 and Αθήνα 🙂.\r\nNaïve café.\r\n",
    "iso-8859-1": "Grüße, façade, señor.\r\n",
    "iso-8859-15": "Für 5 €.\r\n",
    "windows-1251": "Привет, мир.\r\n",
    "koi8-r": "Привет, мир.\r\n",
    "iso-2022-jp": "こんにちは、世界。\r\n",
    "shift_jis": "こんにちは、世界。\r\n",
    "euc-kr": "안녕하세요.\r\n",
    "gb2312": "你好，世界。\r\n",
    "big5": "你好，世界。\r\n",
    "utf-16": "Sixteen bits.\r\n",
}
_ENCODINGS = ("7bit", "8bit", "quoted-printable", "base64", "BASE64", "x-unknown")
_ADDRESSES = (
    b"joe@example.org",
    b"Joe Public <joe@example.org>",
    b'"Public, Joe" <joe@example.org>',
    b"joe@example.org (Joe Public)",
    b"=?utf-8?q?J=C3=B6rg?= <joerg@example.org>",
    "Jörg <jörg@exämple.org>".encode(),
    b"A Group: joe@example.org, Jim <jim@example.org>;",
    b"undisclosed-recipients:;",
    b'"two words"@example.org',
    b"<@relay.example.org:joe@example.org>",
    b"joe@[192.0.2.1]",
    b"root",
    b"Joe Public",
    b"<>",
    b'"never closed <joe@example.org>',
    b"joe@example.org,,, jim@example.org,",
    b"(only a comment)",
)
_DATES = (
    b"Mon, 1 Jan 2024 00:00:00 +0000",
    b"1 Jan 2024 00:00:00 -0330",
    b"Mon, 01 Jan 24 00:00 EST",
    b"Mon Jan  1 00:00:00 2024",
    b"2024-01-01 00:00:00 +0100",
    b"Mon, 1 Jan 2024 00:00:00 +0100 (CET)",
    b"yesterday",
    b"",
)


def messages() -> Iterator[tuple[str, bytes]]:
    """(name, octets) of all of them."""
    yield from _texts()
    yield from _headers()
    yield from _multiparts()
    yield from _nested()
    yield from _malformed()
    yield from _noise()


def plain(subject: str = "hello", body: bytes = b"Hello.\r\n", extra: bytes = b"") -> bytes:
    """An ordinary small message. extra: more header lines, each with its CRLF."""
    return head(f"Subject: {subject}".encode() + CRLF + extra) + body


def head(fields: bytes) -> bytes:
    """A header block: the usual fields, then these."""
    usual = b"From: Joe <joe@example.org>\r\nTo: Jim <jim@example.org>\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n"
    return usual + b"Message-ID: <made@example.org>\r\nMIME-Version: 1.0\r\n" + fields + CRLF


def part(kind: bytes, body: bytes, *fields: bytes) -> bytes:
    """A part of a multipart."""
    return b"".join(field + CRLF for field in (b"Content-Type: " + kind, *fields)) + CRLF + body


def multipart(kind: bytes, parts: list[bytes], boundary: bytes = b"=-limit") -> bytes:
    """A whole multipart entity, closed, with text before and after its parts."""
    lines = b"".join(b"--" + boundary + CRLF + one + CRLF for one in parts)
    body = b"before\r\n" + lines + b"--" + boundary + b"--\r\nafter\r\n"
    return part(b"multipart/" + kind + b'; boundary="' + boundary + b'"', body)


def whole(entity: bytes) -> bytes:
    """An entity with the fields of a message before its own."""
    fields, _, body = entity.partition(CRLF + CRLF)
    return head(fields + CRLF) + body


def encoded(octets: bytes, encoding: str) -> bytes:
    if encoding.lower() == "base64":
        return base64.encodebytes(octets).replace(b"\n", CRLF)
    if encoding == "quoted-printable":
        return binascii.b2a_qp(octets, istext=True).replace(b"\r\n", b"\n").replace(b"\n", CRLF)
    return octets


def _texts() -> Iterator[tuple[str, bytes]]:
    for charset, text in _TEXTS.items():
        for encoding in _ENCODINGS:
            for subtype in ("plain", "html"):
                octets = encoded(text.encode(charset), encoding)
                kind = f"text/{subtype}; charset={charset}".encode()
                entity = part(kind, octets, b"Content-Transfer-Encoding: " + encoding.encode())
                yield f"text-{subtype}-{charset}-{encoding}", whole(entity)


def _headers() -> Iterator[tuple[str, bytes]]:
    for index, address in enumerate(_ADDRESSES):
        for field in (b"Reply-To: ", b"Cc: "):
            yield f"address-{index}-{field[:2].decode()}", plain(extra=field + address + CRLF)
    for index, date in enumerate(_DATES):
        yield f"date-{index}", b"Subject: dated\r\nDate: " + date + b"\r\n\r\nbody\r\n"
    words = "=?utf-8?q?Gr=C3=BC=C3?= =?utf-8?q?=9Fe?=", "=?iso-2022-jp?B?GyRCJUslYyE8JXMbKEI=?=", "Grüße", "=?x?q?", ""
    for index, subject in enumerate(words):
        yield f"subject-{index}", plain(subject)
    yield "folded", plain(extra=b"X-Long: one\r\n two\r\n\tthree\r\n")
    yield "many-fields", plain(extra=b"".join(b"X-%d: y\r\n" % number for number in range(500)))
    yield "long-field", plain(extra=b"References: " + b"<1@example.org>\r\n " * 500 + b"<2@example.org>\r\n")
    yield (
        "names-in-parameters",
        whole(
            part(
                b"application/pdf; name*0*=utf-8''%e2%82%ac; name*1=.pdf",
                b"JVBERg==\r\n",
                b"Content-Transfer-Encoding: base64",
                b'Content-Disposition: attachment; filename="a\\"b.pdf"; size=4',
                b"Content-Language: de, en",
                b"Content-MD5: Q2hlY2s=",
                b"Content-Location: http://example.org/a.pdf",
                b"Content-ID: <part@example.org>",
                b"Content-Description: a file",
            )
        ),
    )


def _multiparts() -> Iterator[tuple[str, bytes]]:
    text = part(b"text/plain; charset=utf-8", "Grüße.\r\n".encode(), b"Content-Transfer-Encoding: 8bit")
    html = part(b"text/html; charset=utf-8", b"<p>Gr=C3=BC=C3=9Fe</p>", b"Content-Transfer-Encoding: quoted-printable")
    image = part(b'image/png; name="a.png"', encoded(bytes(range(256)), "base64"), b"Content-Transfer-Encoding: base64")
    for kind in (b"mixed", b"alternative", b"related", b"signed", b"report", b"x-unknown"):
        for count in (1, 2, 3, 10):
            parts = [(text, html, image)[number % 3] for number in range(count)]
            yield f"multipart-{kind.decode()}-{count}", whole(multipart(kind, parts))
    inner = multipart(b"alternative", [text, multipart(b"related", [html, image], b"=-in")], b"=-mid")
    yield "multipart-in-multipart", whole(multipart(b"mixed", [inner, image]))
    yield "multipart-many", whole(multipart(b"mixed", [text] * 300))


def _nested() -> Iterator[tuple[str, bytes]]:
    message = plain("inner")
    for depth in range(1, 6):
        message = whole(multipart(b"mixed", [part(b"message/rfc822", message)], b"level-%d" % depth))
        yield f"message-in-message-{depth}", message
    yield "digest", whole(multipart(b"digest", [CRLF + plain(str(number)) for number in range(5)]))
    yield "message-alone", whole(part(b"message/rfc822", plain("inner")))
    yield "message-global", whole(part(b"message/global", plain("Grüße")))
    deep = part(b"text/plain", b"deep")
    for depth in range(150):
        deep = multipart(b"mixed", [deep], b"d%d" % depth)
    yield "multiparts-150-deep", whole(deep)


def _malformed() -> Iterator[tuple[str, bytes]]:
    text = part(b"text/plain", b"words")
    closed = whole(multipart(b"mixed", [text, text]))
    yield "one-octet", b"x"
    yield "one-line-break", CRLF
    yield "header-only", b"Subject: x\r\n"
    yield "no-header", b"\r\nbody\r\n"
    yield "lf-alone", closed.replace(CRLF, b"\n")
    yield "cr-alone", closed.replace(CRLF, b"\r")
    yield "mixed-line-ends", closed.replace(CRLF, b"\n", 7)
    yield "from-line", b"From joe Mon Jan  1 00:00:00 2024\r\n" + closed
    yield "line-without-colon", plain(extra=b"no colon here\r\n")
    yield "nul", plain("a\0b", b"c\0d\r\n")
    yield "eight-bit-everywhere", bytes(range(128, 256)) + b": " + bytes(range(128, 256)) + CRLF + closed
    yield "type-junk", plain(extra=b"Content-Type: ;;;\r\n")
    yield "type-twice", plain(extra=b"Content-Type: text/plain\r\nContent-Type: text/html\r\n")
    yield "boundary-missing", plain(extra=b"Content-Type: multipart/mixed\r\n")
    yield (
        "boundary-empty",
        plain(extra=b'Content-Type: multipart/mixed; boundary=""\r\n', body=b"--\r\n\r\nx\r\n----\r\n"),
    )
    yield "boundary-unquoted", closed.replace(b'"=-limit"', b"=-limit")
    yield "boundary-with-blanks", closed.replace(b"=-limit\r\n", b"=-limit  \r\n")
    yield "line-of-1-mib", plain(body=b"x" * 1_048_576)
    for cut in range(0, len(closed), 40):
        yield f"cut-short-at-{cut}", closed[:cut] or b"-"
    for damage in (b"SGVs*bG8=", b"SGVsbG8", b"SGVs=bG8=", b"====", b"\xff\xfe"):
        entity = part(b"text/plain", damage + CRLF, b"Content-Transfer-Encoding: base64")
        yield f"base64-damaged-{damage!r}", whole(entity)
    for damage in (b"a=ZZb", b"a=", b"a= \r\nb", b"blanks  \r\n", b"=e9=C3"):
        entity = part(b"text/plain", damage + CRLF, b"Content-Transfer-Encoding: quoted-printable")
        yield f"quoted-printable-damaged-{damage!r}", whole(entity)


def _noise() -> Iterator[tuple[str, bytes]]:
    """Pieces of messages in any order."""
    chance = random.Random(5322)
    pieces = [
        CRLF,
        b"\n",
        b"--b\r\n",
        b"--b--\r\n",
        b"Content-Type: multipart/mixed; boundary=b\r\n",
        b"x: y\r\n",
        b"\0",
        b"a=\r\n",
    ]
    pieces += [
        b"Content-Type: message/rfc822\r\n\r\n",
        b"Content-Transfer-Encoding: base64\r\n",
        b"From: a@b\r\n",
        b"words\r\n",
    ]
    for number in range(100):
        yield f"noise-{number}", b"".join(chance.choices(pieces, k=chance.randint(1, 40)))
