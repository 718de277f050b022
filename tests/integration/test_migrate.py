"""`lightmail migrate` under living servers: from the embedded default to the cluster and back, killed, run again."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import re
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import pytest

from tests.support.aio import run
from tests.support.eventually import eventually
from tests.support.installation import Installation, Kind
from tests.support.ledger import Ledger
from tests.support.mbsync import needs
from tests.support.mixed_client import MAILBOXES
from tests.support.mixed_load import MixedLoad, Node, Plan, fresh
from tests.support.moved import Copies, Resyncing
from tests.support.services import Services
from tests.support.trust import assert_sound
from tests.support.wire import ImapClient

pytestmark = pytest.mark.integration

CLUSTER = Kind("mysql", "s3", redis=True, nodes=2)
NODE = Kind("mysql", "s3", redis=True)
EMBEDDED = Kind()
Account = tuple[str, str]


@needs("mbsync")
@pytest.mark.timeout(600)
def test_to_the_cluster_and_back_under_load(tmp_path: Path, services: Services) -> None:
    plan = Plan(clients=40, senders=3, operations=None, per_second=60.0, probed=False)
    there_and_back(tmp_path, services, messages=1_000, plan=plan, within_s=250)


@needs("mbsync")
@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_hundred_thousand_messages(tmp_path: Path, services: Services) -> None:
    plan = Plan(clients=100, senders=6, operations=None, per_second=60.0, probed=False)
    there_and_back(tmp_path, services, messages=100_000, plan=plan, within_s=3500)


@pytest.mark.parametrize("kind", [EMBEDDED, NODE], ids=["embedded", "mysql+s3"])
def test_killed_again_and_again(kind: Kind, tmp_path: Path, services: Services) -> None:
    """Whenever it is killed, run again it goes on; what the source has answered OK meanwhile is in the target."""
    dice = random.Random(1)
    with (
        Installation(EMBEDDED, tmp_path / "source", services) as source,
        Installation(kind, tmp_path / "target", services) as target,
    ):
        target.stop()
        account = source.add_user()
        fill(source, account, tmp_path, 400)
        with Writer(source.address("imap"), account) as writer:
            killed = 0
            for number in range(5):
                killed += killed_after(migration(source, target), 0.4 + 0.2 * number + dice.random() / 4)
                writer.goes_on()
            ended = subprocess.run(migration(source, target, "--verify", "full"), capture_output=True, timeout=100)
            assert ended.returncode == 0, ended.stderr.decode()
            assert json.loads(ended.stdout)["switched"]
            writer.is_refused()
        assert killed
        resyncing = Resyncing(account)
        resyncing.look(source.address("imap"))
        source.stop()
        target.start()
        resyncing.nothing_is_new(target.address("imap"))
        with ImapClient(target.address("imap")) as client:
            client.login(*account)
            assert client.command(b"EXAMINE INBOX").ok
            assert writer.promised <= set(numbers_found(client))
        assert_sound(target)


def test_servers_of_the_target_wait_for_the_switch(tmp_path: Path, services: Services) -> None:
    """They may run before: they show what has come by then, take no writes, and take them from that moment on."""
    with (
        Installation(EMBEDDED, tmp_path / "source", services) as source,
        Installation(NODE, tmp_path / "target", services) as target,
    ):
        account = source.add_user()
        fill(source, account, tmp_path, 50)
        done = subprocess.run(migration(source, target, "--no-switch"), capture_output=True, timeout=100)
        assert done.returncode == 0, done.stderr.decode()
        with ImapClient(target.address("imap")) as client, ImapClient(source.address("imap")) as other:
            client.login(*account)
            other.login(*account)
            assert client.command(b"SELECT INBOX").ok
            assert b"[UNAVAILABLE]" in client.command(b"APPEND INBOX {}", b"early").tagged
            assert other.command(b"APPEND INBOX {}", b"in time").ok
            done = subprocess.run(
                migration(source, target, "--on-switched", f"touch {tmp_path / 'switched'}"),
                capture_output=True,
                timeout=100,
            )
            assert done.returncode == 0, done.stderr.decode()
            assert (tmp_path / "switched").exists()
            assert b"[UNAVAILABLE]" in other.command(b"APPEND INBOX {}", b"late").tagged
            assert client.command(b"APPEND INBOX {}", b"here").ok
        target.stop()
        target.start()
        with ImapClient(target.address("imap")) as client:
            client.login(*account)
            assert b"* STATUS INBOX (MESSAGES 25)" in client.command(b"STATUS INBOX (MESSAGES)").untagged
        # The old one tells at its start that it is not the mail store any more, and may become it again.
        source.stop()
        source.start()
        assert "this mail store takes no writes" in source.nodes[0].log()
        assert source.command("migrate", "--reopen", "--yes").returncode == 0
        with ImapClient(source.address("imap")) as client:
            client.login(*account)
            assert client.command(b"APPEND INBOX {}", b"again").ok


def there_and_back(folder: Path, services: Services, *, messages: int, plan: Plan, within_s: float) -> None:
    """Embedded, cluster, embedded; each time clients work meanwhile, and nobody downloads anything afterwards.

    within_s: how long each may take.
    """
    with (
        Installation(EMBEDDED, folder / "embedded", services) as embedded,
        Installation(CLUSTER, folder / "cluster", services) as cluster,
        Installation(EMBEDDED, folder / "again", services) as again,
    ):
        cluster.stop()
        again.stop()
        quiet = embedded.add_user()
        fill(embedded, quiet, folder, messages)
        everybody: list[Account] = []
        copies = Copies(folder / "copies", quiet)
        assert (
            copies.make(embedded.address("imap")) == min(messages, ISYNC_MESSAGES) - min(messages, ISYNC_MESSAGES) // 10
        )
        for number, (source, target) in enumerate(((embedded, cluster), (cluster, again))):
            busy = [source.add_user() for _ in range(4)]
            everybody += busy
            report, ledger = moved_under_load(source, target, busy, replace(plan, seed=number + 1), within_s)
            print(f"\n{report}; {ledger.counts.total()} commands")
            assert report["switched"] and report["bodies_copied"] > messages * 0.9
            resyncing = [Resyncing(account) for account in everybody]
            for each in resyncing:
                each.look(source.address("imap"))
            copies.are_whole(source.address("imap"))
            source.stop()
            target.start()
            for each in resyncing:
                each.nothing_is_new(target.address("imap"))
            copies.are_whole(target.address("imap"))
            kept(ledger, target, busy)
            assert_sound(target)


def moved_under_load(
    source: Installation, target: Installation, accounts: Sequence[Account], plan: Plan, within_s: float
) -> tuple[dict[str, Any], Ledger]:
    """What `migrate` reports, and what the source has promised until it was sealed."""
    nodes = [Node(node.address("imap"), node.address("lmtp")) for node in source.nodes]
    load = MixedLoad(nodes, accounts, plan)
    report: dict[str, Any] = {}

    async def migrate() -> None:
        command = migration(source, target, "--verify", "full")
        process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        said, complaints = await process.communicate()
        assert process.returncode == 0, complaints.decode()
        report.update(json.loads(said))
        # The source refuses, and says so.
        refused = len(load.ledger.faults)
        while len(load.ledger.faults) < refused + 20:  # noqa: ASYNC110  the servers have no event for it
            await asyncio.sleep(0.05)

    run(load.run(during=migrate), timeout_s=within_s)
    faults = load.ledger.faults
    assert all("[UNAVAILABLE]" in each.answer or each.answer.startswith("451") for each in faults), faults[:5]
    assert {each.command for each in faults} > {"APPEND", "DATA", "STORE"}
    return report, load.ledger


def kept(ledger: Ledger, target: Installation, accounts: Sequence[Account]) -> None:
    """Asserts that everything that was promised is in the target."""

    async def look() -> None:
        node = Node(target.address("imap"), target.address("lmtp"))
        boxes = {box for promised in (ledger.stored, ledger.kept_flags, ledger.doomed) for box in promised}
        assert {box[1] for box in boxes} >= set(MAILBOXES)
        passwords = dict(accounts)
        for box in boxes:
            ledger.check(box, await fresh(node, (box[0], passwords[box[0]]), box[1]))

    run(look())


class Writer:
    """A client that appends one message after the other, in a thread of its own, and notes what was answered OK."""

    def __init__(self, address: tuple[str, int], account: Account) -> None:
        self.promised: set[int] = set()
        self._refused = 0
        self._ended = threading.Event()
        self._wrong: list[str] = []
        self._thread = threading.Thread(target=self._write, args=(address, account))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._ended.set()
        self._thread.join()
        assert not self._wrong, self._wrong

    def goes_on(self) -> None:
        """Returns once more has been answered, one way or the other."""
        before = len(self.promised) + self._refused
        assert eventually(lambda: self._wrong or len(self.promised) + self._refused > before)

    def is_refused(self) -> None:
        before = self._refused
        assert eventually(lambda: self._wrong or self._refused > before)

    def _write(self, address: tuple[str, int], account: Account) -> None:
        with ImapClient(address) as client:
            client.login(*account)
            for number in itertools.count():
                if self._ended.wait(0.02):
                    return
                answer = client.command(b"APPEND INBOX {}", b"Subject: number-%d\r\n\r\nhello\r\n" % number)
                if answer.ok:
                    self.promised.add(number)
                elif b"[UNAVAILABLE]" in answer.tagged:
                    self._refused += 1
                else:
                    self._wrong.append(answer.tagged.decode())
                    return


def numbers_found(client: ImapClient) -> list[int]:
    """What Writer has appended, of the mailbox that is selected."""
    answer = client.command(b"FETCH 1:* (BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    assert answer.ok
    found = [int(match[1]) for line in answer.untagged if (match := re.search(rb"number-(\d+)", line))]
    assert len(found) == len(set(found))
    return found


def killed_after(command: list[str], seconds: float) -> bool:
    """False: it had ended by itself."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        _, complaints = process.communicate(timeout=seconds)
        assert process.returncode == 0, complaints.decode()
        return False
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return True


