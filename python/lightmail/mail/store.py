"""The door to the mail store: everything the upper layers hold of it. Wires the services of this room together."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from lightmail._core.index import UidSet
from lightmail.config import Config
from lightmail.mail.access import Access
from lightmail.mail.accounts import Accounts
from lightmail.mail.annotations import Annotations
from lightmail.mail.bodies import Bodies
from lightmail.mail.changes import Changes
from lightmail.mail.delivery import Delivery
from lightmail.mail.live import LiveMailbox, LiveMailboxes
from lightmail.mail.mailboxes import Mailboxes
from lightmail.mail.messages import Messages
from lightmail.mail.named_searches import NamedSearches
from lightmail.mail.order import Orders
from lightmail.mail.quotas import Quotas
from lightmail.mail.search import Searches
from lightmail.mail.sessions import ClientSessions
from lightmail.mail.summaries import Summaries
from lightmail.mail.watching import Watching
from lightmail.model import MailboxId, ModSeq
from lightmail.ports.blobs import BlobStore
from lightmail.ports.cache import Cache
from lightmail.ports.changes import ChangeFeed
from lightmail.ports.clock import Clock
from lightmail.ports.directory import Directory
from lightmail.ports.metadata import MetadataStore
from lightmail.ports.sessions import SessionTable

_MOST_WORKERS = 8


class MailStore:
    """One per process. The ports are the caller's to start and to close; `close` stops what runs here."""

    def __init__(
        self,
        *,
        metadata: MetadataStore,
        blobs: BlobStore,
        directory: Directory,
        feed: ChangeFeed,
        clock: Clock,
        config: Config,
        sessions: SessionTable | None = None,
        cache: Cache | None = None,
        exclusive: bool = True,
    ) -> None:
        """cache: what all nodes know together.

        exclusive: no other server process is expected to write; those that do all the same (the command line) are
        noticed by hints. Otherwise whatever is opened is asked for anew.
        """
        self.clock = clock
        self.sessions = ClientSessions(sessions, clock=clock, node=config.server.hostname)
        self.directory = directory
        self._metadata = metadata
        self._workers = ThreadPoolExecutor(max(2, min(_MOST_WORKERS, os.cpu_count() or 1)), thread_name_prefix="octets")
        self.live = LiveMailboxes(metadata, feed, max_octets=config.limits.snapshot_cache_octets, exclusive=exclusive)
        self._changes = Changes(live=self.live, feed=feed)
        self.mailboxes = Mailboxes(metadata=metadata, changes=self._changes, config=config, exclusive=exclusive)
        self.access = Access(
            mailboxes=self.mailboxes, metadata=metadata, directory=directory, changes=self._changes, config=config
        )
        self.watching = Watching(
            access=self.access,
            mailboxes=self.mailboxes,
            metadata=metadata,
            live=self.live,
            feed=feed,
            changes=self._changes,
            exclusive=exclusive,
        )
        self.bodies = Bodies(metadata=metadata, blobs=blobs, config=config, workers=self._workers, shared=cache)
        self.summaries = Summaries(metadata=metadata, max_octets=config.limits.summary_cache_octets)
        messages = Messages(
            metadata=metadata,
            bodies=self.bodies,
            summaries=self.summaries,
            live=self.live,
            changes=self._changes,
            config=config,
            exclusive=exclusive,
        )
        self.quotas = Quotas(metadata=metadata, directory=directory)
        self.annotations = Annotations(
            metadata=metadata,
            mailboxes=self.mailboxes,
            access=self.access,
            quotas=self.quotas,
            changes=self._changes,
            config=config,
        )
        self.named_searches = NamedSearches(metadata=metadata, config=config)
        self.append = messages.append
        self.set_flags = messages.set_flags
        self.copy = messages.copy
        self.move = messages.move
        self.replace = messages.replace
        self.expunge = messages.expunge
        self.search = Searches(bodies=self.bodies, summaries=self.summaries, clock=clock, workers=self._workers).search
        orders = Orders(summaries=self.summaries, workers=self._workers, max_octets=config.limits.sort_cache_octets)
        self.sort = orders.sort
        self.thread = orders.thread
        self.delivery = Delivery(
            mailboxes=self.mailboxes, messages=messages, bodies=self.bodies, clock=clock, config=config
        )
        self.accounts = Accounts(
            directory=directory, metadata=metadata, mailboxes=self.mailboxes, changes=self._changes, config=config
        )

    async def open(self, mailbox_id: MailboxId) -> LiveMailbox:
        """Hold a live mailbox; `release()` it once. Does not suspend when it is here and up to date.

        Raises MailboxNotFound, Unavailable.
        """
        return await self.live.open(mailbox_id)

    async def expunged_since(self, mailbox_id: MailboxId, modseq: ModSeq) -> UidSet:
        """UIDs expunged after `modseq` (RFC 7162 §3.2.5.2, §3.2.6)."""
        return await self._metadata.expunged_since(mailbox_id, modseq)

    async def close(self) -> None:
        """Stop refreshing and wait for worker threads. Sessions have gone before."""
        await self.sessions.close()
        await self.access.close()
        await self.live.close()
        self._workers.shutdown(wait=True, cancel_futures=True)
