"""What of a source has been imported: a file of lines, so that a second run adds nothing, also after a crash.

A message is known by its octets and by how many equal ones came before it, so that a source may grow, be compacted or
have its files renamed between two runs. Before a batch is stored, its line is written and synced: keys, the object
keys of its bodies, and the mailbox's HIGHESTMODSEQ. A batch is one transaction; whether the last one before a crash
took place is seen from the mailbox, which then has messages after that MODSEQ with one of these bodies.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lightmail.errors import UserError

_DIGEST_OCTETS = 16


class AlreadyRunning(UserError):
    def __init__(self) -> None:
        super().__init__("this source is being imported for this user by another process")


@dataclass(frozen=True, slots=True)
class Batch:
    """One transaction of an import."""

    mailbox_id: int
    base_modseq: int
    keys: tuple[str, ...]
    object_keys: tuple[str, ...]


class Keys:
    """Names messages in the order of their source: "DIGEST:0" is the first with these octets, "DIGEST:1" the next."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def key(self, mailbox: str, octets: bytes) -> str:
        digest = hashlib.blake2b(octets, digest_size=_DIGEST_OCTETS, person=b"lm-import").hexdigest()
        seen = self._seen[f"{mailbox}\0{digest}"]
        self._seen[f"{mailbox}\0{digest}"] += 1
        return f"{digest}:{seen}"


class Journal:
    def __init__(self, path: Path) -> None:
        """Reads what is there; a torn last line, from a crash, is dropped. Raises AlreadyRunning."""
        self._path = path
        self._done: dict[int, set[str]] = {}
        self.unsettled: Batch | None = None
        """The last batch, when nothing says whether it took place; settle it before anything else."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            raise AlreadyRunning from error
        kept = self._read()
        os.ftruncate(self._file, kept)
        os.lseek(self._file, kept, os.SEEK_SET)

    @staticmethod
    def place(folder: Path, user_id: int, source: Path) -> Path:
        """The journal of one source for one user."""
        name = hashlib.blake2b(os.fsencode(source.resolve()), digest_size=_DIGEST_OCTETS).hexdigest()
        return folder / f"{user_id}-{name}.journal"

    def has(self, mailbox_id: int, key: str) -> bool:
        return key in self._done.get(mailbox_id, ())

    def begin(self, batch: Batch) -> None:
        """Durable when it returns."""
        row = [batch.mailbox_id, batch.base_modseq, batch.keys, batch.object_keys]
        self._write(json.dumps(row, separators=(",", ":")), sync=True)
        self.unsettled = batch

    def settle(self, stored: bool) -> None:
        """The batch took place, or did not. Not synced: should this line be lost, the mailbox is asked."""
        batch, self.unsettled = self.unsettled, None
        assert batch is not None
        self._write("true" if stored else "false", sync=False)
        if stored:
            self._done.setdefault(batch.mailbox_id, set()).update(batch.keys)

    def forget(self) -> None:
        """As if nothing had been imported."""
        self._done.clear()
        self.unsettled = None
        os.ftruncate(self._file, 0)
        os.lseek(self._file, 0, os.SEEK_SET)

    def close(self) -> None:
        os.close(self._file)

    def _write(self, line: str, *, sync: bool) -> None:
        octets = (line + "\n").encode()
        while octets:
            octets = octets[os.write(self._file, octets) :]
        if sync:
            os.fsync(self._file)

    def _read(self) -> int:
        """How many octets of the file are whole lines."""
        try:
            octets = self._path.read_bytes()
        except FileNotFoundError:
            return 0
        kept = octets.rfind(b"\n") + 1
        for line in octets[:kept].splitlines():
            self._replay(json.loads(line))
        return kept

    def _replay(self, row: bool | Sequence[object]) -> None:
        if isinstance(row, bool):
            batch, self.unsettled = self.unsettled, None
            if row and batch is not None:
                self._done.setdefault(batch.mailbox_id, set()).update(batch.keys)
            return
        mailbox_id, base_modseq, keys, object_keys = row
        self.unsettled = Batch(mailbox_id, base_modseq, tuple(keys), tuple(object_keys))  # type: ignore[arg-type]
