"""The grammar of LMTP command lines: RFC 5321 §4.1.2 and §4.1.3, with RFC 1870, RFC 3030, RFC 6152, RFC 6531."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_PATH_CHARACTERS = 512
"""RFC 5321 §4.5.3.1.3 asks for 256 at least."""

_ATEXT = r"A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-"
_LET_DIG = r"A-Za-z0-9_\u0080-\U0010ffff"
_LOCAL = rf'(?:[{_ATEXT}.]+|"(?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*")'
"""Dots may stand anywhere: old addresses of Japanese mobile networks have them doubled or before the "@"."""
_DOMAIN = rf"(?:[{_LET_DIG}](?:[{_LET_DIG}.-]*[{_LET_DIG}])?|\[[!-Z^-~]+\])"
_PATH = re.compile(rf"<(?:@[^:<>\x00-\x20]*:)?(?P<local>{_LOCAL})(?:@(?P<domain>{_DOMAIN}))?>")
_PARAMETER = re.compile(r"(?P<keyword>[A-Za-z0-9][A-Za-z0-9-]*)(?:=(?P<value>[^=\x00-\x20\x7f]+))?")
_LHLO = re.compile(rf"{_DOMAIN}")
_BDAT = re.compile(rb"(?P<size>[0-9]{1,19})(?: +(?P<last>LAST))? *", re.IGNORECASE)


class BadArgument(Exception):
    """Not in the grammar; the text says what was expected. status: the enhanced status code (RFC 3463)."""

    def __init__(self, text: str, status: str = "5.5.4") -> None:
        super().__init__(text)
        self.text = text
        self.status = status


@dataclass(frozen=True, slots=True)
class Path:
    """A mailbox as written. `local` is unquoted; `domain` is "" for <postmaster> (RFC 5321 §4.5.1)."""

    local: str
    domain: str
    text: str
    """Between the angle brackets, without the source route."""

    @property
    def ascii(self) -> bool:
        return self.text.isascii()


NULL_PATH = Path("", "", "")
"""<>: the sender of notifications."""


def parse_path(argument: bytes, keyword: bytes) -> tuple[Path, dict[str, str]]:
    """`FROM:<path> [SP parameters]` to the path and the parameters, keywords in upper case.

    keyword: b"FROM" or b"TO". Blanks after the colon are forgiven, as many clients send them. Raises BadArgument.
    """
    status = "5.1.7" if keyword == b"FROM" else "5.1.3"
    if argument[: len(keyword) + 1].upper() != keyword + b":":
        raise BadArgument(f"expected {keyword.decode()}:<address>")
    try:
        text = argument[len(keyword) + 1 :].decode("utf-8").strip(" ")
    except UnicodeDecodeError:
        raise BadArgument("the address is not UTF-8", status) from None
    if text.startswith("<>"):
        return NULL_PATH, _parse_parameters(text[2:])
    match = _PATH.match(text)
    if match is None or match.end() > MAX_PATH_CHARACTERS:
        raise BadArgument(f"expected {keyword.decode()}:<local-part@domain>", status)
    local, domain = match["local"], match["domain"] or ""
    written = f"{local}@{domain}" if domain else local
    return Path(_unquote(local), domain, written), _parse_parameters(text[match.end() :])


def _unquote(local: str) -> str:
    """All quoted forms of a local part are equivalent (RFC 5321 §4.1.2)."""
    return re.sub(r"\\(.)", r"\1", local[1:-1]) if local.startswith('"') else local


def _parse_parameters(text: str) -> dict[str, str]:
    if text and not text.startswith(" "):
        raise BadArgument('expected a blank after ">"')
    parameters: dict[str, str] = {}
    for word in text.split(" "):
        if not word:
            continue
        match = _PARAMETER.fullmatch(word)
        if match is None:
            raise BadArgument("expected parameters of the form KEYWORD=value")
        keyword = match["keyword"].upper()
        if keyword in parameters:
            raise BadArgument(f"{keyword} is given twice")
        parameters[keyword] = match["value"] or ""
    return parameters


def parse_lhlo(argument: bytes) -> str:
    """The client's name: a domain or an address literal (RFC 2033 §4.1). Raises BadArgument."""
    try:
        name = argument.decode("ascii").strip(" ")
    except UnicodeDecodeError:
        raise BadArgument("the name is not ASCII (RFC 6531 3.7.1)") from None
    if len(name) > 255 or not _LHLO.fullmatch(name):
        raise BadArgument("expected LHLO and the client's name")
    return name


def parse_bdat(argument: bytes) -> tuple[int, bool]:
    """chunk-size [SP "LAST"] (RFC 3030 §2) to octets, last. Raises BadArgument."""
    match = _BDAT.fullmatch(argument)
    if match is None:
        raise BadArgument("expected BDAT chunk-size [LAST]")
    return int(match["size"]), match["last"] is not None
