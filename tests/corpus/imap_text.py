"""A small reader of IMAP values, and the normal form in which two servers' answers are compared."""

from __future__ import annotations

import re
from typing import TypeAlias

Value: TypeAlias = "bytes | int | list[Value] | None"

_ATOM = re.compile(rb"[^ ()\r\n]+")
_LITERAL = re.compile(rb"\{(\d+)\}\r\n")


def parse(text: bytes) -> Value:
    """One value: a list, a string (quoted or literal), NIL or a number. Raises ValueError with the offset."""
    value, at = _value(text, 0)
    if at != len(text):
        raise ValueError(f"octets left at {at}")
    return value


def _value(text: bytes, at: int) -> tuple[Value, int]:
    stack: list[list[Value]] = []
    while True:
        value: Value
        if text[at : at + 1] == b"(":
            stack.append([])
            at += 1
            continue
        if text[at : at + 1] == b")":
            value = stack.pop()
            at += 1
        elif text[at : at + 1] == b" ":
            at += 1
            continue
        else:
            value, at = _scalar(text, at)
        if not stack:
            return value, at
        stack[-1].append(value)


def _scalar(text: bytes, at: int) -> tuple[bytes | int | None, int]:
    if text[at : at + 1] == b'"':
        end = at + 1
        while text[end : end + 1] != b'"':
            if end >= len(text):
                raise ValueError(f"no closing quote for {at}")
            end += 2 if text[end : end + 1] == b"\\" else 1
        return re.sub(rb"\\(.)", rb"\1", text[at + 1 : end]), end + 1
    if literal := _LITERAL.match(text, at):
        end = literal.end() + int(literal[1])
        return text[literal.end() : end], end
    atom = _ATOM.match(text, at)
    if atom is None:
        raise ValueError(f"no value at {at}")
    if atom[0].upper() == b"NIL":
        return None, atom.end()
    return int(atom[0]), atom.end()


def normal_envelope(value: Value) -> Value:
    """NIL and "" alike, runs of blanks collapsed."""
    if isinstance(value, list):
        return [normal_envelope(item) for item in value]
    if isinstance(value, bytes):
        return b" ".join(value.split()) or None
    return value


def normal_structure(value: Value) -> Value:
    """Letter case of types, encodings, dispositions, languages, parameter names, charsets; parameter order; us-ascii."""
    assert isinstance(value, list), value
    if value and isinstance(value[0], list):
        parts = [item for item in value if isinstance(item, list)]
        count = next(index for index, item in enumerate(value) if not isinstance(item, list))
        children = [normal_structure(item) for item in value[:count]]
        rest = value[count:]
        assert len(parts) >= count
        return [*children, _lower(rest[0]), *_params_and_rest(rest[1:])]
    kind, subtype, params, ident, description, encoding, size, *rest = value
    is_text = isinstance(kind, bytes) and kind.lower() == b"text"
    params = _params(params)
    if is_text:
        assert isinstance(params, list)
        if not any(isinstance(pair, list) and pair[0] == b"charset" for pair in params):
            params.append([b"charset", b"us-ascii"])
            params.sort(key=repr)
    head: list[Value] = [_lower(kind), _lower(subtype), params, ident, description, _lower(encoding), size]
    if rest and isinstance(rest[0], list):
        envelope, body, lines, *extension = rest
        head += [normal_envelope(envelope), normal_structure(body), lines]
    elif is_text:
        head.append(rest[0])
        extension = rest[1:]
    else:
        extension = rest
    if extension:
        head += [extension[0], *_extension(extension[1:])]
    return head


def tree(value: Value) -> Value:
    """Types alone, nested as the parts are."""
    assert isinstance(value, list), value
    if value and isinstance(value[0], list):
        count = next(index for index, item in enumerate(value) if not isinstance(item, list))
        return [*(tree(item) for item in value[:count]), _lower(value[count])]
    kind, subtype = _lower(value[0]), _lower(value[1])
    if len(value) > 8 and isinstance(value[7], list):
        return [kind, subtype, tree(value[8])]
    return [kind, subtype]


def _lower(value: Value) -> Value:
    return value.lower() if isinstance(value, bytes) else value


def _params(value: Value) -> Value:
    if not isinstance(value, list):
        return []
    pairs: list[Value] = []
    for name, text in zip(value[::2], value[1::2], strict=True):
        key = _lower(name)
        pairs.append([key, _lower(text) if key == b"charset" else text])
    pairs.sort(key=repr)
    return pairs


def _params_and_rest(rest: list[Value]) -> list[Value]:
    if not rest:
        return []
    return [_params(rest[0]), *_extension(rest[1:])]


def _extension(rest: list[Value]) -> list[Value]:
    """Disposition, language, location."""
    if not rest:
        return []
    disposition = rest[0]
    if isinstance(disposition, list):
        disposition = [_lower(disposition[0]), _params(disposition[1])]
    language = rest[1]
    if isinstance(language, list):
        language = [_lower(tag) for tag in language]
    return [disposition, language, *rest[2:]]
