"""An import into the memory store: once each, whatever happens in between."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lightmail.app import Store, open_store
from lightmail.config import Config, Server, Storage
from lightmail.errors import Unavailable
from lightmail.migrate.detect import open_source
from lightmail.migrate.importer import BATCH_MESSAGES, Importer, Report
from lightmail.migrate.journal import AlreadyRunning, Batch, Journal, Keys
from lightmail.model import Mailbox, User
from tests.support.aio import run


def config(tmp_path: Path) -> Config:
    return Config(
        server=Server(data=str(tmp_path / "data"), hostname="test"),
        storage=Storage(metadata="memory://", bodies="memory://"),
    )


async def import_(
    store: Store, user: User, path: Path, journal_folder: Path, target: str = "", **options: int
) -> Report:
    journal = Journal(Journal.place(journal_folder, user.id, path))
    try:
        importer = Importer(
            mail=store.mail,
            metadata=store.metadata,
            user=user,
            target=target,
            journal=journal,
            message_octets=options.get("message_octets", 1_000_000),
            progress=lambda octets, messages: None,
        )
        return await importer.run(open_source(path))
    finally:
        journal.close()


async def mailboxes(store: Store, user: User) -> dict[str, Mailbox]:
    return {mailbox.name: mailbox for mailbox in await store.mail.mailboxes.list(user.id)}


def write_mbox(path: Path, count: int, start: int = 0) -> Path:
    with path.open("ab") as file:
        for number in range(start, start + count):
            file.write(b"From a@b Thu Aug 22 12:36:23 2002\nSubject: %d\nStatus: RO\n\nbody\n\n" % number)
    return path


def test_a_second_run_adds_only_what_is_new(tmp_path: Path) -> None:
    box = write_mbox(tmp_path / "box.mbox", BATCH_MESSAGES + 5)

    async def scenario() -> None:
        async with open_store(config(tmp_path)) as store:
            user = await store.mail.accounts.create("anna@example.org", "")
            first = await import_(store, user, box, tmp_path / "imports")
            assert (first.imported, first.already, first.refused) == (BATCH_MESSAGES + 5, 0, [])
            assert first.mailboxes == {"INBOX": BATCH_MESSAGES + 5}
            second = await import_(store, user, box, tmp_path / "imports")
            assert (second.imported, second.already) == (0, BATCH_MESSAGES + 5)
            write_mbox(box, 2, start=1000)
            third = await import_(store, user, box, tmp_path / "imports")
            assert (third.imported, third.already) == (2, BATCH_MESSAGES + 5)
            inbox = (await mailboxes(store, user))["INBOX"]
            assert (inbox.messages, inbox.unseen) == (BATCH_MESSAGES + 7, 0)

    run(scenario())


def test_octets_dates_and_flags_arrive(tmp_path: Path) -> None:
    root = tmp_path / "Maildir"
    for part in ("cur", "new", ".Work.2024/cur", ".Work.2024/new"):
        (root / part).mkdir(parents=True)
    message = root / ".Work.2024" / "cur" / "1.a:2,SF"
    message.write_bytes(b"Subject: x\n\nbody\n")
    os.utime(message, (1_000_000_000, 1_000_000_000))

    async def scenario() -> None:
        async with open_store(config(tmp_path)) as store:
            user = await store.mail.accounts.create("anna@example.org", "")
            report = await import_(store, user, root, tmp_path / "imports", target="Old")
            assert report.mailboxes == {"Old/Work/2024": 1}
            mailbox = (await mailboxes(store, user))["Old/Work/2024"]
            assert mailbox.subscribed
            live = await store.mail.open(mailbox.id)
            row = live.snapshot.row(1)
            assert row is not None
            assert row.internaldate == 1_000_000_000
            assert set(live.snapshot.flags_of(1)) == {"\\Seen", "\\Flagged"}
            await store.mail.bodies.locate([row.body_id])
            assert await store.mail.bodies.read(row.body_id, 0, 100) == b"Subject: x\r\n\r\nbody\r\n"
            live.release()

    run(scenario())


def test_dates_of_eml_files(tmp_path: Path) -> None:
    folder = tmp_path / "eml"
    folder.mkdir()
    (folder / "1.eml").write_bytes(b"Date: Thu, 22 Aug 2002 12:36:23 +0200\n\nx\n")
    (folder / "2.eml").write_bytes(b"Subject: no date\n\nx\n")
    (folder / "3.eml").write_bytes(b"Date: Thu, 22 Aug 9002 12:36:23 +0200\n\nx\n")
    for name in ("2.eml", "3.eml"):
        os.utime(folder / name, (1_000_000_000, 1_000_000_000))

    async def scenario() -> None:
        async with open_store(config(tmp_path)) as store:
            user = await store.mail.accounts.create("anna@example.org", "")
            await import_(store, user, folder, tmp_path / "imports")
            live = await store.mail.open((await mailboxes(store, user))["INBOX"].id)
            rows = live.snapshot.rows(live.snapshot.uids())
            assert [(row.internaldate, row.internaldate_zone) for row in rows] == [
                (1030012583, 120),
                (1_000_000_000, 0),
                (1_000_000_000, 0),
            ]
            live.release()

    run(scenario())


def test_bad_messages_are_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "eml"
    folder.mkdir()
    (folder / "a.eml").write_bytes(b"")
    (folder / "b.eml").write_bytes(b"x" * 200)
    (folder / "c.eml").write_bytes(b"\n" * 60)  # small on disk, too big with CRLF
    (folder / "d.eml").write_bytes(b"\0\xff\r no header\n")
    (folder / "e.eml").symlink_to("nowhere")

    async def scenario() -> None:
        async with open_store(config(tmp_path)) as store:
            user = await store.mail.accounts.create("anna@example.org", "")
            report = await import_(store, user, folder, tmp_path / "imports", message_octets=100)
            assert report.imported == 1
            assert [(each.place, each.reason) for each in report.refused] == [
                ("a.eml", "is empty (zero octets)"),
                ("b.eml", "200 octets, the limit is 100"),
                ("c.eml", "120 octets, the limit is 100"),
            ]

    run(scenario())


def test_equal_messages_are_all_imported_once(tmp_path: Path) -> None:
    folder = tmp_path / "eml"
    folder.mkdir()
    for name in ("a", "b", "c"):
        (folder / f"{name}.eml").write_bytes(b"Subject: same\n\n")

    async def scenario() -> None:
        async with open_store(config(tmp_path)) as store:
            user = await store.mail.accounts.create("anna@example.org", "")
            assert (await import_(store, user, folder, tmp_path / "imports")).imported == 3
            (folder / "b.eml").rename(folder / "z.eml")
            report = await import_(store, user, folder, tmp_path / "imports")
            assert (report.imported, report.already) == (0, 3)

    run(scenario())


def test_another_mailbox_or_a_new_one_of_the_name_is_filled_again(tmp_path: Path) -> None:
    box = write_mbox(tmp_path / "box.mbox", 3)

    async def scenario() -> None:
        async with open_store(config(tmp_path)) as store:
            user = await store.mail.accounts.create("anna@example.org", "")
            assert (await import_(store, user, box, tmp_path / "imports", "Old")).imported == 3
            assert (await import_(store, user, box, tmp_path / "imports", "Other")).imported == 3
            await store.mail.mailboxes.delete(user.id, "Old")
            assert (await import_(store, user, box, tmp_path / "imports", "Old")).imported == 3
            assert (await import_(store, user, box, tmp_path / "imports", "Old")).imported == 0

    run(scenario())


@pytest.mark.parametrize("committed", [True, False])
def test_a_crash_around_a_commit_neither_loses_nor_doubles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    """The journal has the batch's beginning and not its end; the mailbox decides."""
    box = write_mbox(tmp_path / "box.mbox", 3)

    async def scenario() -> None:
        async with open_store(config(tmp_path)) as store:
            user = await store.mail.accounts.create("anna@example.org", "")
            append = store.mail.append

            async def broken(messages: list[object]) -> None:
                if committed:
                    await append(messages)  # type: ignore[arg-type]
                raise Unavailable("the process")

            monkeypatch.setattr(store.mail, "append", broken)
            with pytest.raises(Unavailable):
                await import_(store, user, box, tmp_path / "imports")
            monkeypatch.setattr(store.mail, "append", append)
            report = await import_(store, user, box, tmp_path / "imports")
            assert (report.imported, report.already) == ((0, 3) if committed else (3, 0))
            assert (await mailboxes(store, user))["INBOX"].messages == 3
            assert (await import_(store, user, box, tmp_path / "imports")).imported == 0

    run(scenario())


