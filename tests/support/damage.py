"""A mail store with some mail in it, on each pair of backends, and hands that damage it behind its back."""

from __future__ import annotations

import base64
import random
import sqlite3
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from lightmail._core.index import UidSet
from lightmail.app import Store, open_store
from lightmail.config import Config
from lightmail.mail.about import delivered_to
from lightmail.mail.check.checker import Checker
from lightmail.mail.check.damage import CheckReport, Damage
from lightmail.mail.check.repair import Repairer, RepairReport
from lightmail.model import BodyCount, BodyId, FlagOp, Mailbox, MailboxId, ModSeq, NewMessage
from tests.support.backends import s3_options
from tests.support.installation import QUICK
from tests.support.mysql import empty_database
from tests.support.services import Services

PAIRS = ("memory+memory", "sqlite+files", "sqlite+s3", "mysql+files", "mysql+s3")
SQL_PAIRS = ("sqlite+files", "mysql+s3")
"""For damage to rows, which is the same whatever keeps the bodies."""
LARGE_OCTETS = 700_000


class LaterClock:
    """So many seconds ahead of the system's."""

    def __init__(self, inner: Any, ahead_s: int) -> None:
        self._inner = inner
        self._ahead_s = ahead_s

    def now_s(self) -> int:
        return int(self._inner.now_s()) + self._ahead_s

    def monotonic_s(self) -> float:
        return float(self._inner.monotonic_s())


@dataclass
class House:
    """Ann has four messages in INBOX (UIDs 1, 3, 4 and 5, of which 5 is large), and a copy of 1 in Archive; Bob has what was
    delivered to both as her 3. UID 2 was expunged.
    """

    store: Store
    config: Config
    services: Services
    database: str
    """Of MySQL; a file of SQLite; "" in memory."""
    inbox: Mailbox = field(init=False)
    archive: Mailbox = field(init=False)
    bobs: Mailbox = field(init=False)

    async def fill(self) -> None:
        mail = self.store.mail
        ann = await mail.accounts.create("ann@example.org", "")
        bob = await mail.accounts.create("bob@example.org", "")
        self.inbox = await mail.mailboxes.get(ann.id, "INBOX")
        self.archive = await mail.mailboxes.get(ann.id, "Archive")
        self.bobs = await mail.mailboxes.get(bob.id, "INBOX")
        await self.append(b"one", self.inbox, flags=("\\Seen", "$Important"))
        await self.append(b"two", self.inbox)
        await self.append(b"three", self.inbox, self.bobs)
        await self.append(b"four", self.inbox, flags=("\\Deleted",))
        await self.append(base64.encodebytes(random.Random(5).randbytes(LARGE_OCTETS)), self.inbox)
        await mail.copy(self.inbox.id, UidSet([1]), self.archive.id)
        await mail.set_flags(self.inbox.id, UidSet([2]), FlagOp.ADD, ("\\Deleted",))
        await mail.expunge(self.inbox.id, UidSet([2]))

    async def append(self, text: bytes, *mailboxes: Mailbox, flags: tuple[str, ...] = ()) -> None:
        owners = [(await self.store.mail.directory.get_user_by_id(each.user_id)).address for each in mailboxes]
        incoming = self.store.mail.bodies.receive(about=delivered_to(owners, internaldate=1_700_000_000))
        await incoming.write(b"Subject: a message\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\n" + text + b"\r\n")
        body = await incoming.finish()
        await self.store.mail.append([NewMessage(each.id, body, flags, 1_700_000_000, 0, 0) for each in mailboxes])

    async def repair(self, damages: Sequence[Damage]) -> RepairReport:
        with ThreadPoolExecutor(2) as workers:
            repairer = Repairer(
                upkeep=self.store.upkeep,
                metadata=self.store.metadata,
                blobs=self.store.blobs,
                config=self.config,
                workers=workers,
            )
            return await repairer.repair(damages)

    async def check(self, *, sample: int | None = None, ahead_s: int = 0) -> CheckReport:
        """ahead_s: as it will be found after so many seconds."""
        checker = Checker(
            upkeep=self.store.upkeep,
            metadata=self.store.metadata,
            directory=self.store.mail.directory,
            blobs=self.store.blobs,
            clock=LaterClock(self.store.mail.clock, ahead_s),
            config=self.config,
            settle_s=0.01,
        )
        return await checker.run(sample=sample)

    async def body_of(self, uid: int, mailbox: Mailbox | None = None) -> BodyCount:
        """Of a message of Ann's INBOX, or of another mailbox."""
        body_id = await self.body_id_of(uid, mailbox)
        return next(each for each in await self.store.upkeep.body_counts(BodyId(body_id - 1), 1))

    async def body_id_of(self, uid: int, mailbox: Mailbox | None = None) -> BodyId:
        packed = await self.store.metadata.load((mailbox or self.inbox).id)
        rows = [line.split() for block in packed.blocks for line in block.splitlines()]
        return next(BodyId(int(row[4])) for row in rows if int(row[0]) == uid)

    # ---- damage

    def sql(self, statement: str, **values: object) -> None:
        """One statement on the database, past LightMail; `{name}` in it is replaced."""
        statement = statement.format(inbox=self.inbox.id, **values)
        if self.database.startswith("mysql:"):
            self.services.sql.run(f"USE {self.database.rpartition('/')[2]}", "SET FOREIGN_KEY_CHECKS = 0", statement)
            return
        connection = sqlite3.connect(self.database, timeout=60)
        try:
            with connection:
                assert connection.execute(statement).rowcount, "nothing was damaged"
        finally:
            connection.close()

    async def object_of(self, body: BodyCount) -> bytes:
        return await self.store.blobs.read(body.object_key, 0, body.stored_octets + 1)

    async def replace(self, body: BodyCount, octets: bytes) -> None:
        await self.store.blobs.delete([body.object_key])
        await self.store.blobs.put(body.object_key, octets)

    async def everything(self) -> list[list[str]]:
        """The rows of all messages of the three mailboxes."""
        packed = [await self.store.metadata.load(each.id) for each in (self.inbox, self.archive, self.bobs)]
        return [sorted("".join(each.blocks).splitlines()) for each in packed]

    async def uids(self, mailbox_id: MailboxId) -> list[int]:
        packed = await self.store.metadata.load(mailbox_id)
        return sorted(int(line.split()[0]) for block in packed.blocks for line in block.splitlines())

    async def modseq(self, mailbox_id: MailboxId) -> ModSeq:
        return (await self.store.metadata.modseqs([mailbox_id]))[mailbox_id]


