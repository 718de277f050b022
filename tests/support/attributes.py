"""Whether files can say what they are here."""

from __future__ import annotations

import os
import tempfile

import pytest


def attributes_are_kept() -> bool:
    """The file system of temporary files has extended attributes."""
    with tempfile.TemporaryFile() as file:
        try:
            os.setxattr(file.fileno(), "user.test", b"x")
        except OSError:
            return False
    return True


needs_attributes = pytest.mark.skipif(not attributes_are_kept(), reason="this file system keeps no extended attributes")
