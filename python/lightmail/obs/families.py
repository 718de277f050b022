"""Numbers on their way from a process to whoever collects them: as plain data, added up over processes, as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from prometheus_client.core import Metric

Across = Literal["sum", "max", "each"]
"""What becomes of a gauge that several processes tell: added up; the greatest, where they tell of one thing that they
share; or each with a label `worker` of its own."""


class Family(Struct, frozen=True):
    """One name with all its labels."""

    name: str
    """Without `_total`."""
    help: str
    kind: Literal["counter", "gauge"]
    labels: tuple[str, ...] = ()
    numbers: tuple[tuple[tuple[str, ...], float], ...] = ()
    """Values of the labels, and the number."""
    across: Across = "sum"
    """Of a gauge. Counters are added up."""


class Totals:
    """The numbers of processes that come and go, as those of one server: a counter never falls when one is gone."""

    def __init__(self) -> None:
        self._living: dict[object, tuple[str, Sequence[Family]]] = {}
        self._gone: Sequence[Family] = ()

    def tell(self, process: object, label: str, families: Sequence[Family]) -> None:
        """The latest numbers of a process; label: its worker number."""
        self._living[process] = (label, families)

    def gone(self, process: object) -> None:
        """Its counters stay."""
        _, families = self._living.pop(process, ("", ()))
        counters = [family for family in families if family.kind == "counter"]
        self._gone = _merged([("", self._gone), ("", counters)])

    def families(self) -> list[Family]:
        return _merged([("", self._gone), *self._living.values()])


def exposition(families: Iterable[Family]) -> bytes:
    """The Prometheus text format, version 0.0.4."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(families))
    return generate_latest(registry)


def _merged(told: Iterable[tuple[str, Sequence[Family]]]) -> list[Family]:
    heads: dict[str, Family] = {}
    numbers: dict[str, dict[tuple[str, ...], float]] = {}
    for worker, families in told:
        for family in families:
            each = family.kind == "gauge" and family.across == "each"
            labels = (*family.labels, "worker") if each else family.labels
            heads.setdefault(family.name, Family(family.name, family.help, family.kind, labels))
            found = numbers.setdefault(family.name, {})
            for values, number in family.numbers:
                at = (*values, worker) if each else values
                if at not in found:
                    found[at] = number
                elif family.kind == "gauge" and family.across == "max":
                    found[at] = max(found[at], number)
                else:
                    found[at] += number
    return [
        Family(head.name, head.help, head.kind, head.labels, tuple(sorted(numbers[name].items())))
        for name, head in heads.items()
    ]


def one_number(name: str, help_text: str, number: float, *, kind: Literal["counter", "gauge"] = "gauge") -> Family:
    return Family(name, help_text, kind, (), (((), number),))


def by_label(name: str, help_text: str, label: str, numbers: Mapping[str, float]) -> Family:
    """Counters by the values of one label."""
    return Family(name, help_text, "counter", (label,), tuple(((value,), n) for value, n in sorted(numbers.items())))


class _Collector:
    def __init__(self, families: Iterable[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        for family in self._families:
            kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
            metric = kind(f"lightmail_{family.name}", family.help, labels=family.labels)
            for values, number in family.numbers:
                metric.add_metric(values, number)
            yield metric