def migration(source: Installation, target: Installation, *options: str) -> list[str]:
    return source.nodes[0].command_line("migrate", "--to", str(target.nodes[0].config_file), "--json", *options)


ISYNC_MESSAGES = 2_000
"""Of them isync makes a copy; the others belong to another account, that nobody synchronizes so."""


def fill(server: Installation, account: Account, folder: Path, messages: int) -> None:
    """Two mailboxes with flags, keywords and gaps; what is beyond isync's share is somebody else's."""
    for owner, count in ((account, min(messages, ISYNC_MESSAGES)), (None, messages - ISYNC_MESSAGES)):
        if count <= 0:
            continue
        owner = owner or server.add_user()
        for name, share in (("INBOX", count // 2), ("Archive", count - count // 2)):
            path = folder / f"{owner[0]}-{name}.mbox"
            with path.open("wb") as file:
                for number in range(share):
                    file.write(mbox_message(number, name))
            done = server.nodes[0].command_line("import", str(path), "--user", owner[0], "--mailbox", name, "--json")
            imported = subprocess.run(done, capture_output=True, timeout=3600, check=False)
            assert imported.returncode == 0, imported.stderr.decode()
            path.unlink()
        with ImapClient(server.address("imap")) as client:
            client.login(*owner)
            for name in (b"INBOX", b"Archive"):
                assert client.command(b"SELECT %s" % name).ok
                last = count // 2
                for command in (
                    b"UID STORE 1:%d +FLAGS.SILENT (\\Flagged $work)" % (last // 3),
                    b"UID STORE %d:%d +FLAGS.SILENT (\\Seen $later)" % (last // 4, last // 2),
                    b"UID STORE 5:%d +FLAGS.SILENT (\\Deleted)" % (4 + last // 10),
                    b"EXPUNGE",
                ):
                    answer = client.command(command)
                    assert answer.ok, answer


def mbox_message(number: int, name: str) -> bytes:
    text = " ".join(f"{number * word % 9973}" for word in range(1, 150))
    return (
        f"From joe@example.org Mon Jan  1 00:00:00 2024\n"
        f"From: Joe <joe@example.org>\nTo: ann@example.org\nSubject: message {number}\n"
        f"Message-ID: <{name}-{number}@example.org>\nDate: Mon, 1 Jan 2024 00:00:00 +0000\n\n{text}\n\n"
    ).encode()
