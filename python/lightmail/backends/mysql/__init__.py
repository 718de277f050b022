"""Accounts, mailboxes and messages in MySQL or MariaDB. Imported only where it is configured."""

from lightmail.backends.mysql.database import MysqlDatabase
from lightmail.backends.mysql.upgrade import upgrade

__all__ = ["MysqlDatabase", "upgrade"]
