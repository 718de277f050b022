"""SORT beside a naive model: generated mailboxes, sorted by keys that the test knows without reading a header (RFC 5256)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from lightmail._core import imap
from lightmail._core.index import KeyCache, OrderRun, Snapshot, UidList, UidSet
from tests.unit.core_index.rows import command, summaries

WORDS = {
    # As it is written, and as i;unicode-casemap compares it (RFC 5051 §2).
    "apple": "APPLE",
    "Apple": "APPLE",
    "_x": "_X",
    "zoo": "ZOO",
    "=?utf-8?q?=C3=A9tude?=": "E\u0301TUDE",
    "=?iso-8859-1?q?=C9tude?=": "E\u0301TUDE",
    "=?utf-8?b?77yh77yi?=": "AB",
    "": "",
}
LEADERS = ("", "Re: ", "re : ", "Fwd:", "[list] ", "Re: [list] fw: ")
TRAILERS = ("", " (fwd)", "  ")


@dataclass(frozen=True)
class Person:
    mailbox: str
    name: str | None
    """A key of WORDS."""

    def written(self) -> str:
        return f"{self.mailbox}@example.org" if self.name is None else f"{self.name} <{self.mailbox}@example.org>"

    def display(self) -> str:
        return (WORDS[self.name] if self.name else "") or f"{self.mailbox}@example.org".upper()


@dataclass(frozen=True)
class Message:
    subject: str
    leader: str
    trailer: str
    people: dict[str, Person | None]
    size: int
    arrival: int
    sent: int | None

    def header(self) -> bytes:
        lines = [f"Subject: {self.leader}{self.subject}{self.trailer}"]
        lines += [f"{field}: {person.written()}" for field, person in self.people.items() if person is not None]
        return "".join(f"{line}\r\n" for line in (*lines, "")).encode()

    def value(self, key: str) -> str | int:
        match key:
            case "ARRIVAL":
                return self.arrival
            case "DATE":
                return self.arrival if self.sent is None else self.sent
            case "SIZE":
                return self.size
            case "SUBJECT":
                # Step 4: a blob stays where nothing is left without it.
                blob = "" if WORDS[self.subject] else {"[list] ": "[LIST]"}.get(self.leader, "")
                return WORDS[self.subject] or blob
            case "DISPLAYFROM" | "DISPLAYTO":
                person = self.people[key.removeprefix("DISPLAY").capitalize()]
                return person.display() if person else ""
            case _:
                person = self.people[key.capitalize()]
                return person.mailbox.upper() if person else ""


people = st.none() | st.builds(
    Person, mailbox=st.sampled_from(["a", "B", "b", "x.y"]), name=st.none() | st.sampled_from(sorted(WORDS))
)
messages = st.builds(
    Message,
    subject=st.sampled_from(sorted(WORDS)),
    leader=st.sampled_from(LEADERS),
    trailer=st.sampled_from(TRAILERS),
    people=st.fixed_dictionaries({"From": people, "To": people, "Cc": people}),
    size=st.integers(1, 4),
    arrival=st.integers(10, 14),
    sent=st.none() | st.integers(8, 16),
)
KEYS = ("ARRIVAL", "CC", "DATE", "DISPLAYFROM", "DISPLAYTO", "FROM", "SIZE", "SUBJECT", "TO")
criteria = st.lists(st.tuples(st.sampled_from(KEYS), st.booleans()), min_size=1, max_size=4)


def ordered(mailbox: list[Message], order: list[tuple[str, bool]], *, keys: KeyCache) -> UidList:
    rows = [
        f"{uid} {message.size} 0 1 {uid} {message.arrival} 0 0 {message.sent or 0} 0\n"
        for uid, message in enumerate(mailbox, start=1)
    ]
    view = Snapshot.load(["".join(rows)], keywords=[], uid_next=len(rows) + 1, highest_modseq=1)
    written = " ".join(f"REVERSE {key}" if reverse else key for key, reverse in order)
    event = command(f"SORT ({written}) UTF-8 ALL")
    assert isinstance(event, imap.Sort)
    run = OrderRun(
        view, UidSet.from_ranges([(1, len(rows))]) if rows else UidSet(), with_keys=event.order.needs_summary
    )
    run.use_keys(keys)
    cache = summaries({uid: message.header() for uid, message in enumerate(mailbox, start=1)})
    assert run.missing_summaries(cache, 100) == []
    run.use_summaries(cache, keys)
    return run.sort(event.order)


@settings(max_examples=150)
@given(st.lists(messages, max_size=12), criteria)
def test_the_same_order(mailbox: list[Message], order: list[tuple[str, bool]]) -> None:
    expected = list(range(1, len(mailbox) + 1))
    # Stable sorts, by the last criterion first; reversed ones keep the order of equal messages too (RFC 5256 §3).
    for key, reverse in reversed(order):
        expected.sort(key=partial(_value, mailbox, key), reverse=reverse)
    keys = KeyCache(1 << 20)
    assert list(ordered(mailbox, order, keys=keys)) == expected
    assert list(ordered(mailbox, order, keys=keys)) == expected, "with keys that were kept"


def _value(mailbox: list[Message], key: str, uid: int) -> bytes | int:
    value = mailbox[uid - 1].value(key)
    return value.encode() if isinstance(value, str) else value
