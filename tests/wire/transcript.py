r"""Wire transcripts: dialogues with a running server, as people write them in RFCs.

    # RFC 9051 §6.4.6                       a comment
    C: a1 LOGIN %{user} %{password}         send this line and CRLF
    S: a1 OK %{*}                           the next response must be this
    S+: * FLAGS (%{*})                      consecutive S+ lines may come in any order (S2+: on the second)
    S+: * 3 EXISTS
    C2: b1 NOOP                             a second connection; any number of them
    X: the connection is closed by the server    (X2: likewise)
    T:  upgrade to TLS (after STARTTLS)
    Z: deflate                              compress from here on (after COMPRESS); "Z: plain": no longer

A response is one logical line: its literals are part of it, written with \r\n. `\r \n \t \0 \\ \xHH` are
escapes, in C lines too, so `C: a2 APPEND INBOX {5+}\r\nhello` is one line. In expectations `%{*}` matches anything
(shortest), `%{d}` a number, `%{name}` what an earlier `%{name=d}` or `%{name=*}` captured, or a variable of the run.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.wire import Wire

_STEP = re.compile(r"^(C|S|X|T|Z)(\d*)(\+?):(?: (.*))?$")
_ESCAPE = re.compile(rb"\\(r|n|t|0|\\|x[0-9a-fA-F]{2})")
_HOLE = re.compile(rb"%\{([^}]*)\}")
_TOLD_ONCE = re.compile(rb"^\* (\S+ (EXISTS|RECENT|EXPUNGE)|VANISHED\b)")

PROPAGATION_S = 60.0
"""How long a change may take to another process, whatever the machine is busy with."""


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a transcript: what (C, S, S+, X, T, Z), on which connection, its text, and where it stands."""

    kind: str
    connection: str
    text: bytes
    where: str


def parse(path: Path) -> list[Step]:
    """Raises ValueError naming the line that is neither a step nor a comment."""
    steps = []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _STEP.match(line)
        if not match:
            raise ValueError(f"{path.name}:{number}: not a step: {line!r}")
        steps.append(Step(match[1] + match[3], match[2] or "1", (match[4] or "").encode(), f"{path.name}:{number}"))
    return steps


def unescape(text: bytes) -> bytes:
    plain = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"0": b"\0", b"\\": b"\\"}
    return _ESCAPE.sub(lambda m: plain.get(m[1]) or bytes([int(m[1][1:], 16)]), text)


class _Talk:
    """One connection, and what has been said on it since its last command."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.met: list[Step] = []
        """Expectations that have been met since."""
        self.may_repeat: list[Step] = []
        """Those of them that a command which was sent again may be answered with again."""
        self._command = b""
        self._repeatable_until_s = 0.0

    def send(self, command: bytes, *, repeatable: bool) -> None:
        self.wire.send(command + b"\r\n")
        self._command = command
        self._repeatable_until_s = time.monotonic() + PROPAGATION_S if repeatable else 0.0
        self.met, self.may_repeat = [], []

    def sent_again(self, got: bytes) -> bool:
        """Whether `got`, which nobody expected yet, was the OK of a command that may be sent again, and was."""
        tag = self._command.split(b" ", 1)[0]
        if not got.startswith(tag + b" OK") or time.monotonic() > self._repeatable_until_s:
            return False
        self.wire.send(self._command + b"\r\n")
        self.may_repeat = [step for step in self.met if not _TOLD_ONCE.search(step.text)]
        return True


class Run:
    """Plays one transcript against one server.

    address: where the next connection goes. distributed: another process may serve it than the others, so that what one
    session does reaches another in its own time. Then the first command a session sends after another session's is sent
    again for as long as an expected line is missing when its OK comes. Nothing unexpected is forgiven by that.
    """

    def __init__(
        self, address: Callable[[], tuple[str, int]], variables: Mapping[str, str], *, distributed: bool = False
    ) -> None:
        self._address = address
        self._distributed = distributed
        self._variables = {name: value.encode() for name, value in variables.items()}
        self._talks: dict[str, _Talk] = {}
        self._last_to_send: _Talk | None = None

    def play(self, steps: list[Step]) -> None:
        """Raises AssertionError naming the step that was not met."""
        try:
            at = 0
            while at < len(steps):
                step = steps[at]
                group = [step]
                if step.kind == "S+":
                    while at + len(group) < len(steps) and steps[at + len(group)].kind == "S+":
                        group.append(steps[at + len(group)])
                self._play(step, group)
                at += len(group)
        finally:
            for talk in self._talks.values():
                talk.wire.close()

    def _talk(self, name: str) -> _Talk:
        if name not in self._talks:
            self._talks[name] = _Talk(Wire(self._address()))
        return self._talks[name]

    def _play(self, step: Step, group: list[Step]) -> None:
        talk = self._talk(step.connection)
        if step.kind == "C":
            switched = self._last_to_send not in (None, talk)
            talk.send(self._fill(unescape(step.text)), repeatable=self._distributed and switched)
            self._last_to_send = talk
        elif step.kind == "T":
            talk.wire.start_tls()
        elif step.kind == "Z":
            talk.wire.compress(step.text == b"deflate")
        elif step.kind == "X":
            rest = talk.wire.response()
            assert rest is None, f"{step.where}: expected the end of the connection, got {rest!r}"
        else:
            waiting = list(group)
            while waiting:
                got = talk.wire.response()
                assert got is not None, f"{waiting[0].where}: connection closed, expected {waiting[0].text!r}"
                met = next((s for s in waiting if self._matches(s.text, got)), None)
                if met is None and (talk.sent_again(got) or any(self._matches(s.text, got) for s in talk.may_repeat)):
                    continue
                expected = " or ".join(repr(self._fill(s.text)) for s in waiting)
                assert met is not None, f"{step.where}: expected {expected}\n    got {got!r}"
                waiting.remove(met)
                talk.met.append(met)

    def _fill(self, text: bytes) -> bytes:
        return _HOLE.sub(lambda m: self._variables.get(m[1].decode(), m[0]), text)

    def _matches(self, text: bytes, got: bytes) -> bool:
        pattern = b""
        at = 0
        captured: list[str] = []
        for hole in _HOLE.finditer(text):
            pattern += re.escape(unescape(text[at : hole.start()]))
            name, _, kind = hole[1].decode().partition("=")
            if kind:
                captured.append(name)
                pattern += b"(?P<%s>%s)" % (name.encode(), rb"\d+" if kind == "d" else b".*?")
            elif name in ("*", "d"):
                pattern += b".*?" if name == "*" else rb"\d+"
            else:
                assert name in self._variables, f"nothing was captured as {name!r}"
                pattern += re.escape(self._variables[name])
            at = hole.end()
        pattern += re.escape(unescape(text[at:]))
        match = re.fullmatch(pattern, got, re.DOTALL)
        if match:
            self._variables.update({name: match[name] for name in captured})
        return match is not None
