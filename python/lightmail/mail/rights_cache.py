"""What this process remembers of access control lists: those of mailboxes that it holds open for others than their owner.

Who changes a list gives the mailbox a new MODSEQ (`MetadataStore.change_acl`); so whatever tells of a change, a hint or
the poll, tells of this one too, and what is remembered of the mailbox is dropped.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from lightmail.errors import SystemFault
from lightmail.mail.changes import Changes
from lightmail.model import Entries, MailboxId, ModSeq
from lightmail.ports.metadata import MetadataStore

_REMEMBERED = 4_096
_RETRY_S = 1.0


class RightsCache:
    def __init__(self, metadata: MetadataStore, changes: Changes) -> None:
        self._metadata = metadata
        self._known: OrderedDict[MailboxId, Entries] = OrderedDict()
        self._asking: dict[MailboxId, set[object]] = {}
        """Questions under way whose answer may be remembered: nothing has changed since they were asked."""
        self._waiting: dict[MailboxId, list[Callable[[], None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        changes.listen(self._changed)

    def known(self, mailbox_id: MailboxId) -> Entries | None:
        return self._known.get(mailbox_id)

    async def get(self, mailbox_id: MailboxId) -> Entries:
        """Raises Unavailable."""
        known = self._known.get(mailbox_id)
        if known is None:
            question = object()
            self._asking.setdefault(mailbox_id, set()).add(question)
            try:
                known = await self._metadata.get_acl(mailbox_id)
                if question in self._asking.get(mailbox_id, ()):
                    self._remember(mailbox_id, known)
            finally:
                self._answered(mailbox_id, question)
        return known

    def forget(self, mailbox_id: MailboxId) -> None:
        """It may have changed while nobody here had it open."""
        self._known.pop(mailbox_id, None)

    def look(self, mailbox_id: MailboxId, callback: Callable[[], None]) -> None:
        """Call back when it is known; those who wait for the same list share one question."""
        waiting = self._waiting.setdefault(mailbox_id, [])
        waiting.append(callback)
        if len(waiting) == 1:
            task = asyncio.get_running_loop().create_task(self._look(mailbox_id))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _look(self, mailbox_id: MailboxId) -> None:
        while mailbox_id not in self._known:
            try:
                await self.get(mailbox_id)
            except SystemFault:
                await asyncio.sleep(_RETRY_S)
        for callback in self._waiting.pop(mailbox_id):
            callback()

    def _remember(self, mailbox_id: MailboxId, entries: Entries) -> None:
        self._known[mailbox_id] = entries
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    def _answered(self, mailbox_id: MailboxId, question: object) -> None:
        asking = self._asking.get(mailbox_id)
        if asking is not None:
            asking.discard(question)
            if not asking:
                del self._asking[mailbox_id]

    def _changed(self, mailbox_id: MailboxId, modseq: ModSeq) -> None:
        if mailbox_id:
            self._known.pop(mailbox_id, None)
            self._asking.pop(mailbox_id, None)
        else:
            self._known.clear()
            self._asking.clear()
