"""Key files: 32 octets each, in hexadecimal or base64, for nobody else's eyes."""

from __future__ import annotations

import base64
import binascii
import os
import stat
from pathlib import Path

from lightmail._core.frames import Keyring
from lightmail.config.sections import Config
from lightmail.errors import ConfigError

KEY_OCTETS = 32
_MOST_OCTETS = 1_024
"""Of a file; whatever is longer is something else."""
_OTHERS = stat.S_IRWXO | stat.S_IWGRP
"""Who may not: anybody; and the group may not write."""


def read_key(path: Path) -> bytes:
    """Raises ValueError, with what is wrong and what was expected."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(_MOST_OCTETS + 1).strip()
    except OSError as error:
        raise ValueError(f"the key file {path} cannot be read: {error.strerror}") from error
    if mode & _OTHERS:
        raise ValueError(f"others may use the key file {path} (mode {mode & 0o777:04o}); expected 0600 or 0640")
    for decode in (bytes.fromhex, _base64):
        try:
            key = decode(text.decode("ascii"))
        except ValueError:
            continue
        if len(key) == KEY_OCTETS:
            return key
    raise ValueError(f"{path} holds no key; expected {KEY_OCTETS} octets in hexadecimal or base64")


def open_keyring(config: Config) -> Keyring:
    """Raises ConfigError."""
    keys: dict[str, bytes] = {}
    for id_, file in config.encryption.keys.items():
        try:
            keys[id_] = read_key(config.path(file))
        except ValueError as error:
            raise ConfigError("encryption", f"encryption.keys.{id_}", str(error)) from None
    return Keyring(keys, config.encryption.active or None)


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error
