"""Change hints through Redis: each mailbox has a channel, and a process subscribes to those it holds open.

One channel for all would be simpler, and every process would then read the changes of all others: with N nodes N times
the work, until reading hints is all they do. Buckets of mailboxes help only while a process holds fewer mailboxes than
there are buckets. With a channel per mailbox a process hears what its own clients want to know, whatever the number of
nodes (docs/adr/0007).

What is committed before a subscription is confirmed is nobody's hint, so `follow` waits for that, and the mailbox is
asked for afterwards. Channels of mailboxes that were held a short time ago stay subscribed: clients come back.

Messages, as text: on `PREFIX:mailbox:ID` "SENDER MODSEQ", MODSEQ 0 when the mailbox itself has changed; on
`PREFIX:mailboxes` "SENDER 0" after a sender has lost hints: look yourself. They may be lost (law 4): a slow poll runs
beside, and while Redis is away the poll is what there is.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import OrderedDict
from functools import partial
from typing import Any

from redis import exceptions

from lightmail.backends.local import LocalChangeFeed
from lightmail.backends.local.feed import POLL_S, later
from lightmail.backends.redis.connection import FIRST_RETRY_S, RedisConnection
from lightmail.backends.redis.faults import AWAY
from lightmail.backends.redis.subscriber import Subscriber
from lightmail.errors import Unavailable
from lightmail.model import MailboxId, ModSeq
from lightmail.obs.metrics import Counts, counts
from lightmail.ports.changes import ChangeListener
from lightmail.ports.metadata import MetadataStore

_log = logging.getLogger(__name__)

SAFETY_POLL_S = 30.0
"""While Redis is there, on a store without `data_version`: for hints that were lost without anybody knowing."""
WAITING = 10_000
"""Mailboxes with a hint that has not been sent yet; with more, one hint says that there were some."""
HINTS_AT_ONCE = 500
"""Of one pipeline: some milliseconds of work."""
LINGERING = 1_000
"""Channels that stay subscribed after nobody holds the mailbox any more; the oldest go first."""
REFUSED_PAUSE_S = 5.0
_DIGITS = 20
"""Fewer than so many have ids and MODSEQs (63 bit)."""


class RedisChangeFeed:
    """Implements `ports.changes.ChangeFeed`.

    Own hints are told to listeners here at once, whatever Redis does.
    """

    def __init__(self, redis: RedisConnection, metadata: MetadataStore | None, *, poll_s: float = POLL_S) -> None:
        """metadata, poll_s: as LocalChangeFeed has them."""
        self.sent = 0
        """Hints that Redis has taken."""
        self.received = 0
        """Hints of other processes."""
        self.malformed = 0
        """Messages that were no hint."""
        self._redis = redis
        self._local = LocalChangeFeed(metadata, poll_s=poll_s)
        self._sender = secrets.token_hex(6).encode()
        self._everybody = f"{redis.prefix}:mailboxes".encode()
        self._channel_prefix = f"{redis.prefix}:mailbox:".encode()
        self._waiting: dict[MailboxId, ModSeq] = {}
        self._lost_some = False
        self._something_to_send = asyncio.Event()
        self._followed: dict[MailboxId, int] = {}
        self._lingering: OrderedDict[MailboxId, None] = OrderedDict()
        self._subscriber: Subscriber | None = None
        self._listening: asyncio.Task[None] | None = None
        self.hearing = False
        """All that is followed is subscribed to."""
        self._back = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def publish(self, mailbox_id: MailboxId, modseq: ModSeq) -> None:
        self._local.publish(mailbox_id, modseq)
        if not self._tasks:
            return
        if not mailbox_id or not self._redis.present or len(self._waiting) >= WAITING:
            self._waiting.clear()
            self._lost_some = True
        else:
            self._waiting[mailbox_id] = later(self._waiting.get(mailbox_id, modseq), modseq)
        self._something_to_send.set()

    def listen(self, listener: ChangeListener) -> None:
        self._local.listen(listener)

    async def follow(self, mailbox_id: MailboxId) -> None:
        self._followed[mailbox_id] = self._followed.get(mailbox_id, 0) + 1
        self._lingering.pop(mailbox_id, None)
        if self._subscriber is None:
            return  # once there is one, it begins with all that is followed
        confirmed = self._subscriber.subscribe(self._channel(mailbox_id))
        if confirmed.done() or not self.hearing:
            return  # when it hears, everything is looked at once more
        if not await self._redis.in_time(confirmed):
            self._redis.lost(exceptions.TimeoutError(f"no subscription within {self._redis.timeout_s:g} s"))

    def unfollow(self, mailbox_id: MailboxId) -> None:
        self._followed[mailbox_id] -= 1
        if self._followed[mailbox_id] > 0:
            return
        del self._followed[mailbox_id]
        if self._subscriber is not None:
            self._lingering[mailbox_id] = None
            if len(self._lingering) > LINGERING:
                oldest, _ = self._lingering.popitem(last=False)
                self._subscriber.unsubscribe(self._channel(oldest))

    async def start(self) -> None:
        await self._local.start()
        self._redis.listen(self._redis_changed)
        if self._redis.present:
            self._back.set()
        loop = asyncio.get_running_loop()
        self.count(counts)
        self._tasks = [loop.create_task(self._send_all()), loop.create_task(self._listen_always())]

    def count(self, told: Counts) -> None:
        for of, read in (
            ("sent", lambda: self.sent),
            ("received", lambda: self.received),
            ("malformed", lambda: self.malformed),
        ):
            told.source("redis_hints_total", "Hints of changes by way of Redis", read, label=of)
        told.source("redis_mailboxes_followed", "Mailboxes whose hints are asked for", lambda: len(self._followed))

    async def close(self) -> None:
        tasks, self._tasks = self._tasks, []
        if self._listening is not None:
            tasks.append(self._listening)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._redis.present:
            # What was committed last: nobody else can tell of it.
            await self._send_waiting()
        await self._local.close()

    def _redis_changed(self, present: bool) -> None:
        if present:
            self._back.set()
            self._something_to_send.set()
        else:
            self._back.clear()
            if self._listening is not None:
                self._listening.cancel()

    def _channel(self, mailbox_id: MailboxId) -> bytes:
        return b"%b%d" % (self._channel_prefix, mailbox_id)

    # ---- sending

    async def _send_all(self) -> None:
        """What comes while some are being sent waits, the latest of each mailbox, and goes together."""
        while True:
            await self._something_to_send.wait()
            self._something_to_send.clear()
            if self._redis.present:  # told when it is back
                await self._send_waiting()

    async def _send_waiting(self) -> None:
        """Until nothing waits, or Redis goes."""
        while self._lost_some or self._waiting:
            if self._lost_some:
                self._waiting.clear()
                hints = [(self._everybody, ModSeq(0))]
            else:
                some = list(self._waiting)[:HINTS_AT_ONCE]
                hints = [(self._channel(each), self._waiting.pop(each)) for each in some]
            self._lost_some = False
            try:
                await self._redis.ask(partial(self._send, hints), bus=True)
                self.sent += len(hints)
            except Unavailable:
                self._lost_some = True
                break

    async def _send(self, hints: list[tuple[bytes, ModSeq]], bus: Any) -> None:
        pipeline = bus.pipeline(transaction=False)
        for channel, modseq in hints:
            pipeline.publish(channel, b"%b %d" % (self._sender, modseq))
        await pipeline.execute()

    # ---- hearing

    async def _listen_always(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._back.wait()
            self._listening = loop.create_task(self._listen())
            await asyncio.wait({self._listening})
            error = None if self._listening.cancelled() else self._listening.exception()
            had_heard, self.hearing = self.hearing, False
            self._local.poll_at_most_every(0)
            if isinstance(error, AWAY):
                if not had_heard:
                    self._redis.lost(error)
            elif isinstance(error, exceptions.RedisError):
                self._redis.refused(error)
                await asyncio.sleep(REFUSED_PAUSE_S)
            elif error is not None:
                _log.error("listening to changes of other processes failed", exc_info=error)
            await asyncio.sleep(FIRST_RETRY_S)

    async def _listen(self) -> None:
        """Until it fails, or is cancelled because Redis is away."""
        loop = asyncio.get_running_loop()
        subscriber = self._subscriber = Subscriber(self._redis.bus, self._heard, timeout_s=self._redis.timeout_s)
        for channel in (self._everybody, *map(self._channel, self._followed)):
            subscriber.subscribe(channel)
        running = loop.create_task(subscriber.run())
        settled = loop.create_task(subscriber.settled())
        try:
            await asyncio.wait((running, settled), return_when=asyncio.FIRST_COMPLETED)
            if not subscriber.ended:
                self.hearing = True
                self._local.poll_at_most_every(SAFETY_POLL_S)
                self._local.publish(MailboxId(0), ModSeq(0))  # whatever was said until now was not heard
            await running
        finally:
            self._subscriber = None
            self._lingering.clear()
            subscriber.stop()
            running.cancel()
            settled.cancel()
            await asyncio.gather(running, settled, return_exceptions=True)

    def _heard(self, channel: bytes, message: bytes) -> None:
        sender, _, number = message.partition(b" ")
        if sender == self._sender:
            return
        name = b"0" if channel == self._everybody else channel.removeprefix(self._channel_prefix)
        digits = name.removeprefix(b"-")  # see `place_of_account`
        if not (sender and digits.isdigit() and number.isdigit() and len(name) < _DIGITS and len(number) < _DIGITS):
            self.malformed += 1
            return
        self.received += 1
        self._local.publish(MailboxId(int(name)), ModSeq(int(number)))
