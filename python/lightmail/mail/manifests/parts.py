"""Lines on their way into manifests: one object when they fit, more of them otherwise."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from lightmail.mail.manifests.covered import Written, without_index
from lightmail.mail.manifests.lines import Head, Known, KnownAccount, Line, encoded
from lightmail.mail.manifests.objects import Manifest

_MOST_OCTETS = 8_388_608
"""Of text in one object, about."""


class Parts:
    def __init__(
        self,
        put: Callable[[Head, list[bytes]], Awaitable[Manifest]],
        store: str,
        first_number: int,
        started_s: int,
        *,
        full: str,
    ) -> None:
        """full: see `Head`."""
        self.written: list[Written] = []
        self._put = put
        self._store = store
        self._number = first_number
        self._started_s = started_s
        self._full = full
        self._clear()

    @property
    def number(self) -> int:
        """Of the manifest that lines go into now."""
        return self._number

    @property
    def empty(self) -> bool:
        """No line has been added, to this one or another."""
        return not (self.written or self._lines)

    async def add(self, line: Line) -> None:
        octets = encoded(line)
        self._lines.append(octets)
        self._octets += len(octets)
        if self._octets > _MOST_OCTETS:
            await self._flush(last=False)

    def told_account(self, known: KnownAccount) -> None:
        self._accounts.append(known)

    def told_mailbox(self, known: Known) -> None:
        """All lines of it have been added."""
        self._mailboxes.append(known)

    async def end(
        self,
        *,
        accounts_gone: Sequence[int] = (),
        mailboxes_gone: Sequence[int] = (),
        dead: Sequence[str],
        last_body: int,
    ) -> None:
        """Durable when it returns; writes nothing when nothing of a change was told."""
        if self._full or accounts_gone or mailboxes_gone or not self.empty:
            await self._flush(
                last=bool(self._full),
                accounts_gone=accounts_gone,
                mailboxes_gone=mailboxes_gone,
                dead=dead,
                last_body=last_body,
            )

    async def _flush(
        self,
        *,
        last: bool,
        accounts_gone: Sequence[int] = (),
        mailboxes_gone: Sequence[int] = (),
        dead: Sequence[str] = (),
        last_body: int = 0,
    ) -> None:
        head = Head(
            store=self._store,
            number=self._number,
            started_s=self._started_s,
            full=self._full,
            part=len(self.written) if self._full else 0,
            last=last,
            last_body=last_body,
            accounts=self._accounts,
            accounts_gone=accounts_gone,
            mailboxes=self._mailboxes,
            mailboxes_gone=mailboxes_gone,
            dead=dead,
        )
        manifest = await self._put(head, self._lines)
        self.written.append((manifest, without_index(head)))
        self._number += 1
        self._clear()

    def _clear(self) -> None:
        self._lines: list[bytes] = []
        self._octets = 0
        self._accounts: list[KnownAccount] = []
        self._mailboxes: list[Known] = []
