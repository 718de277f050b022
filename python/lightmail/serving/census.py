"""The numbers of all workers as those of one server: asked for, waited for, added up, written."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog

from lightmail.obs.families import Family, Totals, exposition
from lightmail.serving import machine
from lightmail.serving.channel import Report
from lightmail.serving.crew import Worker

PATIENCE_S = 2.0
"""How long a worker may take to answer; then its last numbers are taken."""
ASK_EVERY_S = 15.0
"""So often all workers are asked anyway: what a killed one has counted since then is lost."""

_log = structlog.get_logger("lightmail.serving")


class Census:
    """Times are of the monotonic clock."""

    def __init__(self, workers: Mapping[int, Worker]) -> None:
        """workers: those that live, by process id; the supervisor's own."""
        self._workers = workers
        self._totals = Totals()
        self._question = 0
        self._unanswered: set[int] = set()
        """Process ids of those whose answer is waited for."""
        self._data: Path | None = None
        self._write_s = 0.0
        self._ask_s = time.monotonic() + ASK_EVERY_S
        self.lost = 0
        """Workers that have ended by themselves."""

    @property
    def due_s(self) -> float:
        """When `look` has something to do."""
        return min(self._write_s, self._ask_s) if self._unanswered else self._ask_s

    def look(self) -> None:
        now = time.monotonic()
        if self._unanswered and now >= self._write_s:
            _log.warning("workers did not tell their numbers", pids=sorted(self._unanswered))
            self._unanswered.clear()
            self._write()
        if now >= self._ask_s:
            self._ask_s = now + ASK_EVERY_S
            self._ask(0)

    def write(self, data: Path) -> None:
        """Into this folder, once all have answered."""
        self._data = data
        self._question += 1
        self._unanswered = self._ask(self._question)
        self._write_s = time.monotonic() + PATIENCE_S
        if not self._unanswered:
            self._write()

    def told(self, worker: Worker, question: int, families: Sequence[Family]) -> None:
        self._totals.tell(worker.pid, worker.label, families)
        if question == self._question:
            self._not_waited_for(worker)

    def gone(self, worker: Worker) -> None:
        """It has ended."""
        self._totals.gone(worker.pid)
        self._not_waited_for(worker)

    def _ask(self, question: int) -> set[int]:
        """Who has been asked."""
        order = Report(question)
        return {worker.pid for worker in self._workers.values() if worker.ready and worker.channel.send(order)}

    def _not_waited_for(self, worker: Worker) -> None:
        if worker.pid in self._unanswered:
            self._unanswered.discard(worker.pid)
            if not self._unanswered:
                self._write()

    def _write(self) -> None:
        data, self._data = self._data, None
        if data is None:
            return
        up = sum(worker.ready and not worker.leaving for worker in self._workers.values())
        machine.write_metrics(data, exposition([*self._totals.families(), *machine.workers(up, restarts=self.lost)]))
