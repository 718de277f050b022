"""How a stored password is written: `{SCHEME}data`, `{SCHEME.ENCODING}data`, or a modular crypt string by itself."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from lightmail.errors import PasswordHashUnusable

_SCHEME = re.compile(r"\{([A-Za-z0-9-]+)(?:\.([A-Za-z0-9]+))?\}(.*)", re.DOTALL)
_CRYPTS = (
    ("$argon2id$", "ARGON2ID"),
    ("$argon2i$", "ARGON2I"),
    ("$argon2d$", "ARGON2D"),
    ("$2", "BLF-CRYPT"),
    ("$1$", "MD5-CRYPT"),
    ("$5$", "SHA256-CRYPT"),
    ("$6$", "SHA512-CRYPT"),
    ("$pbkdf2", "PBKDF2"),
)
"""Modular crypt strings by how they begin."""
_ALSO = {"MD5": "MD5-CRYPT", "BCRYPT": "BLF-CRYPT", "CLEARTEXT": "PLAIN", "CLEAR": "PLAIN"}
_UMBRELLAS = frozenset({"CRYPT", "ARGON2"})
"""Their data says what it is."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored password, taken apart. Never printed."""

    scheme: str
    """Upper case, one name for each."""
    encoding: str
    """"" (the scheme's own), "B64" or "HEX"."""
    data: str

    def __repr__(self) -> str:
        return f"Stored({self.scheme})"

    def text(self) -> str:
        """The data of a scheme that is written as text. Raises PasswordHashUnusable."""
        if not self.encoding:
            return self.data
        try:
            return self._octets(self.encoding).decode("utf-8")
        except UnicodeDecodeError:
            raise PasswordHashUnusable(f"{self.scheme}: it is not text") from None

    def octets(self, own: str) -> bytes:
        """The data of a scheme that is written as octets. own: its encoding. Raises PasswordHashUnusable."""
        return self._octets(self.encoding or own)

    def _octets(self, encoding: str) -> bytes:
        try:
            if encoding == "HEX":
                return bytes.fromhex(self.data)
            return base64.b64decode(self.data, validate=True)
        except (ValueError, binascii.Error):
            raise PasswordHashUnusable(f"{self.scheme}: it is not {encoding.lower()}") from None


def take_apart(stored: str) -> Stored:
    """Raises PasswordHashUnusable: nothing says which scheme it is."""
    match = _SCHEME.fullmatch(stored)
    scheme, encoding, data = (match[1].upper(), (match[2] or "").upper(), match[3]) if match else ("CRYPT", "", stored)
    if encoding == "BASE64":
        encoding = "B64"
    if encoding not in ("", "B64", "HEX"):
        raise PasswordHashUnusable(f"unknown encoding .{encoding}; expected .b64 or .hex")
    if scheme in _UMBRELLAS:
        written = Stored(scheme, encoding, data).text()
        known = [name for start, name in _CRYPTS if written.startswith(start)]
        if not known:
            raise PasswordHashUnusable("no scheme in front, and none that its beginning tells")
        return Stored(known[0], "", written)
    return Stored(_ALSO.get(scheme, scheme), encoding, data)
