"""How far a migration has come, in the target's database: who runs it again after any interruption goes on from there."""

from __future__ import annotations

import hashlib
from enum import Enum

import msgspec

from lightmail.errors import MigrationRefused
from lightmail.migrate.moving.sides import Side

JOB = "migrate"
_VERSION = 1


class Phase(Enum):
    EMPTYING = "emptying"
    """What the target held is being removed (--replace)."""
    COPYING = "copying"
    """Copying, and following what changes: which it is, the mailboxes themselves tell by their MODSEQs."""
    SWITCHING = "switching"
    """The source is sealed, or about to be."""
    DONE = "done"
    """The target is the mail store now."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    version: int = _VERSION
    source: str
    """See `identity`."""
    phase: Phase
    started_s: int


async def identity(side: Side) -> str:
    """Of a database, however it is reached; tells nothing of its secret."""
    secret = await side.directory.shared_secret()
    return hashlib.blake2b(secret, digest_size=16, person=b"lightmail-move").hexdigest()


async def get(target: Side) -> Job | None:
    """Raises MigrationRefused: it is another release's."""
    state = await target.upkeep.get_job(JOB)
    if state is None:
        return None
    try:
        job = msgspec.json.decode(state, type=Job)
    except msgspec.DecodeError:
        job = None
    if job is None or job.version != _VERSION:
        raise MigrationRefused(f"{target.name} holds a migration of another release: go on with that one")
    return job


async def put(target: Side, job: Job) -> None:
    await target.upkeep.put_job(JOB, msgspec.json.encode(job))
