"""Our answers about a message beside those of two other servers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from lightmail._core import mime
from tests.corpus.imap_text import Value, normal_envelope, normal_structure, parse

LIMITS = mime.MimeLimits()

NORMAL: dict[str, Callable[[Value], Value]] = {"envelope": normal_envelope, "bodystructure": normal_structure}

OCTETS = "latin-1"  # the answers are recorded with one character per octet

_UNKNOWN_ENCODING = "NO [UNKNOWN-CTE]"


@dataclass(frozen=True, slots=True)
class Answer:
    """One item of one message; `what` is "envelope", "bodystructure", "section 1.2", "binary 1.2"."""

    what: str
    ours: object
    dovecot: object
    cyrus: object

    @property
    def peers_agree(self) -> bool:
        return self.dovecot == self.cyrus

    @property
    def agrees(self) -> bool:
        """With one of them at least."""
        return self.ours in (self.dovecot, self.cyrus)


def wire_answers(summary: mime.Summary, dovecot: dict[str, Any], cyrus: dict[str, Any]) -> Iterator[Answer]:
    """ENVELOPE and BODYSTRUCTURE, in their normal form; only where neither server refused the message."""
    for what, normal in NORMAL.items():
        if what in dovecot and what in cyrus:
            ours = normal(parse(getattr(summary, what)))
            told = (normal(parse(answer[what].encode(OCTETS))) for answer in (dovecot, cyrus))
            yield Answer(what, ours, *told)


def octet_answers(
    message: bytes, summary: mime.Summary, dovecot: dict[str, Any] | None, cyrus: dict[str, Any] | None
) -> Iterator[Answer]:
    """Sections and decoded parts as [octets, SHA-256]; None where there is no such part.

    None for a server that refused the message or changed it when it stored it: it tells nothing.
    """
    for kind, key, octets in (("section", "sections", _section), ("binary", "binary", _binary)):
        for section in sorted(_sections(dovecot, key) | _sections(cyrus, key)):
            ours = octets(message, summary, section)
            fingerprint = [len(ours), hashlib.sha256(ours).hexdigest()] if isinstance(ours, bytes) else ours
            yield Answer(f"{kind} {section}", fingerprint, _told(dovecot, key, section), _told(cyrus, key, section))


def _sections(answer: dict[str, Any] | None, key: str) -> set[str]:
    return set((answer or {}).get(key) or {})


def _told(answer: dict[str, Any] | None, key: str, section: str) -> object:
    """A refusal by its response code alone; a lost connection is one too."""
    if answer is None:
        return "nothing"
    told = (answer.get(key) or {}).get(section)
    if isinstance(told, str):
        return _UNKNOWN_ENCODING if told.startswith(_UNKNOWN_ENCODING) else "refused"
    return told


def _section(message: bytes, summary: mime.Summary, section: str) -> bytes | None:
    found = mime.section_range(summary.parts, section)
    return None if found is None else message[found[0] : found[0] + found[1]]


def _binary(message: bytes, summary: mime.Summary, section: str) -> bytes | str | None:
    octets = _section(message, summary, section)
    if octets is None:
        return None
    try:
        return mime.decode_part(summary.parts, section, octets)
    except mime.UnknownEncoding:
        return _UNKNOWN_ENCODING
    except ValueError:  # a multipart
        return None
