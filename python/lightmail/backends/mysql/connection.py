"""One connection to the server. aiomysql makes it (TCP or socket, TLS, authentication); the queries go over it leaner.

A cursor of aiomysql awaits twice per packet, and a packet is a row or the description of a column: a read of one row
with 14 columns takes 36 of them. Here the answer is parsed where its octets arrive (`answers`), and one future is
resolved when it is whole: a third of the time (docs/adr/0009-mysql-answers.md).
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
import time
from collections.abc import Hashable
from typing import Any, cast

import aiomysql
import pymysql
from pymysql.constants import CLIENT, COMMAND

from lightmail.backends.certificates import certificate_problem
from lightmail.backends.mysql.answers import DAMAGED, MAX_PACKET_OCTETS, Answer, Shape
from lightmail.backends.mysql.errors import CERTIFICATE, NO_TLS, Lost, Refused
from lightmail.config.addresses import MysqlUrl
from lightmail.config.sections import Mysql

READ_GRACE_S = 2.0
"""How much longer than the server's own limit for a statement its answer is waited for."""

_GOODBYE_S = 1.0

_MAX_SHAPES = 1024
_shapes: dict[Hashable, Shape | None] = {}
"""What the answers to statements look like, of this process."""

_GROUP_CONCAT_OCTETS = 1 << 30
_SQL_MODE = "STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"

_READ_WHAT_IS_COMMITTED = b"SET wsrep_sync_wait=1"
"""A Galera node answers COMMIT before the others have applied it, and they would answer reads from the time before: a
hint of a change would be followed by a look that finds none (law 4). So a read, or the start of a transaction, waits
for all that is committed anywhere; that costs a tenth of a millisecond when nothing is.
"""


class _Handshake(aiomysql.Connection):  # type: ignore[misc]
    """Refuses a server without TLS before the password is sent, where aiomysql would go on without."""

    async def _get_server_information(self) -> None:
        await super()._get_server_information()
        if self._ssl_context and not self.server_capabilities & CLIENT.SSL:
            raise Lost("it does not offer TLS", way_out=NO_TLS)


