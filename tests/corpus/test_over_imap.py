"""Every message of the corpus, and of our own, through a running server: what comes back is what was sent, octet by octet.

SEARCH over the two list archives gives the sets that Dovecot gave. ENVELOPE, BODYSTRUCTURE, sections and decoded parts are
compared in test_mime_corpus.py.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support import corpus, messages
from tests.support.server import LightMailServer
from tests.support.wire import ImapClient, literal_of

pytestmark = pytest.mark.integration

AT_ONCE = 50


def upload(client: ImapClient, mailbox: bytes, bodies: list[tuple[bytes, bytes]]) -> list[bytes]:
    """Pipelined APPENDs of (flags and date, octets); the tagged responses, in order."""
    tagged = []
    for start in range(0, len(bodies), AT_ONCE):
        numbers = [
            client.send_command(b"APPEND %s %s{}" % (mailbox, prefix), octets)
            for prefix, octets in bodies[start : start + AT_ONCE]
        ]
        tagged += [client.answer(number).tagged for number in numbers]
    return tagged


def fetched_bodies(client: ImapClient) -> Iterator[tuple[int, bytes]]:
    """(RFC822.SIZE, octets) of every message of the selected mailbox, in order."""
    for response in client.command(b"UID FETCH 1:* (RFC822.SIZE BODY.PEEK[])").fetched():
        size = re.search(rb"RFC822\.SIZE (\d+)", response[:100])
        assert size, response[:100]
        yield int(size[1]), literal_of(response)


@pytest.fixture
def client(server: LightMailServer) -> Iterator[ImapClient]:
    with ImapClient(server.address("imap")) as client:
        client.login(*server.add_user())
        yield client


def comes_back_as_sent(client: ImapClient, sent: list[tuple[str, bytes]]) -> None:
    """(name, octets) each: all are taken but those of no octets; whole, and as header and text, they are what was sent."""
    answers = upload(client, b"INBOX", [(b"", octets) for _, octets in sent])
    refused = [name for (name, _), tagged in zip(sent, answers, strict=True) if not tagged.startswith(b"OK")]
    assert refused == [name for name, octets in sent if not octets], "only a message of no octets is refused"
    kept = [(name, octets) for name, octets in sent if octets]
    assert client.command(b"EXAMINE INBOX").ok
    for (name, octets), (size, got) in zip(kept, fetched_bodies(client), strict=True):
        assert got == octets, f"{name} came back different"
        assert size == len(octets), name
    halves = client.command(b"FETCH 1:* (BODY.PEEK[HEADER] BODY.PEEK[TEXT])").fetched()
    for (name, octets), response in zip(kept, halves, strict=True):
        header = literal_of(response)
        text = literal_of(response[response.index(header) + len(header) :])
        assert header + text == octets, f"{name}: HEADER and TEXT are not the message (RFC 9051 §6.4.5.1)"


@corpus.needs_corpus
def test_every_message_comes_back_as_it_was_sent(client: ImapClient) -> None:
    sent = list(corpus.messages())
    assert len(sent) == 1420
    comes_back_as_sent(client, sent)


def test_generated_messages_come_back_as_they_were_sent(client: ImapClient) -> None:
    sent = list(messages.messages())
    assert len(sent) > 300
    comes_back_as_sent(client, sent)


def search_sets(name: str) -> list[dict[str, Any]]:
    lines = corpus.expected(f"lists/{name}.expected-dovecot-search.jsonl")
    return [line for line in lines if line["command"].startswith("SEARCH") and line["status"].startswith("OK")]


def search(client: ImapClient, command: str) -> list[int]:
    """8-bit strings go as literals, as they did when the answers were recorded."""
    literals: list[bytes] = []

    def as_literal(match: re.Match[str]) -> str:
        if match[1].isascii():
            return match[0]
        literals.append(match[1].encode())
        return "{}"

    text = re.sub(r'"([^"]*)"', as_literal, command)
    answer = client.command(text.encode(), *literals)
    assert answer.ok, (command, answer.tagged)
    (line,) = (line for line in answer.untagged if line.startswith(b"* SEARCH"))
    return [int(number) for number in line.split()[2:]]


@corpus.needs_corpus
@pytest.mark.parametrize(("name", "count"), [("spamassassin-easy-ham", 3900), ("linux-man", 4000)])
def test_list_archive(client: ImapClient, name: str, count: int) -> None:
    bodies = list(corpus.archive(name))
    assert len(bodies) == count
    start = datetime(2024, 1, 1, tzinfo=UTC)
    uploads = []
    for n, octets in enumerate(bodies, start=1):
        flags = {2: "\\Seen", 5: "\\Flagged", 7: "\\Answered", 11: "\\Draft", 3: "$Seen3"}
        names = " ".join(flag for divisor, flag in flags.items() if n % divisor == 0)
        date = (start + timedelta(minutes=n)).strftime("%d-%b-%Y %H:%M:%S +0000")
        uploads.append((f'({names}) "{date}" '.encode(), octets))
    assert all(tagged.startswith(b"OK") for tagged in upload(client, b"INBOX", uploads))
    assert client.command(b"EXAMINE INBOX").ok

    for n, (octets, (_, got)) in enumerate(zip(bodies, fetched_bodies(client), strict=True), start=1):
        assert hashlib.sha256(got).digest() == hashlib.sha256(octets).digest(), f"message {n} came back different"

    recorded = search_sets(name)
    assert len(recorded) > 30
    wrong = {}
    for line in recorded:
        got_set, expected_set = set(search(client, line["command"])), set(line["result"])
        if got_set != expected_set:
            wrong[line["command"]] = (sorted(got_set - expected_set)[:10], sorted(expected_set - got_set)[:10])
    assert not wrong, f"(too many, too few): {wrong}"
