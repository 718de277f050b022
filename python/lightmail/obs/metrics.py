"""What is counted. Counting is an attribute or a dictionary entry plus one; Prometheus' forms are made when asked for.

All names have the prefix lightmail_. One `counts` per process; tests make their own.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prometheus_client.core import Metric


class Counts:
    """Plain numbers, written on the loop thread only."""

    __slots__ = (
        "command_seconds",
        "commands",
        "connections",
        "connections_closed",
        "deliveries",
        "logins",
        "malformed",
        "octets_in",
        "octets_out",
        "sources",
        "started_s",
        "timeouts",
    )

    def __init__(self) -> None:
        self.started_s = time.time()
        self.connections: Counter[str] = Counter()
        """Accepted, by protocol ("imap", "imaps", "lmtp")."""
        self.connections_closed: Counter[str] = Counter()
        self.commands: Counter[str] = Counter()
        """Answered, by command name ("FETCH", "UID FETCH" counts as FETCH)."""
        self.command_seconds: defaultdict[str, float] = defaultdict(float)
        """From a command's last octet to its tagged response, what it waited for included; by name, as above."""
        self.malformed: int = 0
        """Input that was no command."""
        self.timeouts: int = 0
        """Connections ended because nothing came."""
        self.logins: Counter[str] = Counter()
        """By outcome ("ok", "refused")."""
        self.deliveries: Counter[str] = Counter()
        """Recipients by outcome: "delivered", or the reply code ("452")."""
        self.octets_in: int = 0
        """Read from IMAP clients."""
        self.octets_out: int = 0
        self.sources: dict[tuple[str, str], tuple[str, Callable[[], float]]] = {}

    def source(self, name: str, help_text: str, read: Callable[[], float], *, label: str = "") -> None:
        """A number that somebody else keeps (cache hits, open snapshots), read when it is asked for.

        name: ends in _total when it only grows. label: which of several, told as `of`.
        """
        self.sources[name, label] = (help_text, read)


counts = Counts()


class Collector:
    """Hands `counts` to a prometheus_client registry."""

    def __init__(self, of: Counts) -> None:
        self._counts = of

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        now = self._counts
        for name, help_text, label, numbers in (
            ("connections", "Connections accepted", "protocol", now.connections),
            ("commands", "IMAP commands answered", "command", now.commands),
            ("command_seconds", "Time spent on IMAP commands", "command", now.command_seconds),
            ("logins", "Logins tried", "outcome", now.logins),
            ("deliveries", "Recipients of delivered messages", "outcome", now.deliveries),
        ):
            family = CounterMetricFamily(f"lightmail_{name}", help_text, labels=[label])
            for value, count in sorted(numbers.items()):
                family.add_metric([value], count)
            yield family
        octets = CounterMetricFamily("lightmail_octets", "IMAP octets", labels=["direction"])
        octets.add_metric(["in"], now.octets_in)
        octets.add_metric(["out"], now.octets_out)
        yield octets
        yield CounterMetricFamily("lightmail_malformed", "IMAP input that was no command", value=now.malformed)
        yield CounterMetricFamily("lightmail_timeouts", "IMAP connections ended for silence", value=now.timeouts)
        opened = GaugeMetricFamily("lightmail_connections_open", "Connections open now", labels=["protocol"])
        for protocol, count in sorted(now.connections.items()):
            opened.add_metric([protocol], count - now.connections_closed[protocol])
        yield opened
        yield GaugeMetricFamily("lightmail_start_time_seconds", "When the process started", value=now.started_s)
        yield from self._of_sources()

    def _of_sources(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        families: dict[str, Metric] = {}
        for (name, label), (help_text, read) in sorted(self._counts.sources.items()):
            kind = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
            full = f"lightmail_{name.removesuffix('_total')}"
            family = families.setdefault(full, kind(full, help_text, labels=["of"]))
            family.add_metric([label], read())  # type: ignore[attr-defined]
        yield from families.values()


def exposition(of: Counts = counts) -> bytes:
    """The Prometheus text format, version 0.0.4."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector(of))
    return generate_latest(registry)
