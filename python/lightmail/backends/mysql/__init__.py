"""Accounts, mailboxes and messages in MySQL or MariaDB. Imported only where it is configured."""

from lightmail.backends.mysql.database import MysqlDatabase
from lightmail.backends.mysql.directory import MysqlDirectory
from lightmail.backends.mysql.keeping import MysqlUpkeep
from lightmail.backends.mysql.metadata import MysqlMetadata
from lightmail.backends.mysql.sessions import MysqlSessions
from lightmail.backends.mysql.upkeep import check, schema_state, upgrade

__all__ = [
    "MysqlDatabase",
    "MysqlDirectory",
    "MysqlMetadata",
    "MysqlSessions",
    "MysqlUpkeep",
    "check",
    "schema_state",
    "upgrade",
]
