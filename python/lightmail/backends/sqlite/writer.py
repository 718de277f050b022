"""The one writer of a process: verbs are queued and committed in groups, one fsync for all that came meanwhile.

    verb → queue → [thread] BEGIN IMMEDIATE, each verb in a savepoint, COMMIT → one call back into the loop → answers

While a COMMIT waits for the disk, the verbs of other sessions gather for the next one. A verb that fails takes back
its own savepoint only. Nothing is answered before the COMMIT has returned (law 1). Other processes are kept out by
SQLite's write lock for the time of one group, and take turns (`turns.py`). A store that is sealed takes no verbs: whether
it is, each group looks at once, where nobody can seal it any more.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from lightmail.backends.disks import Recovery
from lightmail.backends.sqlite.connection import DATABASE, Statements, unavailable
from lightmail.backends.sqlite.turns import Turns
from lightmail.errors import StoreReadOnly, StoreSealed, Unavailable
from lightmail.ports.directory import SEALED

_log = logging.getLogger(__name__)

T = TypeVar("T")
Verb = Callable[[Statements], T]
"""Runs inside a transaction, in the writer's thread; raises to take everything back."""

MAX_GROUP = 512
"""Verbs of one transaction; bounds how long the first of them waits."""

_SELECT_SEAL = f"SELECT value FROM settings WHERE name = '{SEALED}'"


class _Job(Generic[T]):
    __slots__ = ("although_sealed", "error", "future", "in_transaction", "result", "verb")

    def __init__(self, verb: Verb[T], future: asyncio.Future[T], in_transaction: bool, although_sealed: bool) -> None:
        self.verb = verb
        self.future = future
        self.in_transaction = in_transaction
        self.although_sealed = although_sealed
        self.result: T | None = None
        self.error: BaseException | None = None


class Writer:
    def __init__(
        self,
        statements: Statements,
        turns: Turns,
        loop: asyncio.AbstractEventLoop,
        reconnect: Callable[[], sqlite3.Connection],
    ) -> None:
        """statements: the write connection; from now on it belongs to the writer's thread, and turns too. reconnect:
        opens another: one to a file that could not be written when it was opened stays as it is.
        """
        self._statements = statements
        self._turns = turns
        self._connection = statements.connection
        self._loop = loop
        self._queue: list[_Job[Any]] = []
        self._wake = threading.Condition(threading.Lock())
        self._closing = False
        self._recovery = Recovery(DATABASE)
        self._reconnect = reconnect
        self._read_only = False
        self.groups = 0
        """Transactions committed so far."""
        self._thread = threading.Thread(target=self._work, name="sqlite-writer", daemon=True)
        self._thread.start()

    async def run(self, verb: Verb[T], *, although_sealed: bool = False) -> T:
        """The verb's answer, after it is durable. Raises what the verb raises, StoreSealed or Unavailable; then nothing
        changed.

        A caller that is cancelled does not take its verb back.
        """
        return await self._submit(verb, in_transaction=True, although_sealed=although_sealed)

    async def ask(self, question: Verb[T]) -> T:
        """Run something on the write connection between transactions."""
        return await self._submit(question, in_transaction=False, although_sealed=True)

    def close(self) -> None:
        """Finish what is queued, then stop; blocks until then."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()

    def _submit(self, verb: Verb[T], *, in_transaction: bool, although_sealed: bool) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self._loop.create_future()
        with self._wake:
            if self._closing:
                raise Unavailable(f"{DATABASE} (closed)")
            self._queue.append(_Job(verb, future, in_transaction, although_sealed))
            self._wake.notify()
        return future

    # ---- in the thread

    def _work(self) -> None:
        while True:
            with self._wake:
                while not self._queue and not self._closing:
                    self._wake.wait()
                if not self._queue:
                    return
                jobs, self._queue = self._queue[:MAX_GROUP], self._queue[MAX_GROUP:]
            try:
                self._do(jobs)
            except BaseException as error:
                _log.exception("a group of writes failed")
                for job in jobs:
                    job.error = job.error or error
            try:
                self._loop.call_soon_threadsafe(_answer, jobs)
            except RuntimeError:
                # The loop is closed: nobody waits for the answers any more.
                return

    def _do(self, jobs: list[_Job[Any]]) -> None:
        verbs = [job for job in jobs if job.in_transaction]
        if verbs:
            if self._read_only:
                self._try_anew()
            self._transaction(verbs)
            for job in verbs:
                if isinstance(job.error, Unavailable) and not isinstance(job.error, StoreSealed):
                    self._recovery.failed(job.error)
                    self._read_only = isinstance(job.error, StoreReadOnly)
        for job in jobs:
            if not job.in_transaction:
                try:
                    job.result = job.verb(self._statements)
                except Exception as error:
                    job.error = _told(error)

    def _transaction(self, jobs: list[_Job[Any]]) -> None:
        execute = self._connection.execute
        self._turns.take()
        try:
            execute("BEGIN IMMEDIATE")
            admitted = self._admitted(jobs)
            if len(admitted) == 1:
                self._only(admitted[0])
            else:
                for job in admitted:
                    self._one_of_many(job)
            if self._connection.in_transaction:
                execute("COMMIT")
                self.groups += 1
                if admitted:
                    self._recovery.worked()
        except Exception as error:
            self._rollback()
            _fail(jobs, _told(error))
        finally:
            self._turns.done()

    def _admitted(self, jobs: list[_Job[Any]]) -> list[_Job[Any]]:
        """Those that may write; the others have their error."""
        seal = self._connection.execute(_SELECT_SEAL).fetchone()
        if seal is None:
            return jobs
        for job in jobs:
            if not job.although_sealed:
                job.error = StoreSealed(seal[0].decode())
        return [job for job in jobs if job.although_sealed]

    def _only(self, job: _Job[Any]) -> None:
        """A verb alone in its transaction needs no savepoint."""
        try:
            job.result = job.verb(self._statements)
        except Exception as error:
            job.error = _told(error)
            self._rollback()

    def _one_of_many(self, job: _Job[Any]) -> None:
        """Raises what makes the whole group fail."""
        execute = self._connection.execute
        execute("SAVEPOINT verb")
        try:
            job.result = job.verb(self._statements)
        except Exception as error:
            job.error = _told(error)
            if not self._connection.in_transaction:
                # SQLite has taken the whole transaction back by itself: the disk is full, or failed.
                raise
            execute("ROLLBACK TO verb")
        execute("RELEASE verb")

    def _try_anew(self) -> None:
        """A connection of now, if there can be one."""
        try:
            self._statements.renew(self._reconnect())
        except Unavailable:
            return
        self._connection = self._statements.connection
        self._read_only = False

    def _rollback(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


def _told(error: Exception) -> Exception:
    """What the caller gets to see; the error of SQLite stays attached as its cause."""
    told = unavailable(error) if isinstance(error, sqlite3.Error) else None
    if told is None:
        return error
    told.__cause__ = error
    return told


def _fail(jobs: list[_Job[Any]], error: BaseException) -> None:
    for job in jobs:
        if job.error is None:
            job.error = error


def _answer(jobs: list[_Job[Any]]) -> None:
    """On the loop thread, once for the whole group."""
    for job in jobs:
        if job.future.done():
            continue  # its caller was cancelled
        if job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.result)