@asynccontextmanager
async def house_on(pair: str, folder: Path, services: Services) -> AsyncIterator[House]:
    """pair: one of PAIRS."""
    metadata, _, bodies = pair.partition("+")
    sections: dict[str, dict[str, Any]] = {**QUICK, "server": {"data": str(folder)}, "storage": {}}
    if bodies == "s3":
        bucket = services.s3.new_bucket()
        sections["storage"]["bodies"] = f"s3://{bucket}"
        sections["node_cache"] = {"octets": 0}
    elif bodies == "memory":
        sections["storage"]["bodies"] = "memory://"
    if metadata == "memory":
        sections["storage"]["metadata"] = "memory://"
        async with _open(sections, services, "") as house:
            yield house
    elif metadata == "mysql":
        async with empty_database(services) as url:
            database = f"mysql://{url.user}@{url.host}:{url.port}/{url.database}"
            sections["storage"]["metadata"] = database
            async with _open(sections, services, database) as house:
                yield house
    else:
        async with _open(sections, services, str(folder / "lightmail.sqlite")) as house:
            yield house


@asynccontextmanager
async def _open(sections: dict[str, dict[str, Any]], services: Services, database: str) -> AsyncIterator[House]:
    config = msgspec.convert(sections, Config)
    if config.storage.bodies.startswith("s3:"):
        config = msgspec.structs.replace(config, s3=s3_options(services.s3))
    async with open_store(config) as store:
        house = House(store, config, services, database)
        await house.fill()
        yield house
