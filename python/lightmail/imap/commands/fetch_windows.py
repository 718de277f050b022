"""FETCH responses that take no octets of bodies, in windows: rendered in bulk, drained, rendered on."""

from __future__ import annotations

import asyncio

from lightmail._core.index import FetchRun
from lightmail.errors import Unavailable
from lightmail.imap.session import Session
from lightmail.mail.store import MailStore

WINDOW_MESSAGES = 500
"""Of so many messages the summaries, or the locations of bodies, are asked for with one statement."""
WINDOW_OCTETS = 131_072
_NEEDY_MESSAGES = 8
"""Of so many messages octets are held while they are rendered, where inner headers were asked for."""
_ANY_NUMBER = 2**31 - 1


async def send_windows(session: Session, run: FetchRun, *, needs_summary: bool) -> None:
    cache = session.mail.summaries.cache
    messages = _ANY_NUMBER
    while not run.done:
        if needs_summary:
            messages = await prepare(session.mail, run)
        rendered = run.render(cache, messages=messages, max_octets=WINDOW_OCTETS)
        if not rendered and not run.done:
            raise Unavailable("summary of a message")
        for octets in rendered:
            assert isinstance(octets, bytes)
            session.send(octets)
        await session.drain()


async def prepare(mail: MailStore, run: FetchRun) -> int:
    """Have what the next messages take to be rendered; how many may be now. Does not suspend when all is there.

    Raises BodyMissing, BodyCorrupt, Unavailable.
    """
    cache = mail.summaries.cache
    messages = WINDOW_MESSAGES
    while missing := run.missing(cache, messages):
        await mail.summaries.fill(missing)
        if messages == 1:
            break
        if run.missing(cache, messages):
            # A cache too small for the window has forgotten its beginning before its end was there.
            messages = max(1, messages // 4)
    if run.needs(cache, messages):
        # Header fields of a message within a message: only where the client names such a section.
        messages = min(messages, _NEEDY_MESSAGES)
        needs = run.needs(cache, messages)
        read = await asyncio.gather(*(mail.bodies.read(need.body_id, need.start, need.octets) for need in needs))
        for need, octets in zip(needs, read, strict=True):
            run.offer(need, octets)
    return messages
