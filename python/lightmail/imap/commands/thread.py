"""THREAD, UID THREAD (RFC 5256): ORDEREDSUBJECT, REFERENCES, and REFS (draft-ietf-morg-inthread)."""

from __future__ import annotations

from lightmail._core import imap
from lightmail.imap.commands.search import check_whole, found_in, with_filters
from lightmail.imap.progress import Progress
from lightmail.imap.replies import Done
from lightmail.imap.session import Session

_THREADED = Done("Threaded")
_THREADED_BY_NUMBER = Done("Threaded", keeps_numbers=True)
"""As with SEARCH (RFC 7162 §3.2.10.2)."""


@with_filters
async def thread(session: Session, command: imap.Thread) -> Done:
    """The threads of the view."""
    selected = session.selected
    assert selected is not None
    view = selected.view
    program = command.program
    if program.uses_modseq:
        session.condstore = True
    check_whole(session, command, view, selected.saved)
    found, _ = await found_in(session, selected, command)
    with Progress(session, command.tag):
        threads = await session.mail.thread(
            command.algorithm, view, found, by_uid=command.uid, comparator=session.comparator
        )
    session.send(b"* THREAD %s\r\n" % threads if threads else b"* THREAD\r\n")
    return _THREADED_BY_NUMBER if program.uses_sequence_numbers else _THREADED
