"""One configured value: from TOML or from text into the type its key has, with words for what was expected."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec


class ValueProblem(ValueError):
    """Says what was expected and what was found; `at` leads into a list or table."""

    def __init__(self, text: str, at: tuple[str | int, ...] = ()) -> None:
        super().__init__(text)
        self.at = at


_TRUE = ("true", "yes", "on", "1")
_FALSE = ("false", "no", "off", "0")


def from_toml(type_: Any, value: Any) -> Any:
    """Strict: no number is taken for a text or the reverse. Raises ValueProblem."""
    try:
        return msgspec.convert(value, type_, strict=True)
    except msgspec.ValidationError as error:
        at = _path(str(error))
        found = value
        for part in at:
            found = found[part]
        inner = _within(type_, at)
        raise ValueProblem(f"expected {expected(inner)}, found {_found(found)}", at) from None


def from_text(type_: Any, text: str) -> Any:
    """From an environment variable or an option: lists are comma-separated, tables NAME=VALUE, comma-separated."""
    plain = _plain(type_)
    value: Any = text
    if plain is bool:
        word = text.strip().lower()
        if word not in _TRUE + _FALSE:
            raise ValueProblem(f"expected {expected(type_)}, found {text!r}")
        value = word in _TRUE
    elif plain in (int, float):
        try:
            value = plain(text.strip())
        except ValueError:
            raise ValueProblem(f"expected {expected(type_)}, found {text!r}") from None
    elif get_origin(plain) is tuple:
        value = [element for part in text.split(",") if (element := part.strip())]
    elif get_origin(plain) is dict:
        value = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            name, equals, member = part.partition("=")
            if not equals:
                raise ValueProblem(f"expected {expected(type_)}, found {part!r}")
            value[name.strip()] = member.strip()
    return from_toml(type_, value)


def expected(type_: Any) -> str:
    """The type in words: "a whole number of at least 1"."""
    plain = _plain(type_)
    origin = get_origin(plain)
    if origin is Literal:
        return "one of " + ", ".join(f'"{choice}"' for choice in get_args(plain))
    if origin is tuple:
        return "a list of texts"
    if origin is dict:
        return "a table of texts (NAME = TEXT)"
    words = {str: "a text", bool: "true or false", int: "a whole number", float: "a number"}[plain]
    bounds = [
        meta
        for meta in (get_args(type_)[1:] if get_origin(type_) is Annotated else ())
        if isinstance(meta, msgspec.Meta)
    ]
    for meta in bounds:
        if meta.min_length:
            return f"{words} that is not empty"
        if meta.ge is not None and meta.le is not None:
            return f"{words} from {meta.ge:g} to {meta.le:g}"
        if meta.ge is not None:
            return f"{words} of at least {meta.ge:g}"
    return words


def _plain(type_: Any) -> Any:
    return get_args(type_)[0] if get_origin(type_) is Annotated else type_


def _within(type_: Any, at: tuple[str | int, ...]) -> Any:
    for _ in at:
        arguments = get_args(_plain(type_))
        type_ = arguments[0] if get_origin(_plain(type_)) is tuple else arguments[-1]
    return type_


def _path(message: str) -> tuple[str | int, ...]:
    """The place in msgspec's "… - at `$[1]`"; keys of tables are told as `[...]`, which leads no further."""
    where = re.search(r"at `\$([^`]*)`$", message)
    if where is None:
        return ()
    indexes = re.findall(r"\[(\d+)\]", where[1])
    return tuple(int(index) for index in indexes)


def _found(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "a table"
    return f"{value}"