def test_keywords_that_do_not_fit_are_left_out(tmp_path: Path) -> None:
    box = tmp_path / "box.mbox"
    with box.open("wb") as file:
        for number in range(100):
            file.write(b"From a@b Thu Aug 22 12:36:23 2002\nX-Status: F\nX-Keywords: k%d\n\nx\n\n" % number)

    async def scenario() -> None:
        async with open_store(config(tmp_path)) as store:
            user = await store.mail.accounts.create("anna@example.org", "")
            report = await import_(store, user, box, tmp_path / "imports")
            assert (report.imported, report.without_keywords) == (100, 100)
            live = await store.mail.open((await mailboxes(store, user))["INBOX"].id)
            assert live.snapshot.flags_of(1) == ("\\Flagged",)
            live.release()

    run(scenario())


def test_the_journal_survives_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "x.journal"
    journal = Journal(path)
    journal.begin(Batch(1, 5, ("a:0",), ("o1",)))
    with pytest.raises(AlreadyRunning):
        Journal(path)
    journal.settle(stored=True)
    journal.begin(Batch(1, 6, ("b:0",), ("o2",)))
    journal.close()
    with path.open("ab") as file:
        file.write(b"tru")
    journal = Journal(path)
    assert journal.has(1, "a:0") and not journal.has(2, "a:0") and not journal.has(1, "b:0")
    assert journal.unsettled == Batch(1, 6, ("b:0",), ("o2",))
    journal.settle(stored=False)
    journal.close()
    journal = Journal(path)
    assert journal.unsettled is None and not journal.has(1, "b:0")
    journal.forget()
    journal.close()
    journal = Journal(path)
    assert not journal.has(1, "a:0")
    journal.close()


def test_keys_count_equal_messages_per_mailbox() -> None:
    keys = Keys()
    first, second, other = keys.key("", b"x"), keys.key("", b"x"), keys.key("Work", b"x")
    assert first.endswith(":0") and second == first[:-1] + "1" and other == first
    assert keys.key("", b"y") != first
