"""UIDBATCHES (RFC 10022) where there is more than one batch; what a batch is has properties in rust/index."""

from __future__ import annotations

from tests.support.aio import run
from tests.unit.imap.client import Client
from tests.unit.mail.house import House


def test_batches_of_a_large_mailbox() -> None:
    """From the greatest UID down, without a gap; a part of them is the same part of the whole answer."""

    async def scenario() -> None:
        house = await House.build()
        await house.inbox(messages=1_201)
        client = Client(house)
        await client.ok("SELECT INBOX")
        house.metadata.calls.clear()
        assert await client.ok("UIDBATCHES 500") == ['* UIDBATCHES (TAG "t2") 1201:702,701:202,201:1']
        assert await client.ok("UIDBATCHES 500 2:2") == ['* UIDBATCHES (TAG "t3") 701:202']
        assert await client.ok("UIDBATCHES 600 2:9") == ['* UIDBATCHES (TAG "t4") 601:2,1:1']
        assert await client.ok("UIDBATCHES 4294967295 1:4294967295") == ['* UIDBATCHES (TAG "t5") 1201:1']
        assert house.metadata.calls == []
        await house.close()

    run(scenario())
