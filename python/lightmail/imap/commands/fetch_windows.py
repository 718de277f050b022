"""FETCH responses that take no octets of bodies, in windows: rendered in bulk, drained, rendered on."""

from __future__ import annotations

from lightmail._core.index import BodySlot, FetchRun
from lightmail.errors import Unavailable
from lightmail.imap.session import Session
from lightmail.mail.store import MailStore

WINDOW_MESSAGES = 500
"""Of so many messages the summaries, or the locations of bodies, are asked for with one statement."""
WINDOW_OCTETS = 131_072
"""About so much is rendered between two drains."""
_NEEDY_MESSAGES = 8
"""Of so many messages octets are held while they are rendered, where inner headers were asked for."""
_ANY_NUMBER = 2**31 - 1


async def send_windows(session: Session, run: FetchRun) -> None:
    """Send all responses of a run that has no body slots. Raises BodyMissing, BodyCorrupt, Unavailable."""
    assert session.user is not None
    account = session.user.id
    while not run.done:
        for octets in await render(session.mail, run, messages=_ANY_NUMBER, account=account):
            assert isinstance(octets, bytes)
            session.send(octets)
        await session.drain()


async def render(mail: MailStore, run: FetchRun, *, messages: int, account: int) -> list[bytes | BodySlot]:
    """The next responses, at most so many; suspends only when something has to be read for them first.

    account: on whose behalf bodies are read.
    Raises BodyMissing, BodyCorrupt, Unavailable.
    """
    cache = mail.summaries.cache
    rendered = run.render(cache, messages=messages, max_octets=WINDOW_OCTETS)
    if not rendered and not run.done:
        await prepare(mail, run, account)
        rendered = run.render(cache, messages=messages, max_octets=WINDOW_OCTETS)
        if not rendered and not run.done:
            raise Unavailable("summary of a message")
    return rendered


async def prepare(mail: MailStore, run: FetchRun, account: int) -> None:
    """Have what the next messages take to be rendered. Raises BodyMissing, BodyCorrupt, Unavailable."""
    cache = mail.summaries.cache
    messages = WINDOW_MESSAGES
    while missing := run.missing(cache, messages):
        await mail.summaries.fill(missing)
        if messages == 1:
            break
        if run.missing(cache, messages):
            # A cache too small for the window has forgotten its beginning before its end was there.
            messages = max(1, messages // 4)
    # Header fields of a message within a message: only where the client names such a section.
    needs = run.needs(cache, min(messages, _NEEDY_MESSAGES))
    if needs:
        ranges = [(need.body_id, need.start, need.octets) for need in needs]
        read = await mail.bodies.read_all(ranges, account=account)
        for need, octets in zip(needs, read, strict=True):
            run.offer(need, octets)
