"""Synthetic mail of 1-50 KB: deterministic, of the shapes that real mail has."""

from __future__ import annotations

import random

_WORDS = """
account agenda attached balance before between build change client commit company contract course customer
data delivery design discuss document draft during entry error estimate every figure follow friday government
holiday invoice item january later letter list machine market meeting message monday month name needle network
number office order page paper patch people plan please point price problem project public question quote
release reply report request result review route sample schedule section server service signed station status
street student system table team thanks thursday ticket today training travel update user version water
weather week window work
""".split()  # noqa: SIM905  a page of strings is harder to read


def message(number: int, octets: int | None = None) -> bytes:
    """Message `number`: CRLF line ends; about `octets` octets, 1-50 KB when not given."""
    chance = random.Random(number)
    size = octets or min(50_000, 1_000 + int(chance.expovariate(1 / 6_000)))
    subject = " ".join(chance.choices(_WORDS, k=chance.randint(2, 8)))
    sender, receiver = (f"{chance.choice(_WORDS)}.{chance.choice(_WORDS)}@example.org" for _ in range(2))
    head = (
        f"Return-Path: <{sender}>\r\nReceived: from mx.example.org by mail.example.org with ESMTP id {number:x}; "
        f"Mon, 1 Jan 2024 {number % 24:02}:{number % 60:02}:00 +0000\r\n"
        f"Date: Mon, 1 Jan 2024 {number % 24:02}:{number % 60:02}:00 +0000\r\nFrom: {sender.split('@')[0]} <{sender}>\r\n"
        f"To: <{receiver}>\r\nSubject: {subject}\r\nMessage-ID: <{number}.{chance.getrandbits(64):x}@example.org>\r\n"
        f"References: <{number - 1}@example.org> <{number - 2}@example.org>\r\nMIME-Version: 1.0\r\n"
    )
    plain = _text(chance, size // 2)
    if number % 3 == 0:
        return (head + f"Content-Type: text/plain; charset=utf-8\r\n\r\n{plain}{_text(chance, size // 2)}").encode()
    boundary = f"=_{number:x}_{chance.getrandbits(48):x}"
    return (
        f'{head}Content-Type: multipart/alternative; boundary="{boundary}"\r\n\r\n'
        f"--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{plain}\r\n"
        f"--{boundary}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        f"<html><body><p>{_text(chance, size // 2)}</p></body></html>\r\n--{boundary}--\r\n"
    ).encode()


def _text(chance: random.Random, octets: int) -> str:
    lines = []
    have = 0
    while have < octets:
        line = " ".join(chance.choices(_WORDS, k=11))
        lines.append(line)
        have += len(line) + 2
    return "\r\n".join(lines) + "\r\n"


def attachment(octets: int) -> bytes:
    """A message of about `octets` octets, nearly all of them the base64 of noise."""
    import base64

    noise = random.Random(octets).randbytes(octets * 57 // 78)
    body = base64.encodebytes(noise).replace(b"\n", b"\r\n")
    return (
        b"From: a@example.org\r\nTo: b@example.org\r\nSubject: attachment\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: application/octet-stream; name="noise.bin"\r\nContent-Transfer-Encoding: base64\r\n\r\n' + body
    )
