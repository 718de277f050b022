"""The change feed of one machine: listeners of this process are called, other processes are noticed by a poll.

One timer per process, whatever the number of sessions and mailboxes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging

from lightmail.errors import SystemFault
from lightmail.model import MailboxId, ModSeq
from lightmail.ports.changes import ChangeListener
from lightmail.ports.metadata import MetadataStore

_log = logging.getLogger(__name__)

VERSION_POLL_S = 0.25
"""How often `data_version` is asked for, where the store has one."""
_NO_VERSION = -1
"""Differs from every version: what could not be asked for at the start has changed when it can."""
POLL_S = 1.0


class LocalChangeFeed:
    """Implements `ports.changes.ChangeFeed`.

    Hints published in one turn of the loop are told together in the next one, the latest of each mailbox only.
    """

    def __init__(
        self,
        metadata: MetadataStore | None = None,
        *,
        poll_s: float = POLL_S,
        version_poll_s: float = VERSION_POLL_S,
    ) -> None:
        """metadata: whose commits by other processes are watched; None: nobody's.

        poll_s: where the store has no `data_version`, listeners are told to look so often. They ask for the mailboxes
        that are held open, all in one statement, and make none when nothing is open.
        """
        self._metadata = metadata
        self._poll_s = poll_s
        self._version_poll_s = version_poll_s
        self._least_s = 0.0
        self._sooner = asyncio.Event()
        self._listeners: list[ChangeListener] = []
        self._pending: dict[MailboxId, ModSeq] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watching: asyncio.Task[None] | None = None

    def publish(self, mailbox_id: MailboxId, modseq: ModSeq) -> None:
        if self._loop is None:
            return
        if not self._pending:
            self._loop.call_soon(self._tell)
        self._pending[mailbox_id] = later(self._pending.get(mailbox_id, modseq), modseq)

    def listen(self, listener: ChangeListener) -> None:
        self._listeners.append(listener)

    async def follow(self, mailbox_id: MailboxId) -> None:
        """Every hint is told here, followed or not."""

    def unfollow(self, mailbox_id: MailboxId) -> None:
        """Every hint is told here, followed or not."""

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        if self._metadata is not None:
            # Asked before anybody loads anything, so that no commit after that is taken for what was there.
            known = await self._version(self._metadata, _NO_VERSION)
            self._watching = self._loop.create_task(self._watch(self._metadata, known))

    async def close(self) -> None:
        self._loop = None
        self._pending.clear()
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
            self._watching = None

    def poll_at_most_every(self, least_s: float) -> None:
        """Something better than the poll is at work; 0: it is not, poll at once and as usual. A store that has a
        `data_version` is asked for it as usual in any case: that costs nothing.
        """
        sooner = least_s < self._least_s
        self._least_s = least_s
        if sooner:
            self._sooner.set()

    def _tell(self) -> None:
        pending, self._pending = self._pending, {}
        for mailbox_id, modseq in pending.items():
            for listener in self._listeners:
                try:
                    listener(mailbox_id, modseq)
                except Exception:
                    _log.exception("a listener of the change feed failed")

    async def _watch(self, metadata: MetadataStore, known: int | None) -> None:
        while True:
            await self._pause(max(self._poll_s, self._least_s) if known is None else self._version_poll_s)
            version = await self._version(metadata, known)
            if version is None or version != known:
                self.publish(MailboxId(0), ModSeq(0))
            known = version

    async def _version(self, metadata: MetadataStore, otherwise: int | None) -> int | None:
        """otherwise: when it cannot be told now."""
        try:
            return await metadata.data_version()
        except SystemFault:
            _log.warning("the poll for changes of other processes failed", exc_info=True)
            return otherwise

    async def _pause(self, pause_s: float) -> None:
        self._sooner.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._sooner.wait()


def later(one: ModSeq, other: ModSeq) -> ModSeq:
    """Which of two hints on one mailbox says more: 0 says more than any MODSEQ, the mailbox itself has changed."""
    return ModSeq(max(one, other) if one and other else 0)
