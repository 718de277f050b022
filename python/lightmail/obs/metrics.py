"""What is counted. Counting is an attribute or a dictionary entry plus one; other forms are made when asked for.

All names get the prefix lightmail_ where they are told. One `counts` per process; tests make their own.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import NamedTuple

from lightmail.obs.families import Across, Family, by_label, one_number


class Source(NamedTuple):
    help: str
    read: Callable[[], float]
    across: Across


class Counts:
    """Plain numbers, written on the loop thread only."""

    __slots__ = (
        "command_seconds",
        "commands",
        "connections",
        "connections_closed",
        "decisions",
        "delayed",
        "deliveries",
        "logins",
        "malformed",
        "octets_in",
        "octets_out",
        "refused",
        "sources",
        "started_s",
        "timeouts",
    )

    def __init__(self) -> None:
        self.started_s = time.time()
        self.connections: Counter[str] = Counter()
        """Accepted, by protocol ("imap", "imaps", "lmtp")."""
        self.connections_closed: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        """Connections that were closed instead of served, by reason ("network", "proxy"; a limit: "connections", "address",
        "network limit", "user")."""
        self.decisions: Counter[str] = Counter()
        """Of the service that `auth_policy` names: "allowed", "delayed", "refused", "none"; "report dropped"."""
        self.delayed: Counter[str] = Counter()
        """What was answered late because of a limit: "command", "login"."""
        self.commands: Counter[str] = Counter()
        """Answered, by command name ("FETCH", "UID FETCH" counts as FETCH)."""
        self.command_seconds: defaultdict[str, float] = defaultdict(float)
        """From a command's last octet to its tagged response, what it waited for included; by name, as above."""
        self.malformed: int = 0
        """Input that was no command."""
        self.timeouts: int = 0
        """Connections ended because nothing came."""
        self.logins: Counter[str] = Counter()
        """By outcome ("ok", "refused"; "later": too many wait)."""
        self.deliveries: Counter[str] = Counter()
        """Recipients by outcome: "delivered", or the reply code ("452")."""
        self.octets_in: int = 0
        """Read from IMAP clients."""
        self.octets_out: int = 0
        self.sources: dict[tuple[str, str], Source] = {}

    def source(
        self, name: str, help_text: str, read: Callable[[], float], *, label: str = "", across: Across = "sum"
    ) -> None:
        """A number that somebody else keeps (cache hits, open snapshots), read when it is asked for.

        name: ends in _total when it only grows. label: which of several, told as `of`; "": there is one. across: what
        becomes of a number that does not only grow when several workers tell it: "max" when they speak of one thing
        that they share.
        """
        self.sources[name, label] = Source(help_text, read, across)


counts = Counts()


def families(of: Counts = counts) -> list[Family]:
    """All numbers of this process, as they are now."""
    opened = tuple(((name,), count - of.connections_closed[name]) for name, count in sorted(of.connections.items()))
    return [
        by_label("connections", "Connections accepted", "protocol", of.connections),
        by_label("connections_refused", "Connections closed instead of served", "reason", of.refused),
        by_label("decisions", "Answers of the decision service", "outcome", of.decisions),
        by_label("delayed", "Answered late because of a limit", "what", of.delayed),
        by_label("commands", "IMAP commands answered", "command", of.commands),
        by_label("command_seconds", "Time spent on IMAP commands", "command", of.command_seconds),
        by_label("logins", "Logins tried", "outcome", of.logins),
        by_label("deliveries", "Recipients of delivered messages", "outcome", of.deliveries),
        by_label("octets", "IMAP octets", "direction", {"in": of.octets_in, "out": of.octets_out}),
        one_number("malformed", "IMAP input that was no command", of.malformed, kind="counter"),
        one_number("timeouts", "IMAP connections ended for silence", of.timeouts, kind="counter"),
        Family("connections_open", "Connections open now", "gauge", ("protocol",), opened),
        Family("start_time_seconds", "When the process started", "gauge", numbers=(((), of.started_s),), across="each"),
        *_of_sources(of),
    ]


def _of_sources(of: Counts) -> list[Family]:
    numbers: dict[str, dict[str, float]] = {}
    for (name, label), source in sorted(of.sources.items(), key=lambda item: item[0]):
        numbers.setdefault(name, {})[label] = source.read()
    heads = {name: source for (name, _), source in of.sources.items()}
    return [
        Family(
            name.removesuffix("_total"),
            heads[name].help,
            "counter" if name.endswith("_total") else "gauge",
            ("of",) if any(found) else (),
            tuple(((label,) if any(found) else (), number) for label, number in found.items()),
            heads[name].across,
        )
        for name, found in numbers.items()
    ]
