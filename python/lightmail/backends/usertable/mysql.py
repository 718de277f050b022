"""A user table on MySQL or MariaDB, over connections of its own that change nothing."""

from __future__ import annotations

import msgspec

from lightmail.backends.mysql.connection import READ_GRACE_S, Connection, connect, tls_context
from lightmail.backends.mysql.errors import LEAVING, Lost, Refused, told
from lightmail.backends.mysql.literals import literal
from lightmail.backends.mysql.pool import Pool
from lightmail.backends.usertable.columns import column_names
from lightmail.backends.usertable.table import Found, Refusal
from lightmail.config.addresses import MysqlUrl
from lightmail.config.sections import AuthSql, Mysql
from lightmail.config.userqueries import UserQuery
from lightmail.errors import NeedsOperator, Unavailable

WHERE = "the user table"
_CHANGE_NOTHING = b"SET SESSION TRANSACTION READ ONLY"


class MysqlQuestions:
    """Implements `table.Questions`."""

    def __init__(self, url: MysqlUrl, options: AuthSql) -> None:
        """Connects when first asked. Raises NeedsOperator for unusable TLS files."""
        self._options = msgspec.structs.replace(
            Mysql(),
            connections=options.connections,
            connect_timeout_s=options.timeout_s,
            statement_timeout_s=options.timeout_s,
            tls=options.tls,
            tls_ca=options.tls_ca,
        )
        self._url = url
        try:
            self._tls = tls_context(self._options)
        except OSError as error:
            raise NeedsOperator(f"{WHERE} (TLS: {error})", "check the file that auth.sql.tls_ca names") from error
        self._pool = Pool(
            self._connect,
            connections=options.connections,
            wait_s=options.timeout_s + READ_GRACE_S,
            ping_timeout_s=options.timeout_s,
            what=WHERE,
        )

    async def ask(self, query: UserQuery, values: dict[str, str]) -> Found:
        octets = query.texts[0].encode()
        for name, text in zip(query.places, query.texts[1:], strict=True):
            octets += literal(values[name]) + text.encode()
        repeated = False
        while True:
            try:
                return await self._ask(octets)
            except (Lost, Refused) as error:
                passes = (
                    not error.timed_out and not error.way_out if isinstance(error, Lost) else error.number in LEAVING
                )
                if repeated or not passes:
                    raise _told(error) from error
            repeated = True

    async def close(self) -> None:
        await self._pool.close()

    async def _ask(self, octets: bytes) -> Found:
        connection = await self._pool.acquire()
        try:
            answer = await connection.query(octets)
        except Refused as error:
            if error.number in LEAVING:
                connection.close("the server is leaving")
            raise
        finally:
            self._pool.release(connection)
        if answer.shape is None:
            raise Refusal("it returns no table, or one of too many columns")
        return column_names(answer.shape.octets), answer.rows

    async def _connect(self) -> Connection:
        connection = await connect(self._url, self._options, tls=self._tls)
        await connection.query(_CHANGE_NOTHING)
        return connection


def _told(error: Lost | Refused) -> Exception:
    problem = told(error, WHERE)
    if isinstance(problem, NeedsOperator) and isinstance(error, Refused):
        return NeedsOperator(problem.what, "check auth.sql.url, and what its user may read")
    return problem if isinstance(problem, Unavailable) else Refusal(str(error))
