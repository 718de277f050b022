"""From the configuration to a user table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lightmail.backends.usertable.table import SqlUserTable
from lightmail.config.addresses import MYSQL_SCHEMES, parse_mysql, parse_store
from lightmail.config.sections import AuthSql


def open_table(options: AuthSql, path: Callable[[str], Path]) -> SqlUserTable:
    """path: where a file is. Asks nobody anything. Raises NeedsOperator."""
    url = parse_store(options.url)
    if url.scheme in MYSQL_SCHEMES:
        from lightmail.backends.usertable.mysql import MysqlQuestions

        return SqlUserTable(options, MysqlQuestions(parse_mysql(options.url), options))
    from lightmail.backends.usertable.sqlite import SqliteQuestions

    return SqlUserTable(options, SqliteQuestions(path(url.rest), options.timeout_s))
