"""Writes manifests: the whole state once, then what has changed since the last time; one object for all of it.

It looks at every mailbox row, and reads messages only of those that have changed. What has been written is known from
the manifests themselves, so another process goes on where this one ends. Who is at it is the caller's to see to (a
lease); two at the same time write more than is needed, and nothing that is wrong.

Small manifests are joined when there are many; when those of changes are larger than the whole state it is written
again, and those before it are deleted once it is durable.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec
import structlog
from msgspec.structs import replace

from lightmail.mail.manifests.covered import Covered, covered_by, joinable, outgrown
from lightmail.mail.manifests.lines import BadManifest, Head, joined
from lightmail.mail.manifests.objects import (
    Manifest,
    manifests_of,
    new_store,
    read_head,
    read_text,
    stores_seen,
    write,
)
from lightmail.mail.manifests.parts import Parts
from lightmail.mail.manifests.telling import WentBack, has_gone_back, tell_changes, tell_everything
from lightmail.ports.blobs import BlobNotFound, BlobStore
from lightmail.ports.clock import Clock
from lightmail.ports.metadata import MetadataStore
from lightmail.ports.upkeep import Upkeep

JOB = "manifests"
"""What the database remembers of it: see `StoreState`."""
_LEAST_REST = 20
"""Looking takes at most one part in so many of the time."""

_log = structlog.get_logger("lightmail.manifests")


class StoreState(msgspec.Struct, frozen=True, forbid_unknown_fields=False):
    store: str
    """What this database is called among manifests."""
    rewrite: bool = False
    """The whole state has to be written, whatever there is."""
    writer: str = ""
    """Who was the last to begin. Another one looks at what there is by now: it may have gone on from an older state."""
    asked: int = 0
    """How often somebody has asked for that: who asks while it is being written asks for another time."""
    follows: str = ""
    """Whose manifests are deleted once there are some of this one: its mail is here now, and so are its bodies."""


@dataclass(slots=True)
class Written:
    """What one call has done."""

    manifests: int = 0
    octets: int = 0
    whole: bool = False
    joined: int = 0
    deleted: int = 0
    seconds: float = 0.0


class LeaseLost(Exception):
    """Somebody else may be at it now."""


async def state_of(upkeep: Upkeep) -> StoreState | None:
    """None: this database has written no manifest yet."""
    stored = await upkeep.get_job(JOB)
    return None if stored is None else msgspec.json.decode(stored, type=StoreState)


async def put_state(upkeep: Upkeep, state: StoreState) -> None:
    await upkeep.put_job(JOB, msgspec.json.encode(state))


async def ask_for_all(upkeep: Upkeep) -> None:
    """What manifests say of bodies is not so any more: the next ones have the whole state."""
    state = await state_of(upkeep)
    if state is not None:
        await put_state(upkeep, replace(state, rewrite=True, asked=state.asked + 1))


async def is_behind(upkeep: Upkeep, blobs: BlobStore) -> bool:
    """Whether the database is older than its own manifests: it was restored from a copy. Raises Unavailable."""
    state = await state_of(upkeep)
    return state is not None and await has_gone_back(await load_covered(blobs, state.store), upkeep)


async def load_covered(blobs: BlobStore, store: str) -> Covered:
    """What manifests say. One that cannot be read, and is needed, makes it incomplete. Raises Unavailable."""
    heads: list[tuple[Manifest, Head]] = []
    unreadable = 0
    for manifest in await manifests_of(blobs, store):
        try:
            heads.append((manifest, await read_head(blobs, manifest)))
        except BlobNotFound:
            continue
        except BadManifest as error:
            _log.warning("a manifest cannot be read", key=manifest.key, problem=str(error))
            unreadable = max(unreadable, manifest.number)
    return covered_by(store, heads, unreadable)


async def _always() -> bool:
    return True


class ManifestWriter:
    """One per process that may be asked to write. Not to be called twice at the same time."""

    def __init__(self, *, metadata: MetadataStore, upkeep: Upkeep, blobs: BlobStore, clock: Clock) -> None:
        self._metadata = metadata
        self._upkeep = upkeep
        self._blobs = blobs
        self._clock = clock
        self._name = os.urandom(8).hex()
        self._covered: Covered | None = None
        self._rests_until_s = 0.0

    async def write(self, *, holds: Callable[[], Awaitable[bool]] = _always, now: bool = False) -> Written:
        """Write what has changed. Nothing is written when nothing has.

        holds: asked before anything is written or deleted; False ends it. now: also when looking took long lately.
        A sealed store is left alone.
        Raises Unavailable; then the next call begins where the last one has ended.
        """
        begun_s = self._clock.monotonic_s()
        done = Written()
        if begun_s < self._rests_until_s and not now:
            return done
        if await self._upkeep.sealed() is not None:
            # It is being filled, and not whole; or its mail is elsewhere, and told of from there.
            return done
        covered, self._covered = self._covered, None
        try:
            self._covered = await self._write(covered, done, holds)
        except (LeaseLost, BlobNotFound):
            # Somebody else has it, or has had it meanwhile and has deleted what is not needed any more.
            _log.info("manifests are somebody else's to write now")
        done.seconds = self._clock.monotonic_s() - begun_s
        self._rests_until_s = begun_s + done.seconds * _LEAST_REST
        if done.manifests:
            _log.debug("manifests written", number=done.manifests, octets=done.octets, whole=done.whole)
        return done

    async def _write(self, covered: Covered | None, done: Written, holds: Callable[[], Awaitable[bool]]) -> Covered:
        state = await self._state()
        if covered is None or covered.store != state.store or state.writer != self._name:
            state = replace(state, writer=self._name)
            await put_state(self._upkeep, state)
            covered = await load_covered(self._blobs, state.store)
        if not (state.rewrite or covered.incomplete or outgrown(covered)):
            parts = self._parts(covered, done, holds, full="")
            try:
                found = await tell_changes(parts, covered, metadata=self._metadata, upkeep=self._upkeep)
            except WentBack:
                # What only they know of may still be wanted, and as long as they are there nothing is swept.
                _log.warning(
                    "the database has gone back since manifests were written: they are left as they are, and new ones begun",
                    manifests=state.store,
                )
                state = replace(state, store=new_store())
                await put_state(self._upkeep, state)
                covered = covered_by(state.store, [], 0)
            else:
                covered = covered.after(found, parts.written)
                return await self._join(covered, done, holds)
        parts = self._parts(covered, done, holds, full=os.urandom(8).hex())
        found = await tell_everything(parts, metadata=self._metadata, upkeep=self._upkeep)
        done.whole = True
        older = [manifest.key for manifest, _ in covered.manifests]
        if state.follows:
            older += [manifest.key for manifest in await manifests_of(self._blobs, state.follows)]
        await self._delete(older, done, holds)
        if (state.rewrite or state.follows) and await state_of(self._upkeep) == state:
            await put_state(self._upkeep, replace(state, rewrite=False, follows=""))
        return Covered(state.store, parts.written, found.mailboxes, found.accounts, found.last_body)

    def _parts(self, covered: Covered, done: Written, holds: Callable[[], Awaitable[bool]], *, full: str) -> Parts:
        async def put(head: Head, lines: list[bytes]) -> Manifest:
            return await self._put(head, lines, done, holds)

        return Parts(put, covered.store, covered.next_number, self._clock.now_s(), full=full)

    async def _put(
        self, head: Head, lines: list[bytes], done: Written, holds: Callable[[], Awaitable[bool]]
    ) -> Manifest:
        if not await holds():
            raise LeaseLost
        manifest = await write(self._blobs, head, lines)
        done.manifests += 1
        done.octets += manifest.octets
        return manifest

    async def _join(self, covered: Covered, done: Written, holds: Callable[[], Awaitable[bool]]) -> Covered:
        """Many small manifests become one."""
        small = joinable(covered)
        if not small:
            return covered
        texts = [await read_text(self._blobs, manifest) for manifest, _ in small]
        head, lines = joined(texts, covered.next_number)
        manifest = await self._put(head, lines, done, holds)
        await self._delete([each.key for each, _ in small], done, holds)
        done.joined += len(small)
        gone = {each.key for each, _ in small}
        kept = [each for each in covered.manifests if each[0].key not in gone]
        return covered.now_in([*kept, (manifest, head)])

    async def _delete(self, keys: list[str], done: Written, holds: Callable[[], Awaitable[bool]]) -> None:
        if not keys:
            return
        if not await holds():
            raise LeaseLost
        await self._blobs.delete(keys)
        done.deleted += len(keys)

    async def _state(self) -> StoreState:
        state = await state_of(self._upkeep)
        if state is not None:
            return state
        others = await stores_seen(self._blobs)
        if others:
            _log.warning(
                "manifests of another database are among the bodies; if that one was lost, begin with an empty one and"
                " run `lightmail repair --from-bodies`",
                stores=[other.name for other in others],
            )
        state = StoreState(new_store())
        await put_state(self._upkeep, state)
        return state
