"""What an error of the server means for the transaction it came in, and what the rest of the program is told.

Lost, Refused    inside this package: the connection is gone; the server answered with an error
told()           outside: Unavailable, NeedsOperator, StoreReadOnly, or the error itself when it is a mistake of ours
"""

from __future__ import annotations

from lightmail.errors import NeedsOperator, StoreReadOnly, Unavailable

DATABASE = "the metadata database"


class Lost(Exception):
    """The connection is gone; whether the server did what it was last asked is not known."""

    def __init__(self, reason: str, *, timed_out: bool = False, way_out: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.timed_out = timed_out
        """The server holds the connection and does not answer."""
        self.way_out = way_out
        """"": it may pass by itself."""


class Refused(Exception):
    """The server's answer is an error; number and text as it gave them."""

    def __init__(self, number: int, text: str) -> None:
        super().__init__(f"({number}) {text}")
        self.number = number
        self.text = text


DUPLICATE = 1062
"""A unique index has such a row already: for the verbs."""
NO_PARENT = 1452
"""A foreign key names a row that is not there (any more): for the verbs."""

REPEATABLE = frozenset((
    1205,  # lock wait timeout
    1213,  # deadlock; Galera: certification failed, also at COMMIT
    3101,  # MySQL group replication: certification failed at COMMIT
    3572,  # a lock is held, and NOWAIT was said
    1467,  # an AUTO_INCREMENT value could not be had: a lock wait timeout or a deadlock, at the table's lock for these
    1020,  # MariaDB: the record has changed since the last read
))  # fmt: skip
"""The transaction did not happen; the same again may pass."""

READ_ONLY = frozenset((
    1290,  # --read-only, --super-read-only
    1792,  # in a READ ONLY transaction: the session's default, as proxies to replicas set it
    1836,  # InnoDB is read-only
    1209,  # MySQL: offline mode and the like
    1874,  # InnoDB is in read-only mode
    1785,  # GTID consistency forbids the statement
    3100,  # MySQL group replication: a hook refused the commit
))  # fmt: skip

LEAVING = frozenset((
    1040,  # too many connections
    1047,  # Galera: WSREP has not yet prepared node for application use
    1053,  # server shutdown in progress
    1077,  # normal shutdown
    1079,  # shutdown complete
    1152,  # aborted connection
    1158, 1159, 1160, 1161,  # network errors
    1927,  # the connection was killed
    4031,  # MySQL: disconnected because it idled
))  # fmt: skip
"""This server, or this connection, is of no use for the time being; another may be."""

AWAY = frozenset((
    1021,  # the disk is full
    1030,  # an error of the storage engine
    1041,  # out of memory
    1114,  # the table is full
    1129,  # too many failed connections from this host
    1180,  # an error during COMMIT
    1194, 1195,  # the table is damaged
    1203,  # the user has all the connections it may have
    1226,  # a limit of the user is reached
    1317,  # the query was killed
    1969,  # MariaDB: max_statement_time
    3024,  # MySQL: max_execution_time
    3032,  # MySQL: offline mode
    3168,  # MySQL: the server is not available
))  # fmt: skip
"""Nothing is to be done about it but to wait."""

LOGIN = frozenset((
    1044,  # no access to the database
    1045,  # wrong user or password
    1049,  # no such database
    1130,  # this host may not connect
    1142, 1143,  # no privilege for a table, a column
    1227,  # a privilege is missing
    1698,  # wrong user or password (auth_socket)
    2058, 2059,  # an authentication plugin is not known
))  # fmt: skip
"""The server does not want us, or not so: the operator has to do something."""


_WAYS_OUT = {
    number: way_out
    for way_out, numbers in (
        ("check the user and the password in storage.metadata", (1045, 1698)),
        ("let the user connect from this host: the part of its name behind the @", (1130,)),
        ("grant the user what docs/production.md lists", (1044, 1142, 1143, 1227)),
        ("make it, then run `lightmail db upgrade`, or correct its name in storage.metadata", (1049,)),
        ("choose an authentication plugin for the user that the server has", (2058, 2059)),
        ("this node of the cluster has no quorum, or is still joining: bring the others back", (1047,)),
        ("raise max_connections of the server, or lower mysql.connections", (1040,)),
        ("raise the limits of the user, or lower mysql.connections", (1203, 1226)),
        ("once its network is mended, say FLUSH HOSTS on the server", (1129,)),
        ("make room on the disk of the server", (1021, 1114)),
        ("see the log of the server: its disk may be full or damaged", (1030, 1180)),
        ("see the log of the server, and CHECK TABLE", (1194, 1195)),
    )
    for number in numbers
}
_WRITABLE = "a failover passes by itself; otherwise make the server writable, or name the primary in storage.metadata"
CERTIFICATE = "renew the certificate of the server, or set mysql.tls_ca"
NO_TLS = "give the server a certificate, or set mysql.tls"


_UNAVAILABLE = REPEATABLE | LEAVING | AWAY


def told(error: Exception, what: str = DATABASE) -> Exception:
    """What the rest of the program is told; the cause is to be attached by `raise ... from error`."""
    if isinstance(error, Lost):
        kind = NeedsOperator if error.way_out else Unavailable
        return kind(f"{what} ({error.reason})", error.way_out)
    if isinstance(error, Refused):
        way_out = _WAYS_OUT.get(error.number, "")
        if error.number in READ_ONLY:
            return StoreReadOnly(f"{what} ({error.text})", _WRITABLE)
        if error.number in LOGIN:
            return NeedsOperator(f"{what} ({error.text})", way_out)
        if error.number in _UNAVAILABLE:
            return Unavailable(f"{what} ({error.text})", way_out)
    return error
