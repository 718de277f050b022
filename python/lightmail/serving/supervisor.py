"""Several workers under one supervisor, which has no loop, no thread and no open store, and so can fork at any time.

Start: one worker, and when it serves the others; when all do, addresses.json and "ready".
Death of a worker: its place is filled again, at once, then after growing pauses.
SIGHUP: a new crew with the new configuration rises beside the serving one. When it is complete the old one retires; when
it cannot start it is sent away, and everything stays as it was.
SIGUSR1: all are asked for their numbers; for those that hang their last ones are taken.
SIGTERM, SIGINT: all drain; who is not done in time is killed.
"""

from __future__ import annotations

import contextlib
import gc
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Iterator
from typing import NoReturn

import msgspec
import structlog

from lightmail.config import Config
from lightmail.errors import ConfigError, LightMailError, WorkerFailed
from lightmail.obs.logs import configure_logs
from lightmail.serving import machine
from lightmail.serving.census import Census
from lightmail.serving.certificate import identity_for, renew
from lightmail.serving.channel import Channel, Failed, Numbers, Ready, Renew, Retire
from lightmail.serving.crew import Crew, Place, Worker
from lightmail.serving.places import Places
from lightmail.serving.reload import Reread, changed_keys, needs_restart, read_again
from lightmail.serving.signals import Signals, held_back, let_through
from lightmail.serving.store import Announce, OpenStore, Prepare, Started, nothing_to_prepare
from lightmail.serving.worker import HANG_S, Post, work

LEFT_BEHIND_S = 2.0
"""So long the workers of a killed supervisor may take to stop listening."""
LONGEST_WAIT_S = 1.0
"""New connections in the place of a lost worker wait for the next one, unless that takes longer."""

_log = structlog.get_logger("lightmail.serving")


