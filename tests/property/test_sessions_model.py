"""Three sessions in two processes beside a naive model: whatever they do, what each was told, applied in order, is the mailbox.

The model knows two mailboxes as dictionaries, and nothing of views, snapshots or hints. It foretells what each command
does and what its answer names (COPYUID, MODIFIED, what SEARCH finds, STATUS); sessions hear of each other's changes late,
in the middle of a command, while idle, or when they come back with QRESYNC (RFC 9051 §5.2, §7.5.1; RFC 7162).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
import uvloop
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from tests.support.view import Message, View, numbers, spelled
from tests.unit.imap.client import Client
from tests.unit.mail.house import House, message_octets

T = TypeVar("T")

BOXES = ("INBOX", "Archive")
FLAGS = ("\\Seen", "\\Flagged", "\\Deleted", "$Work")
ENABLED = ("", "CONDSTORE", "QRESYNC")
"""One session each; the last one is served by a process of its own."""

session_numbers = st.integers(0, len(ENABLED) - 1)
boxes = st.sampled_from(BOXES)
picks = st.lists(st.integers(0, 30), min_size=1, max_size=4)
flag_sets = st.frozensets(st.sampled_from(FLAGS), min_size=1, max_size=2)
operations = st.sampled_from(["", "+", "-"])
KEYS = {
    "SEEN": lambda uid, flags: "\\Seen" in flags,
    "UNDELETED": lambda uid, flags: "\\Deleted" not in flags,
    "KEYWORD $Work": lambda uid, flags: "$Work" in flags,
    "OR FLAGGED NOT SEEN": lambda uid, flags: "\\Flagged" in flags or "\\Seen" not in flags,
    "UID 3:5 UNFLAGGED": lambda uid, flags: 3 <= uid <= 5 and "\\Flagged" not in flags,
}


@dataclass
class Stored:
    text: int
    flags: frozenset[str]


@dataclass
class Box:
    """A mailbox as it is: messages by UID."""

    messages: dict[int, Stored] = field(default_factory=dict)
    uid_next: int = 1

    def add(self, text: int, flags: frozenset[str]) -> int:
        uid = self.uid_next
        self.messages[uid] = Stored(text, flags)
        self.uid_next += 1
        return uid

    def state(self) -> list[tuple[int | None, frozenset[str] | None]]:
        return [(uid, message.flags) for uid, message in sorted(self.messages.items())]


@dataclass
class Told:
    """A session, and what its client believes."""

    client: Client
    enabled: str
    box: str = ""
    """Selected; "" for none."""
    view: View = field(default_factory=View)
    uid_validity: int = 0
    highest_modseq: int = 0
    """Up to which the client was told everything."""
    idle: bool = False

    def hear(self, lines: list[str]) -> None:
        for line in lines:
            self.view.hear(line)
            if code := re.search(r"\[HIGHESTMODSEQ (\d+)\]", line):
                self.highest_modseq = int(code[1])

    async def do(self, command: str) -> list[str]:
        """All responses; they have been heard."""
        if self.idle:
            self.idle = False
            self.hear(_lines(await self.client.send(b"DONE\r\n")))
        lines = await self.client.do(command)
        if lines[-1].startswith("tag OK"):
            self.hear(lines)
        else:
            self.hear(lines[:-1])
        return lines

    async def learn(self) -> None:
        """Ask for what is new, as a client does after EXISTS."""
        if self.box and not self.idle and (unknown := self.view.unknown()):
            lines = await self.do(f"FETCH {spelled(unknown)} (UID FLAGS)")
            assert lines[-1].startswith("tag OK"), lines

    def chosen(self, among: list[int]) -> list[Message]:
        messages = self.view.messages
        return [messages[at] for at in sorted({pick % len(messages) for pick in among})] if messages else []


class Sessions(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
        self.model = {name: Box() for name in BOXES}
        self.texts = 0
        self.hinted = [0, 0]
        self._do(self._start())

    def teardown(self) -> None:
        self.converge()
        self._do(self._stop())
        self.runner.close()
        super().teardown()

    # ---- what sessions do

    @rule(number=session_numbers, box=boxes, flags=flag_sets)
    def append(self, number: int, box: str, flags: frozenset[str]) -> None:
        self._do(self._append(self.told[number], box, flags))

    @rule(number=session_numbers, among=picks, op=operations, flags=flag_sets, silent=st.booleans(), uid=st.booleans())
    def store(self, number: int, among: list[int], op: str, flags: frozenset[str], silent: bool, uid: bool) -> None:
        self._do(self._store(self.told[number], among, op, flags, silent=silent, uid=uid))

    @rule(number=session_numbers, among=picks, flags=flag_sets, since=st.integers(0, 30), uid=st.booleans())
    def store_unchanged(self, number: int, among: list[int], flags: frozenset[str], since: int, uid: bool) -> None:
        self._do(self._store_unchanged(self.told[number], among, flags, since, uid=uid))

    @rule(number=session_numbers, among=picks, box=boxes, move=st.booleans(), uid=st.booleans())
    def copy(self, number: int, among: list[int], box: str, move: bool, uid: bool) -> None:
        self._do(self._copy(self.told[number], among, box, move=move, uid=uid))

    @rule(number=session_numbers, among=st.none() | picks)
    def expunge(self, number: int, among: list[int] | None) -> None:
        self._do(self._expunge(self.told[number], among))

    @rule(number=session_numbers, among=picks, uid=st.booleans())
    def read(self, number: int, among: list[int], uid: bool) -> None:
        self._do(self._read(self.told[number], among, uid=uid))

    @rule(number=session_numbers, key=st.sampled_from(sorted(KEYS)), uid=st.booleans())
    def search(self, number: int, key: str, uid: bool) -> None:
        self._do(self._search(self.told[number], key, uid=uid))

    @rule(number=session_numbers)
    def noop(self, number: int) -> None:
        self._do(self._noop(self.told[number]))

    @rule(number=session_numbers)
    def idle(self, number: int) -> None:
        self._do(self._idle(self.told[number]))

    @rule(number=session_numbers, box=boxes)
    def status(self, number: int, box: str) -> None:
        self._do(self._status(self.told[number], box))

    @rule(number=session_numbers, box=boxes)
    def select(self, number: int, box: str) -> None:
        self._do(self._select(self.told[number], box))

    @rule(number=session_numbers, command=st.sampled_from(["CLOSE", "UNSELECT"]))
    def leave(self, number: int, command: str) -> None:
        self._do(self._leave(self.told[number], command))

    @rule()
    def break_off(self) -> None:
        """The client that knows QRESYNC loses its connection, and is away until it comes back."""
        self._do(self._break_off(self.told[2]))

    @precondition(lambda self: self.away)
    @rule()
    def come_back(self) -> None:
        self._do(self._come_back(self.told[2]))

    @rule()
    def hints_arrive(self) -> None:
        """What the processes have published reaches the other one."""
        self._do(self._hints_arrive())

    @rule(
        first=st.integers(0, 1),
        verb=st.sampled_from(["set_flags", "expunge", "move"]),
        after=st.booleans(),
        other=st.sampled_from(["store", "expunge", "move", "append", "noop"]),
        second=session_numbers,
        among=picks,
        others=picks,
        flags=flag_sets,
    )
    def overtake(
        self,
        first: int,
        verb: str,
        after: bool,
        other: str,
        second: int,
        among: list[int],
        others: list[int],
        flags: frozenset[str],
    ) -> None:
        """A second session acts while a change of the first is on its way to the database, or back from it."""
        if first != second:
            self._do(self._overtake(first, verb, after, other, second, among, others, flags))

    @rule()
    def converge(self) -> None:
        self._do(self._converge())

    # ---- how they do it

    async def _start(self) -> None:
        ours = await House.build(workers=2)
        self.houses = [ours, await ours.again()]
        await ours.mail.mailboxes.get(ours.user.id, "Archive")
        self.told = [Told(Client(self.houses[number == 2]), enabled) for number, enabled in enumerate(ENABLED)]
        self.observer = Client(await self._third(ours))
        self.away = False
        for each in self.told:
            if each.enabled:
                await each.client.ok(f"ENABLE {each.enabled}")
            await self._append(each, "INBOX", frozenset({"\\Flagged"}))
        for each in self.told:
            await self._select(each, "INBOX")

    async def _third(self, ours: House) -> House:
        """A process that knows nothing but what is stored."""
        self.houses.append(await ours.again())
        return self.houses[-1]

    async def _stop(self) -> None:
        for each in self.told:
            await each.client.lose()
        await self.observer.lose()
        for house in reversed(self.houses):
            await house.close()

    def _do(self, steps: Coroutine[Any, Any, T]) -> T:
        async def bounded() -> T:
            async with asyncio.timeout(60):
                result = await steps
                await self._listen()
                return result

        return self.runner.run(bounded())

    async def _listen(self) -> None:
        """Who is idle hears what comes on its own."""
        for _ in range(8):
            await asyncio.sleep(0)
        for each in self.told:
            if each.idle:
                each.hear(_lines(each.client.output.take()))

    async def _append(self, told: Told, box: str, flags: frozenset[str]) -> None:
        if self._is_away(told):
            return
        self.texts += 1
        octets = message_octets(self.texts).decode()
        command = f"APPEND {box} ({' '.join(sorted(flags))}) {{{len(octets)}+}}\r\n{octets}"
        lines = await told.do(command)
        uid = self.model[box].add(self.texts, flags)
        assert re.match(rf"tag OK \[APPENDUID \d+ {uid}\]", lines[-1]), (uid, lines)
        await told.learn()

    async def _store(
        self, told: Told, among: list[int], op: str, flags: frozenset[str], *, silent: bool, uid: bool
    ) -> None:
        if not (chosen := self._chosen(told, among)):
            return
        box = self.model[told.box]
        addressed = [message.uid for message in chosen if message.uid is not None]
        command = (
            f"{'UID ' if uid else ''}STORE {self._set(told, chosen, uid=uid)} {op}FLAGS{'.SILENT' if silent else ''}"
        )
        if silent:  # what is not told, a client counts on
            for message in chosen:
                assert message.flags is not None
                message.flags = _changed(message.flags, op, flags)
        lines = await told.do(f"{command} ({' '.join(sorted(flags))})")
        for each in addressed:
            if each in box.messages:
                box.messages[each].flags = _changed(box.messages[each].flags, op, flags)
        some_gone = any(each not in box.messages for each in addressed)
        assert lines[-1].startswith("tag NO [EXPUNGEISSUED]" if some_gone and not uid else "tag OK"), lines
        await told.learn()

    async def _store_unchanged(
        self, told: Told, among: list[int], flags: frozenset[str], since: int, *, uid: bool
    ) -> None:
        if not (chosen := self._chosen(told, among)):
            return
        box = self.model[told.box]
        modseqs = await self._modseqs(told.box)
        seqs = {message.uid: seq for seq, message in enumerate(told.view.messages, start=1)}
        limit = sorted(modseqs.values())[since % len(modseqs)] if modseqs else 1
        addressed = [message.uid for message in chosen if message.uid is not None]
        refused = [each for each in addressed if modseqs.get(each, 0) > limit]
        lines = await told.do(
            f"{'UID ' if uid else ''}STORE {self._set(told, chosen, uid=uid)} (UNCHANGEDSINCE {limit}) "
            f"+FLAGS ({' '.join(sorted(flags))})"
        )
        for each in addressed:
            if each in box.messages and each not in refused:
                box.messages[each].flags |= flags
        code = re.search(r"\[MODIFIED ([\d:,]+)\]", lines[-1])
        assert (numbers(code[1]) if code else []) == [each if uid else seqs[each] for each in refused], (refused, lines)
        await told.learn()

    async def _copy(self, told: Told, among: list[int], box: str, *, move: bool, uid: bool) -> None:
        if move and box == told.box:
            return
        if not (chosen := self._chosen(told, among)):
            return
        source, target = self.model[told.box], self.model[box]
        addressed = [message.uid for message in chosen if message.uid is not None]
        lines = await told.do(
            f"{'UID ' if uid else ''}{'MOVE' if move else 'COPY'} {self._set(told, chosen, uid=uid)} {box}"
        )
        copied = [each for each in addressed if each in source.messages]
        arrived = [target.add(source.messages[each].text, source.messages[each].flags) for each in copied]
        if move:
            for each in copied:
                del source.messages[each]
        codes = [code for line in lines for code in re.findall(r"\[COPYUID \d+ ([\d:,]+) ([\d:,]+)\]", line)]
        assert [(numbers(old), numbers(new)) for old, new in codes] == ([(copied, arrived)] if copied else []), lines
        assert lines[-1].startswith("tag OK" if copied or uid else "tag NO [EXPUNGEISSUED]"), lines
        await told.learn()

    async def _expunge(self, told: Told, among: list[int] | None) -> None:
        if among is not None and not self._chosen(told, among):
            return
        if self._is_away(told) or not told.box:
            return
        box = self.model[told.box]
        if among is None:
            await told.do("EXPUNGE")
            limited = set(box.messages)
        else:
            chosen = self._chosen(told, among)
            limited = {message.uid for message in chosen if message.uid is not None}
            await told.do(f"UID EXPUNGE {self._set(told, chosen, uid=True)}")
        for uid in limited & set(box.messages):
            if "\\Deleted" in box.messages[uid].flags:
                del box.messages[uid]
        await told.learn()

    async def _read(self, told: Told, among: list[int], *, uid: bool) -> None:
        if not (chosen := self._chosen(told, among)):
            return
        box = self.model[told.box]
        there = [message.uid for message in chosen if message.uid in box.messages]
        # A client that knows a message as \Seen changes nothing, though another session may have made it unseen since.
        seen = {message.uid for message in chosen if message.flags and "\\Seen" in message.flags}
        lines = await told.do(f"{'UID ' if uid else ''}FETCH {self._set(told, chosen, uid=uid)} (UID BODY[TEXT])")
        found = {}
        for line in lines:
            if match := re.search(r"FETCH \(.*UID (\d+).*Body of (\d+)\.", line, re.DOTALL):
                found[int(match[1])] = int(match[2])
        for each in there:
            assert each is not None
            assert found.get(each) == box.messages[each].text, (there, lines)
            if each not in seen:
                box.messages[each].flags |= {"\\Seen"}
        if len(there) == len(chosen):
            assert lines[-1].startswith("tag OK"), lines
        await told.learn()

    async def _search(self, told: Told, key: str, *, uid: bool) -> None:
        if self._is_away(told) or not told.box:
            return
        if told.idle:
            await self._noop(told)
        expected = [
            message.uid if uid else seq
            for seq, message in enumerate(told.view.messages, start=1)
            if message.uid is not None and message.flags is not None and KEYS[key](message.uid, message.flags)
        ]
        lines = await told.do(f"{'UID ' if uid else ''}SEARCH {key}")
        answer = next(line for line in lines if line.startswith("* SEARCH"))
        assert list(map(int, answer.split()[2:])) == expected, lines
        await told.learn()

    async def _noop(self, told: Told) -> None:
        if self._is_away(told):
            return
        await told.do("NOOP")
        await told.learn()

    async def _idle(self, told: Told) -> None:
        if self._is_away(told) or told.idle:
            return
        answer = _lines(await told.client.send(b"idle IDLE\r\n"))
        told.idle = True
        told.hear(answer)
        assert any(line.startswith("+ ") for line in answer), answer

    async def _status(self, told: Told, box: str) -> None:
        if self._is_away(told):
            return
        lines = await told.do(f"STATUS {box} (MESSAGES UIDNEXT UNSEEN)")
        await told.learn()
        expected = self.model[box]
        unseen = sum("\\Seen" not in message.flags for message in expected.messages.values())
        wanted = f"* STATUS {box} (MESSAGES {len(expected.messages)} UIDNEXT {expected.uid_next} UNSEEN {unseen})"
        assert wanted in lines, lines

    async def _select(self, told: Told, box: str) -> None:
        if self._is_away(told):
            return
        await self._noop(told)
        told.view, told.box = View(), box
        lines = await told.do(f"SELECT {box}")
        text = "\n".join(lines)
        told.uid_validity = int(re.search(r"\[UIDVALIDITY (\d+)\]", text)[1])  # type: ignore[index]
        assert f"[UIDNEXT {self.model[box].uid_next}]" in text, text
        await told.learn()
        assert told.view.state() == self.model[box].state()

    async def _leave(self, told: Told, command: str) -> None:
        if self._is_away(told) or not told.box:
            return
        if told.idle:
            await self._noop(told)
        box, told.box = self.model[told.box], ""
        *untagged, tagged = await told.client.do(command)
        assert tagged.startswith("tag OK") and not any("EXPUNGE" in line for line in untagged), untagged
        told.view = View()
        if command == "CLOSE":
            box.messages = {uid: each for uid, each in box.messages.items() if "\\Deleted" not in each.flags}

    async def _break_off(self, told: Told) -> None:
        if self.away or not told.box:
            return
        if told.idle:
            await self._noop(told)
        await told.client.lose()
        self.away = True

    async def _come_back(self, told: Told) -> None:
        """RFC 7162 §3.2.5: what is known, VANISHED (EARLIER) and FETCH are the whole mailbox again."""
        self.away = False
        told.client = Client(self.houses[1])
        await told.client.ok("ENABLE QRESYNC")
        told.view.come_back(anew=True)
        await told.do(f"SELECT {told.box} (QRESYNC ({told.uid_validity} {told.highest_modseq}))")
        told.view.came_back()
        await told.learn()
        assert told.view.state() == self.model[told.box].state()

    async def _hints_arrive(self) -> None:
        for at, house in enumerate(self.houses[:2]):
            published = house.feed.published
            for mailbox_id, modseq in published[self.hinted[at] :]:
                for other in self.houses:
                    if other is not house:
                        other.feed.hint(mailbox_id, modseq)
            self.hinted[at] = len(published)

    async def _overtake(
        self,
        first: int,
        verb: str,
        after: bool,
        other: str,
        second: int,
        among: list[int],
        others: list[int],
        flags: frozenset[str],
    ) -> None:
        a, b = self.told[first], self.told[second]
        if self._is_away(b) or not b.box or not (chosen := self._chosen(a, among)):
            return
        spelled_set = self._set(a, chosen, uid=True)
        target = next(name for name in BOXES if name != a.box)
        command = {
            "set_flags": f"UID STORE {spelled_set} +FLAGS ({' '.join(sorted(flags))})",
            "expunge": f"UID EXPUNGE {spelled_set}",
            "move": f"UID MOVE {spelled_set} {target}",
        }[verb]
        for each in (a, b):
            if each.idle:
                await self._noop(each)
        metadata = self.houses[0].metadata
        gate = metadata.hold(verb, after=after)
        slow = asyncio.ensure_future(a.do(command))
        for _ in range(20):
            await asyncio.sleep(0)
        metadata.release_next(verb)
        quick = asyncio.ensure_future(b.do(await self._other(b, other, others, flags)))
        for _ in range(20):
            await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(slow, quick)
        metadata.let_go(verb)
        await self._read_again()
        for each in (a, b):
            await each.learn()

    async def _other(self, told: Told, other: str, among: list[int], flags: frozenset[str]) -> str:
        chosen = self._chosen(told, among)
        if other == "append":
            self.texts += 1
            octets = message_octets(self.texts).decode()
            return f"APPEND {told.box} {{{len(octets)}+}}\r\n{octets}"
        if other == "noop" or not chosen:
            return "NOOP"
        named = self._set(told, chosen, uid=True)
        target = next(name for name in BOXES if name != told.box)
        return {
            "store": f"UID STORE {named} -FLAGS ({' '.join(sorted(flags))})",
            "expunge": f"UID EXPUNGE {named}",
            "move": f"UID MOVE {named} {target}",
        }[other]

    async def _converge(self) -> None:
        if self.away:
            await self._come_back(self.told[2])
        await self._hints_arrive()
        for told in self.told:
            await self._noop(told)
            await self._noop(told)  # what the first one held back while it asked
            if told.box:
                assert told.view.state() == self.model[told.box].state(), told.enabled

    # ---- what is true

    async def _modseqs(self, box: str) -> dict[int, int]:
        await self._hints_arrive_at_observer()
        await self.observer.ok(f"EXAMINE {box}")
        lines = await self.observer.ok("UID FETCH 1:* (UID MODSEQ)") if self.model[box].messages else []
        found = [re.search(r"UID (\d+) MODSEQ \((\d+)\)", line) for line in lines]
        return {int(each[1]): int(each[2]) for each in found if each}

    async def _hints_arrive_at_observer(self) -> None:
        for house in self.houses[:2]:
            for mailbox_id, modseq in house.feed.published:
                self.houses[2].feed.hint(mailbox_id, modseq)

    async def _read_again(self) -> None:
        """The model of both mailboxes, after changes whose order it does not know. No message is lost or made."""
        before = [each.text for box in self.model.values() for each in box.messages.values()]
        for name, box in self.model.items():
            await self._hints_arrive_at_observer()
            lines = await self.observer.ok(f"EXAMINE {name}")
            uid_next = int(re.search(r"\[UIDNEXT (\d+)\]", "\n".join(lines))[1])  # type: ignore[index]
            assert uid_next >= box.uid_next
            box.uid_next, box.messages = uid_next, {}
            for line in await self.observer.ok("UID FETCH 1:* (UID FLAGS BODY.PEEK[TEXT])"):
                match = re.search(r"UID (\d+) FLAGS \(([^)]*)\) .*Body of (\d+)\.", line, re.DOTALL)
                if match:
                    flags = frozenset(match[2].split()) - {"\\Recent"}
                    box.messages[int(match[1])] = Stored(int(match[3]), flags)
        now = [each.text for box in self.model.values() for each in box.messages.values()]
        assert set(now) <= {*before, self.texts}

    def _is_away(self, told: Told) -> bool:
        return self.away and told is self.told[2]

    def _chosen(self, told: Told, among: list[int]) -> list[Message]:
        return [] if self._is_away(told) or not told.box or told.view.unknown() else told.chosen(among)

    def _set(self, told: Told, chosen: list[Message], *, uid: bool) -> str:
        if uid:
            return spelled([message.uid for message in chosen if message.uid is not None])
        return spelled([told.view.messages.index(message) + 1 for message in chosen])


def _changed(flags: frozenset[str], op: str, change: frozenset[str]) -> frozenset[str]:
    return {"": change, "+": flags | change, "-": flags - change}[op]


def _lines(octets: bytes) -> list[str]:
    return octets.decode().split("\r\n")[:-1]


BRIEF = settings(max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck))
LONG = settings(BRIEF, max_examples=2_000, stateful_step_count=60)


def test_sessions_beside_a_model() -> None:
    run_state_machine_as_test(Sessions, settings=BRIEF)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_many_sessions_beside_a_model() -> None:
    run_state_machine_as_test(Sessions, settings=LONG)
