"""What the machine tells the shell, and what it must know beforehand."""

from __future__ import annotations

from dataclasses import dataclass

from lightmail.lmtp.grammar import Path


@dataclass(frozen=True, slots=True)
class Limits:
    message_octets: int
    recipients: int


@dataclass(frozen=True, slots=True)
class Sender:
    """MAIL FROM. size_octets: as declared, 0 when it was not. utf8: SMTPUTF8 was asked for."""

    path: Path
    size_octets: int = 0
    utf8: bool = False


@dataclass(frozen=True, slots=True)
class RecipientOffered:
    """RCPT TO."""

    path: Path


@dataclass(frozen=True, slots=True)
class MessageStarted:
    """DATA, or the first BDAT; at least one recipient has been accepted."""

    sender: Sender


@dataclass(frozen=True, slots=True)
class MessageOctets:
    """The next octets of the message, never none."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class MessageEnded:
    """All of the message has been seen; it has at least one octet."""


@dataclass(frozen=True, slots=True)
class MessageAborted:
    """What MessageStarted began will not end: forget it."""


@dataclass(frozen=True, slots=True)
class Breather:
    """Many commands have been answered in a row: send the replies, and let others have their turn."""


@dataclass(frozen=True, slots=True)
class Closing:
    """Send what is to be sent, forget a message on its way, then close. No event follows."""


Event = RecipientOffered | MessageStarted | MessageOctets | MessageEnded | MessageAborted | Breather | Closing
