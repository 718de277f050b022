from __future__ import annotations

import pytest

from lightmail._core import imap
from lightmail._core.index import Snapshot, UidSet
from lightmail.imap.commands.sets import pieces, written_uids


def written(text: str) -> imap.SequenceSet:
    decoder = imap.Decoder(imap.Limits())
    decoder.feed(f"a UID FETCH {text} UID\r\n".encode())
    command = decoder.next()
    assert isinstance(command, imap.Fetch)
    return command.set


def view(*uids: int, uid_next: int) -> Snapshot:
    rows = "".join(f"{uid} 1 0 1 {uid} 0 0 0 0 0\n" for uid in uids)
    return Snapshot.load([rows], keywords=(), uid_next=uid_next, highest_modseq=1)


@pytest.mark.parametrize(
    ("text", "ranges"),
    [
        ("1:3,7", [(1, 3), (7, 7)]),
        ("5:2", [(2, 5)]),
        ("9:*", [(9, 10)]),
        ("20:*", [(10, 20)]),
        ("*", [(10, 10)]),
        ("*:4", [(4, 10)]),
    ],
)
def test_a_written_set_names_what_is_gone_too(text: str, ranges: list[tuple[int, int]]) -> None:
    assert written_uids(written(text), view(3, 10, uid_next=15), None).ranges() == ranges


def test_a_saved_set_and_an_empty_mailbox() -> None:
    assert written_uids(written("$"), view(3, uid_next=9), UidSet([3])) == UidSet([3])
    assert written_uids(written("$"), view(3, uid_next=9), None) == UidSet()
    assert written_uids(written("1:*"), view(uid_next=9), None).ranges() == [(1, 8)]


@pytest.mark.parametrize("messages", [1, 2, 3, 7, 100])
def test_pieces_are_the_set(messages: int) -> None:
    uids = UidSet([1, 2, 3, 4, 5, 7, 9, 10, 11, 20, 30, 31])
    parts = list(pieces(uids, messages))
    assert [uid for part in parts for uid in part] == list(uids)
    assert all(0 < len(part) <= messages for part in parts)
    assert len(parts) == -(-len(uids) // messages)
