"""Replies of the server, and the one place that turns conditions into them.

A reply has a code of RFC 5321 §4.2 and an enhanced status code (RFC 2034, RFC 3463).
"""

from __future__ import annotations

from dataclasses import dataclass

from lightmail.errors import (
    AccountDisabled,
    EmptyMessage,
    LightMailError,
    OverQuota,
    TooBig,
    Unavailable,
    UserNotFound,
)


@dataclass(frozen=True, slots=True)
class Reply:
    """One line. status: "" where RFC 2034 §3 wants none (greeting, LHLO, 3xx)."""

    code: int
    status: str
    text: str

    def __bytes__(self) -> bytes:
        return f"{self.code} {self.status}{' ' if self.status else ''}{self.text}\r\n".encode("utf-8", "replace")


OK = Reply(250, "2.0.0", "OK")
SENDER_OK = Reply(250, "2.1.0", "sender OK")
RECIPIENT_OK = Reply(250, "2.1.5", "recipient OK")
START_MAIL_INPUT = Reply(354, "", "end the message with <CR LF>.<CR LF>")
DELIVERED = Reply(250, "2.1.5", "delivered")
BYE = Reply(221, "2.0.0", "bye")
CANNOT_VERIFY = Reply(252, "2.5.0", "send the mail, its delivery will tell")
NOT_LMTP = Reply(500, "5.5.1", "this is LMTP: say LHLO (RFC 2033 4.1)")
UNKNOWN_COMMAND = Reply(500, "5.5.2", "unknown command")
NOT_IMPLEMENTED = Reply(502, "5.5.1", "not implemented")
NOT_TRUSTED = Reply(550, "5.7.0", "you may not speak for others")
LINE_TOO_LONG = Reply(500, "5.5.6", "the command line is too long")
BARE_LINE_FEED = Reply(500, "5.5.2", "a command line ends with CR LF")
TOO_MANY_ERRORS = Reply(421, "4.7.0", "too many errors, closing")
SHUTTING_DOWN = Reply(421, "4.3.2", "the server is shutting down, try again")
TIMED_OUT = Reply(421, "4.4.2", "timed out, closing")
INTERNAL_CLOSING = Reply(421, "4.3.0", "internal error, closing")
TOO_MANY_CONNECTIONS = Reply(421, "4.3.2", "too many connections, try again")
NO_RECIPIENTS = Reply(503, "5.5.1", "no valid recipients")
TOO_MANY_RECIPIENTS = Reply(452, "4.5.3", "too many recipients, send them in another transaction")
TOO_BIG = Reply(552, "5.3.4", "the message is too big")
EMPTY = Reply(554, "5.6.0", "a message of zero octets cannot be stored")
NO_SUCH_USER = Reply(550, "5.1.1", "no such user here")
DISABLED = Reply(550, "5.2.1", "the account is disabled")
OVER_QUOTA = Reply(552, "5.2.2", "the mailbox is full")
OVER_QUOTA_NOW = Reply(452, "4.2.2", "the mailbox is full, try again later")
UNAVAILABLE = Reply(451, "4.3.0", "temporarily unavailable, try again")
INTERNAL = Reply(451, "4.3.0", "internal error, try again")


def sequence(text: str) -> Reply:
    """Bad sequence of commands."""
    return Reply(503, "5.5.1", text)


def reply_for(error: Exception, *, defer_over_quota: bool = False) -> Reply:
    """What the client is told of a condition. defer_over_quota: whoever has no room may have some later.
    Temporary unless it is certain that trying again cannot help: nobody's
    mail bounces because of a fault of ours.
    """
    match error:
        case UserNotFound():
            return NO_SUCH_USER
        case AccountDisabled():
            return DISABLED
        case OverQuota():
            return OVER_QUOTA_NOW if defer_over_quota else OVER_QUOTA
        case TooBig():
            return TOO_BIG
        case EmptyMessage():
            return EMPTY
        case Unavailable():
            return UNAVAILABLE
        case LightMailError() if error.retryable:
            return UNAVAILABLE
        case _:
            return INTERNAL
