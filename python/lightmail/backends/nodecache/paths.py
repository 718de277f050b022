"""Where the extents of an object lie.

    key 7f/03c9…  →  ROOT/objects/a4/7f+03c9…                    the extent at the object's beginning: all of a small one
                     ROOT/objects/a4/7f+03c9…@/131072-262144     others; `$` behind it: the object ends here
                     ROOT/objects/a4/.5f0c…                      on its way in

So a small object is found without a look into any folder.
"""

from __future__ import annotations

import itertools
import os
import re
from pathlib import Path

from lightmail.backends.files.paths import FOLDERS, file_name, folder_of
from lightmail.backends.nodecache.extents import Extent

OBJECTS = "objects"
SCRATCH_MARK = "."
FOLDER_MARK = "@"
_LAST_MARK = "$"
_NAME = re.compile(r"(\d{1,18})-(\d{1,18})(\$?)")


class Paths:
    """Of a cache in one folder, as strings: many are made."""

    def __init__(self, root: Path) -> None:
        self._scratches = itertools.count()
        self._process = os.urandom(8).hex()
        self._folders = [str(root / OBJECTS / f"{number:02x}") for number in range(FOLDERS)]

    @property
    def folders(self) -> list[str]:
        return self._folders

    def beginning(self, key: str) -> str:
        """Raises ValueError for what cannot be a key."""
        return f"{self._folders[folder_of(key)]}/{file_name(key)}"

    def others(self, key: str) -> str:
        """The folder of all extents but the first."""
        return self.beginning(key) + FOLDER_MARK

    def of(self, key: str, extent: Extent) -> str:
        if extent.start == 0:
            return self.beginning(key)
        return f"{self.others(key)}/{extent.start}-{extent.end}{_LAST_MARK if extent.last else ''}"

    def scratch(self, key: str) -> str:
        """A new name in the same file system as any extent of the key."""
        return f"{self._folders[folder_of(key)]}/{SCRATCH_MARK}{self._process}-{next(self._scratches)}"


def named(name: str) -> Extent | None:
    """What a file in the folder of the others holds; None for a strange file."""
    match = _NAME.fullmatch(name)
    return Extent(int(match[1]), int(match[2]), bool(match[3])) if match else None