class Connection(asyncio.Protocol):
    """`query` one at a time. Closed for good by the first thing that goes wrong below SQL."""

    def __init__(self, session: Any, answer_timeout_s: float) -> None:
        """Called by `connect`."""
        self._session = session  # the transport lives as long as aiomysql's writer
        self._transport: asyncio.Transport = session._writer.transport
        self._loop = asyncio.get_running_loop()
        self._answer_timeout_s = answer_timeout_s
        self._answer: Answer | None = None
        self._waiter: asyncio.Future[Answer] | None = None
        self._lost: Lost | None = None
        self._gone = asyncio.Event()
        self.version: str = session.server_version
        self.mariadb = "mariadb" in self.version.lower()
        self.galera = False
        """Whether the server is a node of a cluster that certifies transactions when they commit."""
        self.thread_id: int = session.thread_id()
        self.since_s = self.used_s = time.monotonic()
        self.in_transaction = False
        """As the last answer said."""
        self._transport.set_protocol(self)

    @property
    def closed(self) -> bool:
        return self._lost is not None

    @property
    def busy(self) -> bool:
        """Its answer has not come yet."""
        return self._waiter is not None

    async def query(self, statement: bytes, kind: Hashable = None) -> Answer:
        """The answer to the last of the statements. kind: the same for statements that are alike. Raises Refused, Lost.

        A caller that is cancelled leaves a closed connection behind: its answer would come to somebody else.
        """
        shape = _shapes.get(kind)
        waiter = self.send(statement, shape=shape)
        try:
            answer = await waiter
        except asyncio.CancelledError:
            self.close("the query was cancelled")
            if not waiter.cancelled():
                waiter.exception()  # it came in the same moment, and nobody is interested any more
            raise
        if kind is not None and answer.shape is not shape:
            if len(_shapes) >= _MAX_SHAPES:
                _shapes.clear()
            _shapes[kind] = answer.shape
        return answer

    def send(
        self,
        statement: bytes,
        *,
        shape: Shape | None = None,
        command: int = COMMAND.COM_QUERY,
        timeout_s: float | None = None,
    ) -> asyncio.Future[Answer]:
        """The same in two steps, for who must not be cancelled. Raises Lost when nothing was sent."""
        if self._lost is not None:
            raise Lost(self._lost.reason, timed_out=self._lost.timed_out)
        assert self._waiter is None, "one query at a time"
        self._answer = Answer(shape)
        waiter = self._waiter = self._loop.create_future()
        self._expiry = self._loop.call_later(timeout_s or self._answer_timeout_s, self._expired)
        octets = len(statement) + 1
        if octets < MAX_PACKET_OCTETS:
            self._transport.write(struct.pack("<iB", octets, command) + statement)
        else:
            self._transport.writelines(_packets(bytes((command,)) + statement))
        return waiter

    async def ping(self, timeout_s: float) -> None:
        """Raises Refused, Lost."""
        waiter = self.send(b"", command=COMMAND.COM_PING, timeout_s=timeout_s)
        try:
            await waiter
        except asyncio.CancelledError:
            self.close("the ping was cancelled")
            raise

    def close(self, reason: str = "closed", *, timed_out: bool = False) -> None:
        """At once, without a word to the server; safe to call twice. What is not committed is rolled back there."""
        if self._lost is None:
            self._lost = Lost(reason, timed_out=timed_out)
            self._transport.abort()
            self._session.close()
            self._finish(error=self._lost)

    def quit(self) -> None:
        """An orderly end, so that the server does not log an aborted connection."""
        if self._lost is None:
            self._transport.write(struct.pack("<iB", 1, COMMAND.COM_QUIT))
            self._lost = Lost("closed")
            self._session.close()

    async def gone(self) -> None:
        """After `quit` or `close`: until the socket is closed, or for a moment at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_S):
                await self._gone.wait()

    # ---- asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        answer = self._answer
        if answer is None:
            # The server takes its leave (wait_timeout, shutdown).
            self.close("the server ended the connection")
            return
        try:
            if not answer.feed(data):
                return
        except DAMAGED as error:
            self.close(f"an answer is damaged: {error}")
            return
        if answer.error is None:
            self.in_transaction = answer.in_transaction
        elif answer.in_transaction:
            self.in_transaction = True  # an error says nothing of it, but the statement before may have begun one
        self._finish(answer)

    def connection_lost(self, error: Exception | None) -> None:
        self._gone.set()
        if self._lost is None:
            self._lost = Lost(f"connection lost: {error}" if error else "the server closed the connection")
            self._session.close()
        self._finish(error=self._lost)

    def _expired(self) -> None:
        self.close("it does not answer", timed_out=True)

    def _finish(self, answer: Answer | None = None, *, error: Lost | None = None) -> None:
        waiter, self._waiter, self._answer = self._waiter, None, None
        if waiter is None:
            return
        self._expiry.cancel()
        if waiter.done():
            return
        if error is not None:
            waiter.set_exception(error)
        elif answer is not None and answer.error is not None:
            waiter.set_exception(Refused(*answer.error))
        else:
            waiter.set_result(cast(Answer, answer))


async def connect(url: MysqlUrl, options: Mysql, *, tls: ssl.SSLContext | None) -> Connection:
    """Raises Lost, Refused; within `connect_timeout_s`."""
    session = _Handshake(
        host=url.host,
        port=url.port,
        unix_socket=url.socket or None,
        user=url.user,
        password=url.password.encode().decode("latin1"),  # aiomysql sends it as latin1, servers have it as UTF-8
        db=url.database or None,
        charset="utf8mb4",
        client_flag=CLIENT.FOUND_ROWS,
        ssl=None if url.socket else tls,
        autocommit=None,
        program_name="lightmail",
    )
    try:
        async with asyncio.timeout(options.connect_timeout_s):
            await session._connect()
            connection = Connection(session, options.statement_timeout_s + READ_GRACE_S)
            answer = await connection.query(_set_up(options, mariadb=connection.mariadb))
            if answer.rows and answer.rows[0][1] == "ON":
                connection.galera = True
                await connection.query(_READ_WHAT_IS_COMMITTED)
    except TimeoutError:
        session.close()
        raise Lost("it does not answer", timed_out=True) from None
    except pymysql.err.MySQLError as error:
        session.close()
        number, text = error.args if len(error.args) == 2 else (0, str(error))
        cause = error.__cause__
        if number in (pymysql.constants.CR.CR_CONN_HOST_ERROR, pymysql.constants.CR.CR_SERVER_LOST, 0):
            raise _lost(error, str(cause or text)) from error
        raise Refused(number, text) from error
    except OSError as error:
        session.close()
        raise _lost(error, str(error)) from error
    except BaseException:
        session.close()
        raise
    return connection


def _lost(error: Exception, reason: str) -> Lost:
    certificate = certificate_problem(error)
    return Lost(certificate or reason, way_out=CERTIFICATE if certificate else "")


def tls_context(options: Mysql) -> ssl.SSLContext | None:
    """None when TLS is off. Raises OSError (ssl.SSLError) for files that cannot be used."""
    if options.tls == "off":
        return None
    context = ssl.create_default_context(cafile=options.tls_ca or None)
    if options.tls == "required":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if options.tls_certificate:
        context.load_cert_chain(options.tls_certificate, options.tls_key or None)
    return context


def _set_up(options: Mysql, *, mariadb: bool) -> bytes:
    """All that a session needs, in one round trip; the row in the answer tells whether the server is a node of Galera.

    The character set is said here once more: a server with `skip-character-set-client-handshake` has not listened to it
    in the handshake, and in sjis or gbk the backslash that makes a quote harmless may be half of a character.
    """
    if mariadb:
        limit = f"max_statement_time={options.statement_timeout_s}"
    else:
        limit = f"max_execution_time={round(options.statement_timeout_s * 1000)}"
    settings = (
        "autocommit=1",
        f"sql_mode='{_SQL_MODE}'",
        "time_zone='+00:00'",
        f"group_concat_max_len={_GROUP_CONCAT_OCTETS}",
        f"innodb_lock_wait_timeout={options.lock_timeout_s}",
        limit,
    )
    statements = (
        "SET NAMES utf8mb4",
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
        f"SET {', '.join(settings)}",
        "SHOW VARIABLES LIKE 'wsrep_on'",
    )
    return "; ".join(statements).encode()


def _packets(payload: bytes) -> list[bytes]:
    """A payload too long for one packet; one of exactly the greatest length is followed by an empty one."""
    packets = []
    for number, at in enumerate(range(0, len(payload) + 1, MAX_PACKET_OCTETS)):
        part = payload[at : at + MAX_PACKET_OCTETS]
        packets += [struct.pack("<I", len(part) | (number & 0xFF) << 24), part]
    return packets
