"""What the log tells of a database that cannot be reached."""

from __future__ import annotations

import logging

import pytest

from lightmail.backends.mysql.connection import Connection, connect
from lightmail.backends.mysql.errors import Lost, Refused
from lightmail.backends.mysql.pool import Pool
from lightmail.config.addresses import MysqlUrl
from lightmail.config.sections import Mysql
from tests.support.aio import run

pytestmark = pytest.mark.integration


def test_an_outage_is_told_once_for_each_cause_and_its_end_too_but_not_who_never_was_there(
    url: MysqlUrl, caplog: pytest.LogCaptureFixture
) -> None:
    away = True
    error: Lost | Refused = Lost("not there")

    async def make() -> Connection:
        if away:
            raise error
        return await connect(url, Mysql(), tls=None)

    async def test() -> None:
        nonlocal away, error
        pool = Pool(make, connections=2, wait_s=5, ping_timeout_s=1)

        async def fails() -> None:
            with pytest.raises((Lost, Refused)):
                await pool.acquire()

        await fails()
        assert caplog.messages == []
        away = False
        held = await pool.acquire()
        assert caplog.messages == []
        away = True
        await fails()
        await fails()
        error = Refused(1045, "Access denied for user 'lm'@'db'")
        await fails()
        await fails()
        away = False
        pool.release(await pool.acquire())
        pool.release(held)
        await pool.close()

    with caplog.at_level(logging.INFO, "lightmail"):
        run(test())
    assert [message.partition(";")[0].partition(",")[0] for message in caplog.messages] == [
        "no connection: the metadata database (not there) is not available",
        "no connection: the metadata database (Access denied for user 'lm'@'db') cannot be used",
        "the metadata database is reached again",
    ]
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR", "INFO"]
