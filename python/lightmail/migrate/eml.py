"""Messages as single files: one .eml, or a folder of them at any depth."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from lightmail.migrate.source import Item, NotImportable, Refused, file_problem

_SUFFIX = ".eml"


class Eml:
    """kind: "eml"."""

    kind = "eml"

    def __init__(self, path: Path) -> None:
        """Raises NotImportable when there is no .eml file."""
        self._root = path if path.is_dir() else path.parent
        self._files = sorted(_eml_files(path)) if path.is_dir() else [path]
        if not self._files:
            raise NotImportable(path, "has no .eml files, and is neither a Maildir nor an mbox")
        self.total_octets = sum(_size(file) for file in self._files)

    def items(self, most_octets: int) -> Iterator[Item | Refused]:
        for file in self._files:
            place = str(file.relative_to(self._root))
            try:
                status = file.stat()
                if status.st_size > most_octets:
                    yield Refused(place, f"{status.st_size} octets, the limit is {most_octets}", status.st_size)
                    continue
                octets = file.read_bytes()
            except OSError as error:
                yield Refused(place, file_problem(error), 0)
                continue
            yield Item(place, "", octets, None, int(status.st_mtime), (), status.st_size)


def _eml_files(folder: Path) -> Iterator[Path]:
    return (file for file in folder.rglob("*") if file.suffix.lower() == _SUFFIX and file.is_file())


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