class Supervisor:
    def __init__(
        self,
        config: Config,
        open_store: OpenStore,
        lock: machine.DataFolderLock,
        *,
        reread: Reread | None,
        prepare: Prepare | None,
        started: Announce,
    ) -> None:
        self._config = config
        self._open_store = open_store
        self._lock = lock
        self._reread = reread
        self._prepare = prepare or nothing_to_prepare
        self._started = started
        self._signals = Signals()
        self._selector = selectors.PollSelector()  # epoll would be shared with every forked process
        self._places = Places()
        self._workers: dict[int, Worker] = {}
        """All that live, by process id."""
        self._serving: Crew | None = None
        self._rising: Crew | None = None
        self._certificate_made = False
        self._reload_again = False
        self._failure: LightMailError | None = None
        self._kill_s: float | None = None
        """Set once all are to end: when those that have not are killed."""
        self._census = Census(self._workers)

    def run(self) -> None:
        """Until all have ended after a SIGTERM or SIGINT. Raises ConfigError, WorkerFailed: nobody was served."""
        try:
            machine.loop_factory(self._config.server.event_loop)
            identity, self._certificate_made = identity_for(self._config)
            self._bind()
            machine.raise_descriptor_limit(self._config.limits.connections)
            self._selector.register(self._signals, selectors.EVENT_READ)
            self._raise(Crew(self._config, identity))
            while self._workers or self._kill_s is None:
                self._turn()
        finally:
            for worker in self._workers.values():  # none, unless something has failed here: they drain by themselves
                worker.channel.close()
            self._places.close()
            self._signals.close()
            self._selector.close()
        if self._failure is not None:
            raise self._failure

    def _bind(self) -> None:
        until_s = time.monotonic() + (LEFT_BEHIND_S if self._lock.left_behind else 0.0)
        while True:
            try:
                self._places.extend(self._config)
            except ConfigError:
                if time.monotonic() >= until_s:
                    raise
                time.sleep(0.05)
            else:
                return

    # ---- one turn

    def _turn(self) -> None:
        for key, _ in self._selector.select(self._patience_s()):
            if key.fileobj is self._signals:
                self._take_signals(self._signals.read())
            elif key.data.pid in self._workers:
                self._hear(key.data)
        now = time.monotonic()
        if self._kill_s is not None:
            if now >= self._kill_s:
                self._kill_the_rest()
            return
        for place in self._serving.empty if self._serving else ():
            if now >= place.due_s:
                self._fill(place)
        self._census.look()

    def _patience_s(self) -> float:
        if self._kill_s is not None:
            first = self._kill_s
        else:
            dues = [place.due_s for place in self._serving.empty] if self._serving else []
            first = min([self._census.due_s, *dues])
        return max(0.0, first - time.monotonic())

    def _take_signals(self, numbers: set[int]) -> None:
        if numbers & {signal.SIGTERM, signal.SIGINT}:
            self._stop()
        if signal.SIGCHLD in numbers:
            self._bury()
        if self._kill_s is not None:
            return
        if signal.SIGHUP in numbers:
            self._reload()
        if signal.SIGUSR1 in numbers:
            self._census.write(self._config.data)

    def _hear(self, worker: Worker) -> None:
        for word in worker.channel.receive():
            match word:
                case Ready(prepared):
                    worker.ready = True
                    self._serves(worker, prepared)
                case Failed(problem):
                    worker.problem = problem
                case Numbers(number, families):
                    self._census.told(worker, number, families)
        if worker.channel.ended:
            self._selector.unregister(worker.channel)

    # ---- beginnings

    def _raise(self, crew: Crew) -> None:
        """One worker first: what is wrong shows with it."""
        self._rising = crew
        self._fill(crew.places[0])

    def _serves(self, worker: Worker, prepared: tuple[str, ...]) -> None:
        crew = worker.place.crew
        _log.info("worker serves", number=worker.place.number, worker_pid=worker.pid)
        if crew is not self._rising or self._kill_s is not None:
            return
        if worker.place.number == 1:
            crew.prepared = prepared
            for place in crew.places[1:]:
                self._fill(place)
        if crew.complete:
            self._risen(crew)

    def _risen(self, crew: Crew) -> None:
        """All of a crew accept connections."""
        earlier, self._serving, self._rising = self._serving, crew, None
        config = self._config = crew.config
        for worker in earlier.workers if earlier else ():
            self._send_away(worker, Retire())
        self._places.keep(config)
        addresses = self._places.addresses(config)
        machine.write_addresses(config.data, addresses)
        told = [f"{protocol} {address}" for protocol, address in addresses]
        if earlier is None:
            _log.info("started", data=str(config.data), workers=config.server.workers, addresses=told)
            self._started(Started(addresses, crew.identity, self._certificate_made, crew.prepared))
        else:
            _log.info("configuration reloaded", workers=config.server.workers, addresses=told)
        self._reload_if_asked()

    def _fill(self, place: Place) -> None:
        """Start a worker. In the new process this does not return."""
        ours, theirs = socket.socketpair()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        gc.collect()
        gc.freeze()  # the collector of a worker leaves these pages alone, so that they stay shared
        try:
            with held_back():
                pid = os.fork()
                if pid == 0:
                    ours.close()
                    self._become_worker(place, theirs)
        except OSError as error:
            ours.close()
            self._lost(place, time.monotonic(), f"no new process: {error.strerror}")
            return
        finally:
            theirs.close()
        worker = place.worker = self._workers[pid] = Worker(pid, place, Channel(ours), time.monotonic())
        self._selector.register(worker.channel, selectors.EVENT_READ, worker)

    def _become_worker(self, place: Place, channel: socket.socket) -> NoReturn:
        code = 1
        crew, number = place.crew, place.number
        try:
            self._signals.forget()
            self._lock.forget()
            for other in self._workers.values():
                other.channel.close()
            listeners = self._places.listeners(crew.config, number - 1, crew.identity)
            configure_logs(crew.config.log, worker=number, pid=os.getpid())
            first = crew is self._rising and self._serving is None and number == 1
            prepare = self._prepare if first else nothing_to_prepare
            let_through()
            code = work(Post(crew.config, listeners, crew.identity, channel, self._open_store, prepare))
        except BaseException:
            _log.exception("worker failed")
        finally:
            os._exit(code)

    # ---- ends

    def _bury(self) -> None:
        """All that have ended. As the first process of a container we get others' orphans, too."""
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                worker = self._workers.get(pid)
                if worker is not None:
                    self._ended(worker, os.waitstatus_to_exitcode(status))

    def _ended(self, worker: Worker, code: int) -> None:
        """code: negative: the signal."""
        if not worker.channel.ended:
            self._hear(worker)
        if not worker.channel.ended:
            self._selector.unregister(worker.channel)
        worker.channel.close()
        del self._workers[worker.pid]
        worker.place.worker = None
        self._census.gone(worker)
        if worker.leaving:
            _log.info("worker ended", number=worker.place.number, worker_pid=worker.pid)
        else:
            how = worker.problem or (f"killed by signal {-code}" if code < 0 else f"ended with code {code}")
            _log.error("worker lost", number=worker.place.number, worker_pid=worker.pid, problem=how)
            self._lost(worker.place, worker.started_s, how)

    def _lost(self, place: Place, started_s: float, problem: str) -> None:
        crew = place.crew
        if crew is self._rising:
            self._not_risen(crew, problem)
            return
        self._census.lost += 1
        now = time.monotonic()
        pause_s = place.pause_s(now - started_s)
        place.due_s = now + pause_s
        if pause_s > LONGEST_WAIT_S:
            with _survived("connections wait for the next worker"):
                self._places.vacate(crew.config, place.number - 1)

    def _not_risen(self, crew: Crew, problem: str) -> None:
        self._rising = None
        for worker in crew.workers:
            self._send_away(worker, None)
        if self._serving is None:
            self._failure = WorkerFailed(problem)
            self._stop()
        else:
            _log.error("configuration not reloaded", problem=problem)
            self._places.keep(self._config)
            self._reload_if_asked()

    def _send_away(self, worker: Worker, order: Retire | None) -> None:
        """With SIGTERM, when there is no order."""
        worker.leaving = True
        if order is None or not worker.channel.send(order):
            os.kill(worker.pid, signal.SIGTERM)

    def _stop(self) -> None:
        if self._kill_s is not None:
            return
        machine.remove_addresses(self._config.data)
        self._places.close()
        drain_s = max(
            [
                self._config.server.drain_timeout_s,
                *(w.place.crew.config.server.drain_timeout_s for w in self._workers.values()),
            ]
        )
        self._kill_s = time.monotonic() + drain_s + HANG_S
        _log.info("stopping", workers=len(self._workers), timeout_s=drain_s)
        for worker in self._workers.values():
            worker.leaving = True
            os.kill(worker.pid, signal.SIGTERM)

    def _kill_the_rest(self) -> None:
        self._kill_s = time.monotonic() + HANG_S
        for worker in self._workers.values():
            _log.error("worker killed: it did not end", number=worker.place.number, worker_pid=worker.pid)
            os.kill(worker.pid, signal.SIGKILL)

    # ---- a new configuration

    def _reload(self) -> None:
        """All of it, or nothing."""
        if self._rising is not None or self._serving is None:
            self._reload_again = True
            return
        config = read_again(self._reread) if self._reread is not None else self._config
        if config is None:
            return
        config = self._without_restart(config)
        keys = changed_keys(self._config, config)
        if not keys:
            if renew(self._serving.identity):
                for worker in self._workers.values():
                    if worker.ready:
                        worker.channel.send(Renew())
            return
        _log.info("configuration is being reloaded", changed=keys)
        try:
            identity, _ = identity_for(config)
            self._places.extend(config)
        except ConfigError as error:
            _log.error("configuration not reloaded", problem=str(error))
            self._places.keep(self._config)
            return
        configure_logs(config.log)
        self._raise(Crew(config, identity))

    def _without_restart(self, config: Config) -> Config:
        """What a living server cannot change stays as it is, and the log says so."""
        now, new = self._config.server, config.server
        kept = {"data": now.data, "event_loop": now.event_loop}
        if new.workers == 1:
            kept["workers"] = now.workers  # type: ignore[assignment]
        needs_restart([f"server.{key}" for key, value in kept.items() if getattr(new, key) != value])
        return msgspec.structs.replace(config, server=msgspec.structs.replace(new, **kept))

    def _reload_if_asked(self) -> None:
        if self._reload_again:
            self._reload_again = False
            self._reload()


@contextlib.contextmanager
def _survived(event: str) -> Iterator[None]:
    """A full disk is no reason to end the others."""
    try:
        yield
    except OSError as error:
        _log.error(event, problem=str(error))
