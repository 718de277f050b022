"""Several sessions on one mailbox, each beside a naive client that believes only what it is told.

Whatever the sessions do, in whatever order: sequence numbers, UIDs and flags as told are those that are (RFC 9051 §5.2,
§7.5.1), and who comes back with QRESYNC ends in the same state (RFC 7162 §3.2.5).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.aio import run
from tests.support.view import Message, View, numbers, spelled
from tests.unit.imap.client import Client
from tests.unit.mail.house import House, message_octets

FLAGS = ("\\Seen", "\\Flagged", "\\Deleted", "$Work")
CLIENTS = 3


@dataclass
class Naive:
    """A client: its view is changed by responses alone (and by its own STORE .SILENT)."""

    client: Client
    view: View = field(default_factory=View)

    @property
    def messages(self) -> list[Message]:
        return self.view.messages

    def hear(self, lines: list[str]) -> None:
        for line in lines:
            self.view.hear(line)

    async def do(self, command: str) -> str:
        *untagged, tagged = await self.client.do(command)
        self.hear(untagged)
        return tagged

    async def learn(self) -> None:
        """Ask for what is new, as a client does after EXISTS."""
        if unknown := self.view.unknown():
            tagged = await self.do(f"FETCH {spelled(unknown)} (UID FLAGS)")
            assert tagged.startswith("tag OK")

    async def store(self, seqs: list[int], op: str, flags: list[str], *, silent: bool, uid: bool) -> None:
        sign = {"set": "", "add": "+", "remove": "-"}[op]
        chosen = [self.messages[seq - 1] for seq in seqs]
        named = ",".join(str(message.uid) if uid else str(seq) for seq, message in zip(seqs, chosen, strict=True))
        command = f"{'UID ' if uid else ''}STORE {named} {sign}FLAGS{'.SILENT' if silent else ''} ({' '.join(flags)})"
        before = {id(message): message.flags for message in chosen}
        *untagged, tagged = await self.client.do(command)
        assert tagged.startswith(("tag OK", "tag NO [EXPUNGEISSUED]")), tagged
        # Where nothing is told, a silent client counts on its own change.
        for message in chosen:
            if silent and message.flags is not None:
                change = frozenset(flags)
                message.flags = {
                    "set": change,
                    "add": message.flags | change,
                    "remove": message.flags - change,
                }[op]
        self.hear(untagged)
        assert all(id(message) in before for message in chosen)


STEP = st.tuples(
    st.integers(0, CLIENTS - 1),
    st.sampled_from(
        [
            "append",
            "append",
            "store",
            "store",
            "store",
            "read",
            "expunge",
            "uid expunge",
            "copy",
            "move",
            "noop",
            "search",
        ]
    ),
    st.lists(st.integers(0, 30), min_size=1, max_size=4),
    st.lists(st.sampled_from(FLAGS), min_size=1, max_size=2, unique=True),
    st.sampled_from(["set", "add", "remove"]),
    st.booleans(),
    st.booleans(),
)
Step = tuple[int, str, list[int], list[str], str, bool, bool]


async def take(naive: Naive, step: Step, number: int) -> None:
    _, verb, picks, flags, op, silent, uid = step
    seqs = sorted({pick % len(naive.messages) + 1 for pick in picks}) if naive.messages else []
    written = ",".join(str(naive.messages[seq - 1].uid if uid else seq) for seq in seqs)
    prefix = "UID " if uid else ""
    if verb == "append":
        octets = message_octets(number).decode()
        await naive.do(f"APPEND INBOX ({' '.join(flags)}) {{{len(octets)}+}}\r\n{octets}")
    elif verb == "noop":
        await naive.do("NOOP")
    elif verb == "expunge":
        await naive.do("EXPUNGE")
    elif not seqs:
        return
    elif verb == "store":
        await naive.store(seqs, op, flags, silent=silent, uid=uid)
    elif verb == "read":
        await naive.do(f"{prefix}FETCH {written} (UID BODY[TEXT])")
    elif verb == "uid expunge":
        await naive.do(f"UID EXPUNGE {','.join(str(naive.messages[seq - 1].uid) for seq in seqs)}")
    elif verb == "copy":
        await naive.do(f"{prefix}COPY {written} INBOX")
    elif verb == "move":
        await naive.do(f"{prefix}MOVE {written} Trash")
    elif verb == "search":
        await naive.do(f"{prefix}SEARCH {flags[0].removeprefix(chr(92)) if flags[0] != '$Work' else 'KEYWORD $Work'}")


async def truth(house: House) -> list[tuple[int | None, frozenset[str] | None]]:
    naive = Naive(Client(house))
    await naive.do("EXAMINE INBOX")
    await naive.learn()
    return naive.view.state()


async def enabled(house: House, number: int) -> Naive:
    """A plain client, one with CONDSTORE, one with QRESYNC."""
    naive = Naive(Client(house))
    if number:
        await naive.client.ok("ENABLE CONDSTORE" if number == 1 else "ENABLE QRESYNC")
    await naive.do("SELECT INBOX")
    await naive.learn()
    return naive


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEP, min_size=10, max_size=40))
def test_what_is_told_is_what_is(steps: list[Step]) -> None:
    async def scenario() -> None:
        house = await House.build()
        await house.inbox(messages=4)
        naives = [await enabled(house, number) for number in range(CLIENTS)]
        for number, step in enumerate(steps):
            naive = naives[step[0]]
            await take(naive, step, number)
            await naive.learn()
        expected = await truth(house)
        for naive in naives:
            await naive.do("NOOP")
            await naive.learn()
            assert naive.view.state() == expected
            await naive.client.lose()
        await house.close()

    run(scenario())


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEP, max_size=12), st.lists(STEP, min_size=5, max_size=20))
def test_who_comes_back_ends_in_the_same_state(before: list[Step], after: list[Step]) -> None:
    async def scenario() -> None:
        house = await House.build()
        await house.inbox(messages=4)
        worker = await enabled(house, 0)
        for number, step in enumerate(before):
            await take(worker, step, number)
            await worker.learn()
        visitor = Naive(Client(house))
        await visitor.client.ok("ENABLE QRESYNC")
        answer = await visitor.client.ok("SELECT INBOX")
        visitor.hear(answer)
        await visitor.learn()
        values = dict(re.findall(r"\[(UIDVALIDITY|HIGHESTMODSEQ) (\d+)\]", "\n".join(answer)))
        for number, step in enumerate(after):
            await take(worker, step, number)
            await worker.learn()
        # The view of this session never heard of it: what follows is all from VANISHED (EARLIER) and FETCH.
        known = {message.uid: message.flags for message in visitor.messages}
        await visitor.client.lose()
        again = Client(house)
        await again.ok("ENABLE QRESYNC")
        for line in await again.ok(f"SELECT INBOX (QRESYNC ({values['UIDVALIDITY']} {values['HIGHESTMODSEQ']}))"):
            if match := re.match(r"\* VANISHED \(EARLIER\) ([\d:,]+)$", line):
                for uid in numbers(match[1]):
                    known.pop(uid, None)
            elif match := re.match(r"\* \d+ FETCH \(UID (\d+) FLAGS \(([^)]*)\)", line):
                known[int(match[1])] = frozenset(match[2].split()) - {"\\Recent"}
        assert sorted(known.items(), key=lambda item: item[0] or 0) == await truth(house)
        await house.close()

    run(scenario())
