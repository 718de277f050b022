"""The one place where a condition becomes NO, BAD or BYE and a response code (RFC 9051 §7.1, RFC 5530).

What the user did is told to the user. What the system did is logged under an id, and told as that id: in full, unless
it is something that is away, which many commands may meet in a second; those share a line and its id.
"""

from __future__ import annotations

import secrets

import structlog

from lightmail import errors
from lightmail._core import CorePanic
from lightmail._core.index import BadCharset, BadSet
from lightmail._core.mime import UnknownEncoding
from lightmail.imap.replies import Done
from lightmail.obs.troubles import troubles

_log = structlog.get_logger("lightmail.imap")

CODES: dict[type[Exception], bytes] = {
    errors.MailboxNotFound: b"NONEXISTENT",
    errors.MailboxExists: b"ALREADYEXISTS",
    errors.MailboxNameInvalid: b"CANNOT",
    errors.MailboxNotSelectable: b"CANNOT",
    errors.MailboxHasChildren: b"HASCHILDREN",
    errors.NoRight: b"NOPERM",
    errors.IdentifierRefused: b"CANNOT",
    errors.InboxUndeletable: b"CANNOT",
    errors.NoComparator: b"BADCOMPARATOR",
    errors.SpecialUseRefused: b"USEATTR",
    errors.AuthenticationFailed: b"AUTHENTICATIONFAILED",
    errors.NetworkRefused: b"AUTHENTICATIONFAILED",
    errors.PolicyRefused: b"AUTHENTICATIONFAILED",
    errors.TooManyLogins: b"UNAVAILABLE",
    errors.NetworkRefused: b"AUTHENTICATIONFAILED",
    errors.PolicyRefused: b"AUTHENTICATIONFAILED",
    errors.AuthorizationFailed: b"AUTHORIZATIONFAILED",
    errors.AccountDisabled: b"CONTACTADMIN",
    errors.PrivacyRequired: b"PRIVACYREQUIRED",
    errors.TooBig: b"TOOBIG",
    errors.LimitExceeded: b"LIMIT",
    errors.TooManyMessages: b"MESSAGELIMIT",
    errors.TooManyAnnotations: b"METADATA TOOMANY",
    errors.OverQuota: b"OVERQUOTA",
    errors.NotPermitted: b"NOPERM",
    errors.ReadOnly: b"READ-ONLY",
    errors.MessageNotFound: b"NONEXISTENT",
    errors.ExpungedMeanwhile: b"EXPUNGEISSUED",
    errors.EmptyMessage: b"CANNOT",
    errors.UrlRefused: b"BADURL",
    errors.FilterNotFound: b"UNDEFINED-FILTER",
    errors.FilterRefused: b"CANNOT",
    errors.FilterCharset: b"BADCHARSET (US-ASCII UTF-8)",
    errors.Unavailable: b"UNAVAILABLE",
    errors.NeedsOperator: b"UNAVAILABLE",
    errors.KeyUnusable: b"UNAVAILABLE",
    errors.UserQueryFailed: b"UNAVAILABLE",
    errors.StoreReadOnly: b"UNAVAILABLE",
    errors.StoreSealed: b"UNAVAILABLE",
    errors.OutcomeUnknown: b"UNAVAILABLE",
    errors.BodyMissing: b"UNAVAILABLE",
    errors.BodyCorrupt: b"CORRUPTION",
    UnknownEncoding: b"UNKNOWN-CTE",
    BadCharset: b"BADCHARSET (US-ASCII UTF-8)",
}
"""Code by type, the nearest base class first; UserErrors without an entry are answered without a code."""

TOLD = (errors.UserError, BadCharset, UnknownEncoding)
"""Conditions whose own words go to the client."""

BAD = (BadSet, errors.FilterCharset)
"""Those of them that are BAD (RFC 5466 §3.1)."""

TOO_BIG = b"LIMIT"
"""A malformed command that exceeded one of our bounds."""


_URL_OCTETS = frozenset(range(0x21, 0x7F)) - frozenset(b"]\\")
_URL_MOST_OCTETS = 1_000


class CostsConnection(Exception):
    """A condition after which the connection cannot go on; `text` and `code` are for BYE."""

    def __init__(self, text: str, code: bytes) -> None:
        super().__init__(text)
        self.text = text
        self.code = code


def refusal(error: Exception, *, command: str, user: str | None) -> Done:
    """The tagged answer to a command that failed. Raises CostsConnection when there can be none (law 8).

    command, user: for the log.
    """
    if isinstance(error, BAD):
        return Done(printable(str(error)), code=code_of(error), status=b"BAD")
    if isinstance(error, TOLD):
        return Done(printable(str(error)), code=code_of(error), status=b"NO")
    if isinstance(error, errors.Unavailable):
        fault_id = troubles.met(error, "command failed", command=command, user=user)
    else:
        fault_id = secrets.token_hex(4)
        _log.error("command failed", fault_id=fault_id, command=command, user=user, error=str(error), exc_info=error)
    if isinstance(error, CorePanic):
        raise CostsConnection(f"Internal error [{fault_id}]", b"SERVERBUG")
    code = code_of(error)
    if isinstance(error, errors.SystemFault) and code:
        words = "Temporarily not available" if error.retryable else "A message cannot be read"
        return Done(f"{words} [{fault_id}]", code=code, status=b"NO")
    return Done(f"Internal error [{fault_id}]", code=b"SERVERBUG", status=b"NO")


def code_of(error: Exception) -> bytes:
    if isinstance(error, errors.TooManyMessages):
        # `"MESSAGELIMIT" SP message-limit [SP uniqueid]` (RFC 9738 §5)
        return b"MESSAGELIMIT %d" % error.limit + (b" %d" % error.uid if error.uid else b"")
    for kind in type(error).__mro__:
        if kind in CODES:
            code = CODES[kind]
            if isinstance(error, errors.UrlRefused):
                code += b" " + _url(error.url)
            elif isinstance(error, errors.FilterNotFound):
                # `"UNDEFINED-FILTER" SP filter-name`, which is ASCII (RFC 5466 §4)
                code += b" " + error.name.encode()
            return code
    return b""


def _url(url: bytes) -> bytes:
    """As url-resp-text may be (RFC 4469 §5), of a sensible length: what may not stand there is escaped."""
    return b"".join(bytes([octet]) if octet in _URL_OCTETS else b"%%%02X" % octet for octet in url[:_URL_MOST_OCTETS])


def printable(text: str) -> str:
    """As resp-text may be: US-ASCII, no controls (RFC 3501 §9), of a sensible length."""
    escaped = text.encode("ascii", "backslashreplace").decode()
    return "".join(character if " " <= character <= "~" else "?" for character in escaped)[:400]
