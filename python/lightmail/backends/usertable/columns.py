"""The names of columns in an answer of MySQL: the packets in front of its rows."""

from __future__ import annotations

_NAME = 4
"""Behind catalogue, schema, table and the table's own name (protocol 4.1, column definition)."""


def column_names(head: bytes) -> tuple[str, ...]:
    """head: `answers.Shape.octets`: a packet with their number, one for each column, one that ends them."""
    packets = []
    at = 0
    while at < len(head):
        end = at + 4 + int.from_bytes(head[at : at + 3], "little")
        packets.append(head[at + 4 : end])
        at = end
    return tuple(_name(packet) for packet in packets[1:-1])


def _name(packet: bytes) -> str:
    """Names have at most 256 octets: their lengths are one octet, or three."""
    at = 0
    for number in range(_NAME + 1):
        size, begin = packet[at], at + 1
        if size == 0xFC:
            size, begin = int.from_bytes(packet[at + 1 : at + 3], "little"), at + 3
        at = begin + size
        if number == _NAME:
            return packet[begin:at].decode("utf-8", "replace")
    return ""
