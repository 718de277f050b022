"""What a statement tells of a whole mailbox, or of its changes, as values of the port; shared by the SQL backends.

Every such row begins with uid_next, highest_modseq and the keywords separated by blanks; `found` goes first.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeAlias

from lightmail._core.index import UidSet
from lightmail.backends.packing import split_words
from lightmail.errors import MailboxNotFound
from lightmail.model import Delta, MailboxId, ModSeq
from lightmail.ports.metadata import PackedMessages

State: TypeAlias = Sequence[Any]


def found(row: State | None, mailbox_id: MailboxId) -> State:
    """Raises MailboxNotFound."""
    if row is None:
        raise MailboxNotFound(str(mailbox_id))
    return row


def everything(state: State, blocks: Sequence[str]) -> PackedMessages:
    return PackedMessages(blocks, split_words(state[2]), state[0], ModSeq(state[1]))


def changes(mailbox_id: MailboxId, modseq: ModSeq, state: State, rows: Sequence[str], expunged: UidSet) -> Delta:
    """What has changed since `modseq`."""
    return Delta(
        mailbox_id=mailbox_id,
        base_modseq=modseq,
        highest_modseq=ModSeq(state[1]),
        uid_next=state[0],
        rows=rows,
        expunged=expunged,
        keywords=split_words(state[2]),
    )


def small_load(row: State) -> PackedMessages | None:
    """row[3]: all messages in one block; None: there are too many."""
    return None if row[3] is None else everything(row, [row[3]] if row[3] else [])


def small_changes(row: State, mailbox_id: MailboxId, modseq: ModSeq) -> Delta | None:
    """row[3]: the changed messages in one block; row[4]: ranges, for `uid_ranges`. None: there are too many."""
    if row[3] is None or row[4] is None:
        return None
    return changes(mailbox_id, modseq, row, [row[3]] if row[3] else [], uid_ranges(row[4]))


def uid_ranges(ranges: str) -> UidSet:
    """From a JSON array of [first, last]."""
    return UidSet() if ranges == "[]" else UidSet.from_ranges([(first, last) for first, last in json.loads(ranges)])
