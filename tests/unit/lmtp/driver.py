"""A shell without sockets: feeds the machine and answers its questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lightmail.lmtp import replies
from lightmail.lmtp.events import (
    Closing,
    Event,
    Limits,
    MessageAborted,
    MessageEnded,
    MessageOctets,
    MessageStarted,
    RecipientOffered,
)
from lightmail.lmtp.grammar import Path
from lightmail.lmtp.protocol import Machine
from lightmail.lmtp.replies import Reply

GREETING = b"220 mx.example LMTP\r\n"
LHLO = b"LHLO client.example\r\n"
ENVELOPE = LHLO + b"MAIL FROM:<chris@bar.com>\r\nRCPT TO:<pat@foo.edu>\r\n"


def everybody(path: Path) -> Reply | None:
    return None


def delivered_to_all(recipients: Sequence[str]) -> list[Reply]:
    return [replies.DELIVERED for _ in recipients]


class Driver:
    """recipient: None accepts. deliver: the outcome for each accepted recipient."""

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        recipient: Callable[[Path], Reply | None] = everybody,
        deliver: Callable[[Sequence[str]], list[Reply]] = delivered_to_all,
    ) -> None:
        self.machine = Machine("mx.example", limits or Limits(message_octets=100_000, recipients=10))
        self.recipient = recipient
        self.deliver = deliver
        self.events: list[Event] = []
        self.recipients: list[str] = []
        self.messages: list[bytes] = []
        self.aborted = 0
        self.message: bytes | None = None
        self.closed = False
        assert self.machine.take_output() == GREETING

    def send(self, octets: bytes) -> bytes:
        """What the machine says to these octets."""
        self.machine.feed(octets)
        while (event := self.machine.next_event()) is not None:
            assert not self.closed, "an event after Closing"
            self.events.append(event)
            self._handle(event)
        return self.machine.take_output()

    def send_codes(self, octets: bytes) -> list[int]:
        """Only the reply codes, one per line."""
        return [int(line[:3]) for line in self.send(octets).splitlines()]

    def _handle(self, event: Event) -> None:
        match event:
            case RecipientOffered(path):
                refusal = self.recipient(path)
                if refusal is None:
                    if self.machine.accept_recipient() == 1:
                        self.recipients.clear()
                    self.recipients.append(path.text)
                else:
                    self.machine.refuse_recipient(refusal)
            case MessageStarted():
                assert self.message is None
                self.message = b""
            case MessageOctets(octets):
                assert self.message is not None
                assert octets
                self.message += octets
            case MessageAborted():
                assert self.message is not None
                self.message = None
                self.aborted += 1
            case MessageEnded():
                assert self.message
                self.messages.append(self.message)
                self.message = None
                self.machine.delivered(self.deliver(self.recipients))
            case Closing():
                self.closed = True
