"""What of a database is in manifests already, in a few octets for each mailbox and account."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from lightmail.mail.manifests.lines import Head, told_accounts, told_mailboxes
from lightmail.mail.manifests.objects import Manifest

SMALL_OCTETS = 262_144
_MOST_SMALL = 64
_LEAST_WHOLE_OCTETS = 1_048_576

Written = tuple[Manifest, Head]


class Numbers:
    """Ids, each with two numbers; made and looked through in ascending order."""

    __slots__ = ("_first", "_second", "ids")

    def __init__(self, rows: Iterable[tuple[int, int, int]] = ()) -> None:
        self.ids = array("q")
        self._first = array("q")
        self._second = array("q")
        for row in rows:
            self.add(*row)

    def add(self, id_: int, first: int, second: int) -> None:
        self.ids.append(id_)
        self._first.append(first)
        self._second.append(second)

    def get(self, id_: int) -> tuple[int, int] | None:
        at = bisect_left(self.ids, id_)
        return (self._first[at], self._second[at]) if at < len(self.ids) and self.ids[at] == id_ else None

    def without(self, others: Numbers) -> list[int]:
        """Ids that the others have not."""
        return [id_ for id_ in self.ids if others.get(id_) is None]


@dataclass(slots=True)
class Found:
    """What the database has, after one look at all of it."""

    mailboxes: Numbers = field(default_factory=Numbers)
    """id, MODSEQ, digest."""
    accounts: Numbers = field(default_factory=Numbers)
    """id, digest, 0."""
    last_body: int = 0


@dataclass(slots=True)
class Covered:
    """Of one store: what its manifests say, and which they are."""

    store: str
    manifests: list[Written]
    """Ascending by number."""
    mailboxes: Numbers = field(default_factory=Numbers)
    accounts: Numbers = field(default_factory=Numbers)
    last_body: int = 0
    incomplete: bool = False
    """They do not hold everything."""

    @property
    def next_number(self) -> int:
        return max((manifest.number for manifest, _ in self.manifests), default=0) + 1

    def after(self, found: Found, written: Sequence[Written]) -> Covered:
        """When these have been added."""
        return Covered(
            self.store, [*self.manifests, *written], found.mailboxes, found.accounts, found.last_body or self.last_body
        )

    def now_in(self, manifests: list[Written]) -> Covered:
        """The same, in other objects."""
        return replace(self, manifests=manifests)


def covered_by(store: str, manifests: Sequence[Written], unreadable: int) -> Covered:
    """unreadable: the greatest number of a manifest that cannot be read; 0: none."""
    whole = whole_state(manifests)
    if not whole or unreadable > whole[0][1].number:
        return Covered(store, list(manifests), incomplete=True)
    heads = [head for _, head in relevant(manifests)]
    return Covered(
        store,
        [(manifest, without_index(head)) for manifest, head in manifests],
        Numbers((known.id, known.modseq, known.digest) for known in told_mailboxes(heads)),
        Numbers((known.id, known.digest, 0) for known in told_accounts(heads)),
        max(head.last_body for head in heads),
    )


def without_index(head: Head) -> Head:
    """What is remembered of it while the process lives."""
    return msgspec.structs.replace(head, accounts=(), accounts_gone=(), mailboxes=(), mailboxes_gone=(), dead=())


def whole_state(manifests: Sequence[Written]) -> list[Written]:
    """The parts of the latest whole state, ascending; none where there is none, or not all of it."""
    by_full: dict[str, list[Written]] = {}
    for each in manifests:
        if each[1].full:
            by_full.setdefault(each[1].full, []).append(each)
    complete = []
    for parts in by_full.values():
        parts.sort(key=lambda each: each[1].part)
        if parts[-1][1].last and [head.part for _, head in parts] == list(range(len(parts))):
            complete.append(parts)
    return max(complete, key=lambda parts: parts[0][1].number, default=[])


def relevant(manifests: Sequence[Written]) -> list[Written]:
    """The latest whole state and what came after it; all of them where there is none. Ascending by number."""
    whole = whole_state(manifests)
    first = whole[0][1].number if whole else 0
    later = [each for each in manifests if each[1].number >= first]
    return sorted(later, key=lambda each: (each[1].number, each[0].key))


def outgrown(covered: Covered) -> bool:
    """More than half of what there is may be superseded."""
    whole = {manifest.key for manifest, _ in whole_state(covered.manifests)}
    whole_octets = sum(manifest.octets for manifest, _ in covered.manifests if manifest.key in whole)
    changes_octets = sum(manifest.octets for manifest, _ in covered.manifests if manifest.key not in whole)
    return changes_octets > max(whole_octets, _LEAST_WHOLE_OCTETS)


def joinable(covered: Covered) -> list[Written]:
    """Small manifests of changes, when there are many."""
    changes = [each for each in relevant(covered.manifests) if not each[1].full and each[0].octets <= SMALL_OCTETS]
    return changes if len(changes) > _MOST_SMALL else []
