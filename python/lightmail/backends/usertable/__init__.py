"""Accounts in the operator's own tables: SQL of theirs, on MySQL, MariaDB or SQLite."""

from __future__ import annotations

from lightmail.backends.usertable.opening import open_table

__all__ = ["open_table"]
