"""One IMAP client of a mixed load: does what its dice say, believes only what it is told, and holds the server to it."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from tests.support.async_imap import AsyncImap
from tests.support.ledger import Box, Ledger
from tests.support.sealed import opened, sealed
from tests.support.view import Message, View, numbers, spelled

MAILBOXES = ("INBOX", "Archive")
"""Each client has one of them selected. In INBOX nobody takes KEPT away; in Archive flags are replaced as well."""
KEPT = ("$kept1", "$kept2", "$kept3")
FLAGS = ("\\Seen", "\\Answered", "\\Flagged", "\\Draft", "$work", "$later")

LITTLE_S = 0.2
"""How long an IDLE lasts that hears of nothing."""

_APPENDUID = re.compile(r"\[APPENDUID (\d+) ([\d:,]+)\]")
_COPYUID = re.compile(r"\[COPYUID (\d+) ([\d:,]+) ([\d:,]+)\]")
_VALUES = re.compile(r"\b(UIDVALIDITY|UIDNEXT|HIGHESTMODSEQ|MESSAGES) (\d+)")
_LITERAL = re.compile(rb"BODY\[\] \{(\d+)\}\r\n")

Weights = dict[str, int]
WEIGHTS: Weights = {
    "append": 16,
    "store": 26,
    "copy": 8,
    "move": 6,
    "remove": 7,
    "read": 12,
    "noop": 8,
    "wait": 5,
    "status": 4,
    "search": 3,
    "reselect": 3,
}


class Listener(Protocol):
    """A server, and where it listens now: host and port. Raises ConnectionError when it does not."""

    @property
    def imap(self) -> tuple[str, int]: ...

    @property
    def lmtp(self) -> tuple[str, int]: ...


class MixedClient:
    """kind: "plain", "CONDSTORE" or "QRESYNC". Methods raise AssertionError when the server contradicts itself or the
    protocol. What it refuses is written into the ledger; BAD is never right. lasting: when the connection is lost it
    comes back as a client of its kind does; otherwise they raise ConnectionError.
    """

    def __init__(
        self,
        ledger: Ledger,
        account: tuple[str, str],
        mailbox: str,
        kind: str,
        chance: random.Random,
        name: str,
        *,
        lasting: bool = False,
    ) -> None:
        self.view = View()
        self.kind = kind
        self.news = asyncio.Event()
        """Set when something untagged has come, and by whoever wants the client to look up."""
        self._ledger = ledger
        self._account = account
        self._mailbox = mailbox
        self._chance = chance
        self._name = name
        self._made = 0
        self._held: list[bytes] | None = None
        self._untagged: list[str] = []
        self._refusal = ""
        self._uid_validity: dict[str, int] = {}
        self._imap: AsyncImap | None = None
        self._node: Listener | None = None
        self._lasting = lasting
        self._synchronized = 0
        """The MODSEQ of a moment of which all was known."""

    @property
    def box(self) -> Box:
        return self._box(self._mailbox)

    # ---- life

    async def begin(self, node: Listener) -> None:
        """Connect, log in, select."""
        self._node = node
        assert await self._logged_in(), self._refusal
        for name in MAILBOXES:
            self._uid_validity[name] = (await self._status(name, floor=0))["UIDVALIDITY"]
        assert await self._selected(), self._refusal

    async def end(self) -> None:
        if self._imap is not None:
            await self._imap.close()

    async def step(self) -> None:
        """One turn of the dice."""
        await self._to_last(self._throw)

    async def idle_until(self, over: Callable[[], bool]) -> None:
        """Wait as most clients of a real server do, and fetch what is new."""

        async def turn() -> None:
            await self._idle(lambda: over() or bool(self._unknown()))
            await self.learn()

        while not over():
            await self._to_last(turn)

    async def look(self) -> None:
        """Hear what is new, and fetch it."""

        async def turn() -> None:
            await self.noop()
            await self.learn()

        await self._to_last(turn)

    async def _to_last(self, turn: Callable[[], Awaitable[None]]) -> None:
        try:
            await turn()
        except ConnectionError:
            if not self._lasting:
                raise
            while not await self._back():  # noqa: ASYNC110  a server that is away has no event for it
                await asyncio.sleep(LITTLE_S)

    async def _back(self) -> bool:
        """Whether it is: with what it knew, where its kind can."""
        self._held = None
        try:
            await self.end()
            if not await self._logged_in():
                return False
            return await (self._resumed(anew=True) if self.kind == "QRESYNC" else self._selected())
        except ConnectionError:
            return False

    async def _logged_in(self) -> bool:
        assert self._node is not None
        self._imap = await AsyncImap.connect(self._node.imap, self._heard)
        user, password = self._account
        enable = [] if self.kind == "plain" else [f"ENABLE {self.kind}"]
        for command in (f'LOGIN "{user}" "{password}"', *enable):
            if await self._do(command) is None:
                return False
        return True

    async def _throw(self) -> None:
        verbs: dict[str, Callable[[], Awaitable[None]]] = {
            "append": self._append,
            "store": self._store,
            "copy": self._copy,
            "move": self._move,
            "remove": self._remove,
            "read": self._read,
            "noop": self.noop,
            "wait": self._wait,
            "status": self._look_at_status,
            "search": self._search,
            "reselect": self._reselect,
        }
        verb = self._chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        await verbs[verb]()
        await self.learn()

    async def noop(self) -> None:
        await self._do("NOOP")

    async def learn(self) -> None:
        """Ask for what is new, as a client does after EXISTS."""
        if unknown := self._unknown():
            modseq = "" if self.kind == "plain" else " MODSEQ"
            await self._do(f"FETCH {spelled(unknown)} (UID FLAGS{modseq} BODY.PEEK[HEADER.FIELDS (SUBJECT)])")

    def difference(self, truth: Sequence[Message]) -> str:
        """How the view differs from what a fresh session sees; "" when it does not."""
        if again := self.view.gone & {message.uid for message in truth}:
            return f"told to be gone, and there: {sorted(again)[:5]}"
        mine = [(message.uid, message.subject, message.flags) for message in self.view.messages]
        true = [(message.uid, message.subject, message.flags) for message in truth]
        if mine != true:
            wrong = [pair for pair in zip(mine, true, strict=False) if pair[0] != pair[1]]
            return f"{len(mine)} and {len(true)} messages; the first of (mine, true) that differ: {wrong[:3]}"
        for here, there in zip(self.view.messages, truth, strict=True):
            if here.modseq is not None and here.modseq != there.modseq:
                return f"UID {here.uid}: MODSEQ {here.modseq}, and {there.modseq}"
        return ""

    # ---- what it does

    async def _append(self) -> None:
        target = self._chance.choice(MAILBOXES)
        flags = self._chance.sample(FLAGS, self._chance.randint(0, 2))
        if target == "INBOX" and self._chance.random() < 0.3:
            flags.append(self._chance.choice(KEPT))
        self._made += 1
        padding = "-" + "x" * 60 if self._chance.random() < 0.05 else ""
        subject = f"{self._name}-{self._made}{padding}"
        octets = sealed(subject)
        command = b"APPEND %s (%s) {%d+}\r\n%s" % (target.encode(), " ".join(flags).encode(), len(octets), octets)
        self._ledger.tries((self._account[0], target), [subject])
        if answer := await self._do(command):
            self._ledger.has_done((self._account[0], target), [subject])
            match = _APPENDUID.search(answer)
            assert match, answer
            assert int(match[1]) == self._uid_validity[target]
            self._ledger.store(self._box(target), [int(match[2])], [subject])
            if kept := set(flags) & set(KEPT):
                self._ledger.kept_flags[self._box(target)][int(match[2])] |= kept

    async def _store(self) -> None:
        if not (chosen := self._some(4)):
            return
        replace = self._mailbox != "INBOX" and self._chance.random() < 0.2
        sign = "" if replace else self._chance.choice("++-")
        flags = set(self._chance.sample(FLAGS, self._chance.randint(1, 2)))
        if sign == "+" and self._mailbox == "INBOX" and self._chance.random() < 0.4:
            flags.add(self._chance.choice(KEPT))
        silent = self._chance.random() < 0.3
        condition = ""
        if self.kind != "plain" and not silent and self._chance.random() < 0.2:
            condition = f"(UNCHANGEDSINCE {max(message.modseq or 1 for message in chosen)}) "
        by_uid = self._chance.random() < 0.7
        named = self._uids(chosen) if by_uid else spelled(self._sequence_numbers(chosen))
        command = f"{'UID ' if by_uid else ''}STORE {named} {condition}{sign}FLAGS"
        command += f"{'.SILENT' if silent else ''} ({' '.join(flags)})"
        if silent:
            self._held = []
        answer = await self._do(command)
        if silent:
            done = answer is not None or "[EXPUNGEISSUED]" in self._refusal  # the others were changed
            self._count_on(chosen, sign, frozenset(flags), done=done)
        if answer and not condition:
            for message in chosen:
                if kept := flags & set(KEPT):
                    assert message.uid is not None
                    self._ledger.kept_flags[self.box][message.uid] |= kept

    async def _copy(self) -> None:
        if chosen := self._some(3):
            target = self._chance.choice(MAILBOXES)
            self._try(target, chosen)
            if answer := await self._do(f"UID COPY {self._uids(chosen)} {target}"):
                self._done(target, chosen)
                if match := _COPYUID.search(answer):
                    self._copied(target, match)

    async def _move(self) -> None:
        if chosen := self._some(2):
            target = next(name for name in MAILBOXES if name != self._mailbox)
            self._ledger.doom(self.box, chosen)
            self._try(target, chosen)
            if await self._do(f"UID MOVE {self._uids(chosen)} {target}"):
                self._done(target, chosen)
                for line in self._untagged:
                    if match := _COPYUID.search(line):
                        self._copied(target, match)

    async def _remove(self) -> None:
        if chosen := self._some(3):
            self._ledger.doom(self.box, chosen)
            uids = self._uids(chosen)
            if await self._do(f"UID STORE {uids} +FLAGS (\\Deleted)"):
                await self._do("EXPUNGE" if self._chance.random() < 0.3 else f"UID EXPUNGE {uids}")

    async def _read(self) -> None:
        """The octets are checked as they come."""
        if chosen := self._some(3):
            item = "BODY[]" if self._chance.random() < 0.3 else "BODY.PEEK[]"
            await self._do(f"UID FETCH {self._uids(chosen)} {item}")

    async def _wait(self) -> None:
        self.news.clear()
        await self._idle(lambda: self.news.is_set(), LITTLE_S)

    async def _look_at_status(self) -> None:
        await self._status(self._chance.choice(MAILBOXES))

    async def _search(self) -> None:
        known = {message.uid for message in self.view.messages}
        if await self._do("UID SEARCH UNDELETED NOT KEYWORD $nobody"):
            (found,) = [line for line in self._untagged if line.startswith("* SEARCH")]
            known |= {message.uid for message in self.view.messages}
            uids = {int(word) for word in found.partition("(")[0].split()[2:]}
            assert uids <= known or None in known, f"SEARCH tells of unknown messages: {uids - known}"

    async def _reselect(self) -> None:
        """Come back with what is known (RFC 7162 §3.2.5)."""
        if self.kind != "QRESYNC" or await self._do("NOOP") is None or self._unknown() or not self.view.messages:
            return
        # NOOP has told of every expunge up to here; a FETCH may tell of later states and keep earlier expunges back.
        self._synchronized = max(message.modseq or 1 for message in self.view.messages)
        if not await self._resumed():
            # After a SELECT that failed nothing is selected (RFC 9051 §6.3.2).
            while not await self._selected():  # noqa: ASYNC110  the server has no event for it
                await asyncio.sleep(LITTLE_S)

    async def _resumed(self, *, anew: bool = False) -> bool:
        floor = self._ledger.highest(self.box)
        known = f"{self._uid_validity[self._mailbox]} {self._synchronized}"
        self.view.come_back(anew=anew)
        if await self._do(f"SELECT {self._mailbox} (QRESYNC ({known}))") is None:
            return False
        modseq = self._described(floor)
        self.view.came_back()
        await self.learn()
        self._synchronized = modseq
        return True

    async def _selected(self) -> bool:
        """With nothing known."""
        floor = self._ledger.highest(self.box)
        self.view = View(gone=self.view.gone)
        if await self._do(f"SELECT {self._mailbox}") is None:
            return False
        modseq = self._described(floor)
        await self.learn()
        self._synchronized = modseq
        return True

    def _described(self, floor: int) -> int:
        """HIGHESTMODSEQ, as SELECT has told it."""
        told = {key: int(value) for key, value in _VALUES.findall("\n".join(self._untagged))}
        assert told["HIGHESTMODSEQ"] >= floor, f"{self.box} went back from {floor} to {told['HIGHESTMODSEQ']}"
        assert told["UIDVALIDITY"] == self._uid_validity[self._mailbox]
        return told["HIGHESTMODSEQ"]

    # ---- how it asks

    async def _do(self, command: str | bytes) -> str | None:
        """The tagged response; None when it is NO. Afterwards `_untagged` holds what came before it and was no FETCH."""
        assert self._imap is not None
        octets = command.encode() if isinstance(command, str) else command
        word = octets.removeprefix(b"UID ").split(b" ", 1)[0].decode()
        self._untagged = []
        answer = await self._imap.command(octets)
        assert answer.startswith(("OK", "NO")), f"{octets[:200]!r}: {answer}"
        if answer.startswith("OK"):
            self._ledger.answered(word)
            return answer
        self._ledger.refused(word, answer)
        self._refusal = answer
        return None

    async def _idle(self, enough: Callable[[], bool], timeout_s: float | None = None) -> None:
        assert self._imap is not None
        answer = await self._imap.idle()
        answer.add_done_callback(lambda _: self.news.set())
        try:
            async with asyncio.timeout(timeout_s):
                while not enough() and not answer.done():
                    self.news.clear()
                    await self.news.wait()
        except TimeoutError:
            pass
        finally:
            self._imap.done()
        ended = await answer
        assert ended.startswith("OK"), ended
        self._ledger.answered("IDLE")

    async def _status(self, name: str, *, floor: int | None = None) -> dict[str, int]:
        """Never behind what anyone has been told."""
        if floor is None:
            floor = self._ledger.highest(self._box(name))
        if not await self._do(f"STATUS {name} (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ)"):
            return {"HIGHESTMODSEQ": floor}
        (line,) = [line for line in self._untagged if line.startswith("* STATUS")]
        told = {key: int(value) for key, value in _VALUES.findall(line)}
        assert told["HIGHESTMODSEQ"] >= floor, f"{name} went back from {floor} to {told['HIGHESTMODSEQ']}"
        return told

    # ---- what it hears

    def _heard(self, octets: bytes) -> None:
        if self._held is not None:
            self._held.append(octets)
        else:
            self._take(octets)
        self.news.set()

    def _take(self, octets: bytes) -> None:
        line = octets.decode("latin-1")
        message = self.view.hear(line)
        if message is None:
            self._untagged.append(line)
            return
        self._ledger.told(self.box, message, whole="FLAGS (" in line and "MODSEQ (" in line)
        if body := _LITERAL.search(octets):
            subject = opened(octets[body.end() : body.end() + int(body[1])])
            assert message.subject in (None, subject), f"UID {message.uid} is {message.subject}, its body is {subject}"

    def _count_on(self, chosen: list[Message], sign: str, flags: frozenset[str], *, done: bool) -> None:
        """After STORE .SILENT: own changes count, then what was told meanwhile."""
        held, self._held = self._held or [], None
        for message in chosen if done else ():
            assert message.flags is not None
            message.flags = {"": flags, "+": message.flags | flags, "-": message.flags - flags}[sign]
        for octets in held:
            self._take(octets)

    def _copied(self, target: str, match: re.Match[str]) -> None:
        assert int(match[1]) == self._uid_validity[target]
        pairs = zip(numbers(match[2]), numbers(match[3]), strict=True)
        self._ledger.copied(self.box, self._box(target), pairs)

    def _try(self, target: str, chosen: list[Message]) -> None:
        self._ledger.tries((self._account[0], target), [message.subject or "" for message in chosen])

    def _done(self, target: str, chosen: list[Message]) -> None:
        self._ledger.has_done((self._account[0], target), [message.subject or "" for message in chosen])

    # ---- small things

    def _box(self, name: str) -> Box:
        return (self._account[0], name, self._uid_validity[name])

    def _unknown(self) -> list[int]:
        return [
            seq
            for seq, message in enumerate(self.view.messages, start=1)
            if message.uid is None or message.flags is None or message.subject is None
        ]

    def _some(self, most: int) -> list[Message]:
        """Messages of which all is known, in sequence order."""
        known = [m for m in self.view.messages if m.uid is not None and m.flags is not None and m.subject is not None]
        chosen = self._chance.sample(known, min(len(known), self._chance.randint(1, most)))
        return sorted(chosen, key=lambda message: message.uid or 0)

    def _sequence_numbers(self, chosen: list[Message]) -> list[int]:
        return [self.view.messages.index(message) + 1 for message in chosen]

    def _uids(self, chosen: list[Message]) -> str:
        return spelled([message.uid for message in chosen if message.uid is not None])
