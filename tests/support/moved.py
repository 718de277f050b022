"""What clients that have kept a copy of their mail notice when it is served from somewhere else: nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.support.mbsync import Mbsync, folder_state
from tests.support.view import numbers
from tests.support.wire import ImapClient

_VALUES = re.compile(rb"\[(UIDVALIDITY|HIGHESTMODSEQ|UIDNEXT) (\d+)\]")
_NAME = re.compile(rb'^\* LIST \([^)]*\) "/" (.+)$')


@dataclass(frozen=True, slots=True)
class Kept:
    """What a QRESYNC client keeps of one mailbox (RFC 7162 §3.2)."""

    values: dict[bytes, int]
    """UIDVALIDITY, HIGHESTMODSEQ, UIDNEXT."""
    uids: bytes
    messages: list[bytes]
    """UID, flags, MODSEQ, INTERNALDATE, size of each, as FETCH has told them."""


class Resyncing:
    """A QRESYNC client of one account."""

    def __init__(self, account: tuple[str, str]) -> None:
        self._account = account
        self.kept: dict[bytes, Kept] = {}
        self._listed: list[bytes] = []

    def look(self, address: tuple[str, int]) -> None:
        """Keep everything of every mailbox."""
        with self._connected(address) as client:
            self._listed = self._list(client)
            for name in self._names(self._listed):
                self.kept[name] = self._whole(client, name)

    def nothing_is_new(self, address: tuple[str, int]) -> None:
        """Asserts that coming back it is told of no change of any mailbox, and that there is none."""
        with self._connected(address) as client:
            assert self._list(client) == self._listed
            for name, kept in self.kept.items():
                known = b"%d %d %s" % (kept.values[b"UIDVALIDITY"], kept.values[b"HIGHESTMODSEQ"], kept.uids)
                answer = client.command(b"SELECT %s (QRESYNC (%s))" % (name, known.rstrip()))
                assert answer.ok, answer
                told = [line for line in answer.untagged if b"VANISHED" in line or b"FETCH" in line]
                assert not told, f"{name!r} of {self._account[0]}: {told[:3]}"
                now = self._whole(client, name)
                assert (now.values, now.uids) == (kept.values, kept.uids)
                differ = [pair for pair in zip(kept.messages, now.messages, strict=True) if pair[0] != pair[1]]
                assert not differ, f"{name!r} of {self._account[0]}: {differ[:3]}"

    def _connected(self, address: tuple[str, int]) -> ImapClient:
        client = ImapClient(address)
        client.login(*self._account)
        assert client.command(b"ENABLE QRESYNC").ok
        return client

    def _list(self, client: ImapClient) -> list[bytes]:
        answer = client.command(b'LIST "" "*" RETURN (SUBSCRIBED SPECIAL-USE CHILDREN)')
        assert answer.ok
        return sorted(answer.untagged)

    def _names(self, listed: list[bytes]) -> list[bytes]:
        matches = [_NAME.match(line) for line in listed if b"\\NonExistent" not in line]
        return [match[1] for match in matches if match]

    def _whole(self, client: ImapClient, name: bytes) -> Kept:
        answer = client.command(b"EXAMINE %s (CONDSTORE)" % name)
        assert answer.ok, answer
        values = {match[1]: int(match[2]) for line in answer.untagged if (match := _VALUES.search(line))}
        fetched = client.command(b"UID FETCH 1:* (UID FLAGS MODSEQ INTERNALDATE RFC822.SIZE)")
        assert fetched.ok, fetched
        found = client.command(b"UID SEARCH RETURN (ALL) ALL")
        assert found.ok, found
        uids = b"".join(match[1] for line in found.untagged if (match := re.search(rb" ALL ([\d:,]+)", line)))
        assert len(fetched.fetched()) == (len(numbers(uids.decode())) if uids else 0)
        return Kept(values, uids, [_without_recent(line) for line in fetched.fetched()])


def _without_recent(line: bytes) -> bytes:
    """Which is a session's, not the message's (RFC 3501 §2.3.2)."""
    return line.replace(b" \\Recent)", b")").replace(b"(\\Recent)", b"()").replace(b"\\Recent ", b"")


class Copies:
    """Of one account: what isync keeps in a folder, and what a QRESYNC client keeps."""

    def __init__(self, folder: Path, account: tuple[str, str]) -> None:
        self._isync = Mbsync(folder, account)
        self._resyncing = Resyncing(account)
        self._files: dict[str, bytes] = {}

    def make(self, address: tuple[str, int]) -> int:
        """How many messages isync has then."""
        self._isync.sync(address)
        self._isync.sync(address)  # what was new is old now
        self._files = folder_state(self._isync.mail)
        self._resyncing.look(address)
        return len(self._files)

    def are_whole(self, address: tuple[str, int]) -> None:
        """Asserts that nobody downloads anything, and nothing is changed here or there."""
        self._resyncing.nothing_is_new(address)
        self._isync.sync(address)
        assert folder_state(self._isync.mail) == self._files
        self._resyncing.nothing_is_new(address)
