"""A server's answers, octet by octet."""

from __future__ import annotations

from collections.abc import Sequence

VARCHAR, LONG, LONGLONG, DOUBLE, DECIMAL, BLOB, JSON = 0xFD, 0x03, 0x08, 0x05, 0xF6, 0xFC, 0xF5
UTF8MB4, BINARY = 45, 63
IN_TRANSACTION, MORE_RESULTS = 1, 8


def framed(*payloads: bytes) -> bytes:
    return b"".join(
        len(payload).to_bytes(3, "little") + bytes(((number + 1) % 256,)) + payload
        for number, payload in enumerate(payloads)
    )


def length(number: int) -> bytes:
    if number < 0xFB:
        return bytes((number,))
    for first, size in ((0xFC, 2), (0xFD, 3), (0xFE, 8)):
        if number < 1 << 8 * size:
            return bytes((first,)) + number.to_bytes(size, "little")
    raise ValueError(number)


def text(octets: bytes) -> bytes:
    return length(len(octets)) + octets


def ok(*, affected: int = 0, insert_id: int = 0, status: int = 0) -> bytes:
    return b"\0" + length(affected) + length(insert_id) + status.to_bytes(2, "little") + b"\0\0"


def error(number: int, message: str, *, state: bytes = b"#HY000") -> bytes:
    return b"\xff" + number.to_bytes(2, "little") + state + message.encode()


def end(status: int = 0) -> bytes:
    return b"\xfe\0\0" + status.to_bytes(2, "little")


def column(name: str, kind: int, charset: int = BINARY, decimals: int = 0) -> bytes:
    names = text(b"def") + text(b"lightmail") + text(b"t") + text(b"t") + text(name.encode()) + text(b"")
    fixed = charset.to_bytes(2, "little") + (100).to_bytes(4, "little") + bytes((kind, 0, 0, decimals, 0, 0))
    return names + b"\x0c" + fixed


def row(values: Sequence[bytes | None]) -> bytes:
    return b"".join(b"\xfb" if value is None else text(value) for value in values)


def result_set(columns: Sequence[bytes], rows: Sequence[Sequence[bytes | None]], *, status: int = 0) -> list[bytes]:
    return [length(len(columns)), *columns, end(), *map(row, rows), end(status)]
