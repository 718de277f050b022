"""A MailboxPatch worked out without any I/O; shared by the metadata backends.

patching = Patching(patch)
... insert `patch.bodies` where they are missing; all of `patching.body_ids` are there now, or BodyMissing ...
... census of the messages of `patching.leaving`, and how many of them name which body; they go, and are counted off ...
... insert `patching.rows` ...
patching.count_arrivals(mailbox)
... add `patching.references(lost)` to the bodies; log; write the mailbox ...

A message whose row is replaced leaves and comes: what it counts, and what it names, cancels out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from lightmail._core.index import FIRST_KEYWORD_BIT, UidSet
from lightmail.backends.mailbox_change import MAX_UID, MailboxChange
from lightmail.errors import BodyMissing
from lightmail.model import ExpungeRange, MailboxPatch, ModSeq

_FLAGS, _SIZE, _BODY = 2, 1, 4
"""Their places in MESSAGE_ROW."""


class Patching:
    def __init__(self, patch: MailboxPatch) -> None:
        rows = (tuple(map(int, line.split(" "))) for block in patch.rows for line in block.splitlines())
        by_uid = {row[0]: row for row in rows}
        self.rows = [(*by_uid[uid], patch.mailbox_id) for uid in sorted(by_uid)]
        """For `messages`, ascending, as MESSAGE_COLUMNS has them."""
        self.arriving = UidSet(by_uid)
        logged = UidSet.from_ranges([(gone.first_uid, gone.last_uid) for gone in patch.expunged])
        self.leaving = self.arriving | logged | (patch.absent or UidSet())
        """Messages of these UIDs go before `rows` come."""
        self._named = Counter(row[_BODY] for row in by_uid.values())
        self.body_ids = sorted(self._named)
        """Of all bodies that `rows` name."""
        self.keywords = list(enumerate(patch.keywords, FIRST_KEYWORD_BIT))
        """(bit, keyword)"""

    def require(self, present: Iterable[int]) -> None:
        """present: those of `body_ids` that the store has. Raises BodyMissing."""
        missing = self._named.keys() - set(present)
        if missing:
            raise BodyMissing(min(missing))

    def count_arrivals(self, mailbox: MailboxChange) -> None:
        for row in self.rows:
            mailbox.count(row[_FLAGS], 1, row[_SIZE])
        mailbox.recent += len(self.arriving & UidSet.from_ranges([(mailbox.recent_from, MAX_UID)]))

    def references(self, lost: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
        """(body id, by how much its count changes), ascending, zeros apart.

        lost: (body id, how many messages of `leaving` name it).
        """
        change = Counter(self._named)
        for body_id, messages in lost:
            change[body_id] -= messages
        return [(body_id, by) for body_id, by in sorted(change.items()) if by]


def ranges_of(logged: Iterable[tuple[ModSeq, int]]) -> list[ExpungeRange]:
    """(MODSEQ, UID) of single messages as rows of the expunge log, ascending."""
    by_modseq: dict[ModSeq, list[int]] = {}
    for modseq, uid in logged:
        by_modseq.setdefault(modseq, []).append(uid)
    return [
        ExpungeRange(modseq, first, last)
        for modseq in sorted(by_modseq)
        for first, last in UidSet(by_modseq[modseq]).ranges()
    ]
