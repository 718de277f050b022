"""The change feed of one machine: listeners of this process are called, other processes are noticed by a poll.

One timer per process, whatever the number of sessions and mailboxes.
"""

from __future__ import annotations

import asyncio
import logging

from lightmail.errors import SystemFault
from lightmail.model import MailboxId, ModSeq
from lightmail.ports.changes import ChangeListener
from lightmail.ports.metadata import MetadataStore

_log = logging.getLogger(__name__)

POLL_INTERVAL_S = 0.25


class LocalChangeFeed:
    """Implements `ports.changes.ChangeFeed`.

    Hints published in one turn of the loop are told together in the next one, the latest of each mailbox only.
    """

    def __init__(self, metadata: MetadataStore | None = None, *, poll_interval_s: float = POLL_INTERVAL_S) -> None:
        """metadata: whose `data_version` is watched for commits of other processes; None or interval 0: nobody's."""
        self._metadata = metadata
        self._interval_s = poll_interval_s
        self._listeners: list[ChangeListener] = []
        self._pending: dict[MailboxId, ModSeq] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._poll: asyncio.Task[None] | None = None

    def publish(self, mailbox_id: MailboxId, modseq: ModSeq) -> None:
        if self._loop is None:
            return
        if not self._pending:
            self._loop.call_soon(self._tell)
        # 0 says more than any MODSEQ: the mailbox itself has changed.
        earlier = self._pending.get(mailbox_id, modseq)
        self._pending[mailbox_id] = ModSeq(max(earlier, modseq) if earlier and modseq else 0)

    def listen(self, listener: ChangeListener) -> None:
        self._listeners.append(listener)

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        if self._metadata is not None and self._interval_s > 0:
            self._poll = self._loop.create_task(self._watch(self._metadata))

    async def close(self) -> None:
        self._loop = None
        self._pending.clear()
        if self._poll is not None:
            self._poll.cancel()
            await asyncio.gather(self._poll, return_exceptions=True)
            self._poll = None

    def _tell(self) -> None:
        pending, self._pending = self._pending, {}
        for mailbox_id, modseq in pending.items():
            for listener in self._listeners:
                try:
                    listener(mailbox_id, modseq)
                except Exception:
                    _log.exception("a listener of the change feed failed")

    async def _watch(self, metadata: MetadataStore) -> None:
        known: int | None = None
        while True:
            try:
                version = await metadata.data_version()
                if known is not None and version != known:
                    self.publish(MailboxId(0), ModSeq(0))
                known = version
            except SystemFault:
                _log.warning("the poll for changes of other processes failed", exc_info=True)
            await asyncio.sleep(self._interval_s)
