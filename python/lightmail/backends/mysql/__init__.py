"""Accounts, mailboxes and messages in MySQL or MariaDB. Imported only where it is configured."""

from lightmail.backends.mysql.database import MysqlDatabase
from lightmail.backends.mysql.upkeep import check, schema_state, upgrade

__all__ = ["MysqlDatabase", "check", "schema_state", "upgrade"]
