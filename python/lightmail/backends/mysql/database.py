"""The MySQL or MariaDB database of a process: reads and transactions on pooled connections, repeated where that is safe.

A transaction needs no round trip to begin: START TRANSACTION goes with its first statement, and what was put off goes
with COMMIT. It is repeated as a whole after a deadlock or a lost connection, unless that was lost, or the server said
that it is leaving, while COMMIT was under way: nobody can know then whether it happened.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from lightmail.backends.local import SystemClock
from lightmail.backends.mysql.answers import Answer, Row
from lightmail.backends.mysql.connection import READ_GRACE_S, Connection, connect, tls_context
from lightmail.backends.mysql.errors import (
    DATABASE,
    LEAVING,
    LOGIN,
    READ_ONLY,
    REPEATABLE,
    Lost,
    Refused,
    told,
)
from lightmail.backends.mysql.literals import Sql, Values
from lightmail.backends.mysql.pool import Pool
from lightmail.backends.mysql.statements import SERVER_NOW, Statements
from lightmail.backends.mysql.versions import check_packets, check_versions
from lightmail.config.addresses import MysqlUrl
from lightmail.config.sections import Mysql
from lightmail.errors import NeedsOperator, OutcomeUnknown
from lightmail.ports.clock import Clock

_log = logging.getLogger(__name__)

T = TypeVar("T")
Verb = Callable[[Statements], Awaitable[T]]
"""Runs inside a transaction; raises to take everything back. It may run more than once: it must change nothing else."""

_BEGIN = b"START TRANSACTION"
_BEGIN_SNAPSHOT = b"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION"
_SNAPSHOT = b"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
_FIRST_DELAY_S = 0.005
_LONGEST_DELAY_S = 1.0


class MysqlDatabase:
    """Shared by the MysqlMetadata and the MysqlDirectory of a process. Bound to the loop it was opened on."""

    def __init__(self, clock: Clock | None, pool: Pool, retry_s: float) -> None:
        """Called by `open`."""
        self.clock = clock or SystemClock()
        self._given_clock = clock
        self._pool = pool
        self._retry_s = retry_s
        self.statements = 0
        """SQL statements run so far, without transaction control; for tests that guard costs (law 5)."""
        self.transactions = 0
        """Committed so far."""

    @property
    def now_s(self) -> Sql:
        """The time as a value of a statement: the server's, whatever this machine's clock says."""
        return SERVER_NOW if self._given_clock is None else Sql(b"%d" % self._given_clock.now_s())

    @classmethod
    async def open(cls, url: MysqlUrl, options: Mysql, clock: Clock | None = None) -> MysqlDatabase:
        """clock: for tests; then it is the server's as well.

        Raises Unavailable, SchemaMismatch, ConfigError (the server's own, see `check_packets`).
        """
        database = cls.unchecked(url, options, clock)
        try:
            await check_versions(database)
            await check_packets(database)
        except BaseException:
            await database.close()
            raise
        return database

    @classmethod
    def unchecked(cls, url: MysqlUrl, options: Mysql, clock: Clock | None = None) -> MysqlDatabase:
        """With whatever schema it has; connects when first asked. Raises Unavailable for unusable TLS files."""
        try:
            tls = tls_context(options)
        except OSError as error:
            raise NeedsOperator(f"{DATABASE} (TLS: {error})", "check the files that mysql.tls_… name") from error
        pool = Pool(
            lambda: connect(url, options, tls=tls),
            connections=options.connections,
            wait_s=options.statement_timeout_s + READ_GRACE_S,
            ping_timeout_s=options.connect_timeout_s,
        )
        return cls(clock, pool, options.retry_s)

    # ---- reads

    async def one(self, statement: str, values: Values = ()) -> Row | None:
        """The first row. Raises Unavailable."""
        rows = await self.all(statement, values)
        return rows[0] if rows else None

    async def all(self, statement: str, values: Values = ()) -> list[Row]:
        """Raises Unavailable."""
        return await self._read(lambda statements: statements.all(statement, values), b"")

    async def read(self, question: Callable[[Statements], Awaitable[T]]) -> T:
        """Several statements that see one state of the database. Raises Unavailable."""
        return await self._read(question, _SNAPSHOT)

    async def on_one_connection(self, work: Callable[[Statements], Awaitable[T]]) -> T:
        """Statements that each commit by themselves, on a connection that is not used again. Never repeated.

        Raises what the work raises, Unavailable.
        """
        try:
            connection = await self._pool.acquire()
            try:
                return await work(Statements(connection, now_s=self.now_s))
            finally:
                connection.quit()
                self._pool.release(connection)
        except (Lost, Refused) as error:
            raise told(error) from error

    async def _read(self, question: Callable[[Statements], Awaitable[T]], begin: bytes) -> T:
        repeated = False
        while True:
            try:
                connection = await self._pool.acquire()
                try:
                    statements = Statements(connection, begin, self.now_s)
                    try:
                        return await question(statements)
                    finally:
                        self.statements += statements.count
                        if begin and statements.begun:
                            await _roll_back(connection)
                except Refused as error:
                    self._look_after(connection, error)
                    raise
                finally:
                    self._pool.release(connection)
            except (Lost, Refused) as error:
                if repeated or not _another_may_do(error):
                    raise told(error) from error
            repeated = True

    # ---- transactions

    async def write(self, verb: Verb[T], *, one_state: bool = False) -> T:
        """The verb's answer, after it is durable. Raises what the verb raises, StoreReadOnly, Unavailable: nothing has
        changed; OutcomeUnknown: the connection was lost during COMMIT.

        one_state: all that the verb reads without a lock is as old as the first that it reads so; otherwise each
        statement reads what is there.

        A caller that is cancelled gets all or nothing done.
        """
        since_s = self._pool.unreachable_since_s
        end_s = (time.monotonic() if since_s is None else since_s) + self._retry_s
        delay_s = _FIRST_DELAY_S
        while True:
            try:
                return await self._transaction(verb, _BEGIN_SNAPSHOT if one_state else _BEGIN)
            except (Lost, Refused) as error:
                if not (_another_may_do(error) or (isinstance(error, Refused) and error.number in REPEATABLE)):
                    raise told(error) from error
                wait_s = delay_s * random.uniform(0.5, 1.5)
                if time.monotonic() + wait_s > end_s:
                    raise told(error) from error
                _log.debug("a transaction is repeated: %s", error)
            await asyncio.sleep(wait_s)
            delay_s = min(delay_s * 2, _LONGEST_DELAY_S)

    async def _transaction(self, verb: Verb[T], begin: bytes) -> T:
        """Once. Raises what the verb raises, Lost, Refused, OutcomeUnknown."""
        connection = await self._pool.acquire()
        committing: asyncio.Future[Answer] | None = None
        try:
            statements = Statements(connection, begin, self.now_s)
            try:
                answer = await verb(statements)
            except BaseException:
                if statements.begun:
                    await _roll_back(connection)
                raise
            finally:
                self.statements += statements.count
            rest = statements.take_rest()
            if statements.begun:
                committing = connection.send(rest + b"COMMIT")
                await asyncio.shield(committing)
                self.transactions += 1
            return answer
        except Refused as error:
            if committing is not None:
                await _roll_back(connection)
            self._look_after(connection, error)
            if committing is not None and error.number in LEAVING:
                raise _unknown(error.text) from error
            raise
        except Lost as error:
            if committing is None:
                raise
            raise _unknown(error.reason) from error
        finally:
            if committing is not None and not committing.done():
                # The caller was cancelled; the connection is of use again when the server has answered.
                committing.add_done_callback(lambda done: self._committed(connection, done))
            else:
                self._pool.release(connection)

    def _committed(self, connection: Connection, done: asyncio.Future[Answer]) -> None:
        """A COMMIT nobody waits for any more."""
        if done.cancelled() or done.exception() is not None:
            connection.close("a COMMIT failed")
        else:
            self.transactions += 1
        self._pool.release(connection)

    def _look_after(self, connection: Connection, error: Refused) -> None:
        """Some errors tell that this connection leads to the wrong server by now, or that the account needs a privilege:
        once it has it, only new connections do.
        """
        if error.number in READ_ONLY | LEAVING | LOGIN:
            connection.close(error.text)
            self._pool.drop_idle()

    async def close(self) -> None:
        """Safe to call twice."""
        await self._pool.close()


async def _roll_back(connection: Connection) -> None:
    """Or close it, which has the same effect."""
    if connection.closed:
        return
    try:
        await connection.query(b"ROLLBACK")
    except (Lost, Refused):
        connection.close("ROLLBACK failed")


def _unknown(reason: str) -> OutcomeUnknown:
    """Also of a server that says good-bye instead of answering COMMIT: it may have been done before."""
    return OutcomeUnknown(f"{DATABASE} ({reason}; the outcome of a COMMIT is not known)")


def _another_may_do(error: Lost | Refused) -> bool:
    """Whether another connection may be better off."""
    if isinstance(error, Lost):
        return not error.timed_out and not error.way_out
    return error.number in LEAVING
