"""What an object is, as an extended attribute `user.lightmail` of its file, where the file system has such: lines.

account=ann@example.org
mailbox=Entw%C3%BCrfe
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping

from lightmail.backends.about import decoded, encoded

_NAME = "user.lightmail"
_MOST_OCTETS = 1536
"""Of names and values; all attributes of a file have to fit in one block on ext4, and 4,096 octets are its least usual size."""


def keep_about(fd: int, about: Mapping[str, str]) -> None:
    """Durable with the file. A file system that cannot keep it does without: mail is not refused for that."""
    if about:
        lines = [f"{name}={value}" for name, value in encoded(about, _MOST_OCTETS).items()]
        with contextlib.suppress(OSError):
            os.setxattr(fd, _NAME, "\n".join(lines).encode("ascii"))


def about_of(fd: int) -> dict[str, str]:
    """Empty where there is nothing."""
    try:
        lines = os.getxattr(fd, _NAME).decode("ascii", "replace")
    except OSError:
        return {}
    return decoded(dict(line.split("=", 1) for line in lines.split("\n") if "=" in line))
