"""Every error that LightMail raises on purpose. They name the condition and know nothing of any protocol.

    LightMailError
    ├── UserError                  the user asked for what cannot be; told to the user, not logged as a fault
    │   ├── MailboxNotFound        name
    │   ├── MailboxExists          name
    │   ├── MailboxNameInvalid     name, reason
    │   ├── MailboxNotSelectable   name
    │   ├── MailboxHasChildren     name
    │   ├── NoRight                name, right
    │   ├── IdentifierRefused      identifier, reason
    │   ├── InboxUndeletable
    │   ├── SpecialUseRefused      use, reason
    │   ├── NoComparator
    │   ├── UserNotFound           address
    │   ├── UserExists             address
    │   ├── AddressInvalid         address, reason
    │   ├── AppPasswordNotFound    label
    │   ├── AppPasswordExists      label
    │   ├── AuthenticationFailed
    │   │   ├── NetworkRefused     that account may not come from there
    │   │   └── PolicyRefused      the decision service has said no
    │   ├── TooManyLogins
    │   ├── TokenRefused           reason; for the log
    │   ├── AuthorizationFailed    address; may not act for somebody else
    │   ├── AccountDisabled        address
    │   ├── PrivacyRequired        a plaintext password without TLS
    │   ├── LimitExceeded          what, limit
    │   │   ├── TooBig             octets, limit_octets
    │   │   └── TooManyAnnotations
    │   ├── OverQuota              what, mailbox_ids
    │   ├── NotPermitted           what
    │   ├── ReadOnly               what
    │   ├── ExpungedMeanwhile
    │   ├── EmptyMessage
    │   ├── UrlRefused             url; leads to no message, or to none that the user may read
    │   ├── FilterNotFound         name
    │   ├── FilterRefused          name, reason
    │   ├── FilterCharset          charset
    │   ├── StoreNotEmpty          what
    │   ├── MigrationRefused       reason
    │   └── ConfigError            source, key, problem
    └── SystemFault                the system failed; logged in full, told as "internal error" or "unavailable"
        ├── Unavailable            what, way_out; may pass on retry
        │   ├── NeedsOperator      what, way_out; it stays so until somebody changes something
        │   │   ├── KeyUnusable    object_key, reason; encrypted, and the key is not at hand
        │   │   └── UserQueryFailed  query, problem; of the operator's own user table
        │   ├── StoreReadOnly      what; it answers, and takes no writes
        │   │   └── StoreSealed    reason; its mail lives elsewhere now
        │   └── OutcomeUnknown     what; it went while it made a change durable
        ├── BodyMissing            body_id
        ├── BodyCorrupt            body_id, reason
        ├── PasswordHashUnusable   reason; a stored password that no password can be checked against
        ├── MigrationFailed        problem; the source stays what it was
        ├── DataFolderLocked       path, pid
        ├── WorkerFailed           problem
        └── SchemaMismatch         found, expected

`retryable` says whether the same request may succeed later without anyone's doing.
"""

from __future__ import annotations


class LightMailError(Exception):
    """The root; never raised itself."""

    retryable = False


class UserError(LightMailError):
    """The peer's or the user's fault."""


class MailboxNotFound(UserError):
    def __init__(self, name: str) -> None:
        super().__init__(f"no mailbox {name!r}")
        self.name = name


class MailboxExists(UserError):
    def __init__(self, name: str) -> None:
        super().__init__(f"mailbox {name!r} exists already")
        self.name = name


class MailboxNameInvalid(UserError):
    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"mailbox name {name!r}: {reason}")
        self.name = name
        self.reason = reason


class MailboxNotSelectable(UserError):
    def __init__(self, name: str) -> None:
        super().__init__(f"mailbox {name!r} holds only other mailboxes")
        self.name = name


class MailboxHasChildren(UserError):
    def __init__(self, name: str) -> None:
        super().__init__(f"mailbox {name!r} has mailboxes below it")
        self.name = name


class NoRight(UserError):
    """NO [NOPERM] (RFC 5530); only where the user may know that the mailbox is there (RFC 4314 §6)."""

    def __init__(self, name: str, right: str) -> None:
        super().__init__(f"mailbox {name!r}: you have no right to do that ({right})")
        self.name = name
        self.right = right


class IdentifierRefused(UserError):
    """Of an access control list (RFC 4314 §3)."""

    def __init__(self, identifier: str, reason: str) -> None:
        super().__init__(f"identifier {identifier!r}: {reason}")
        self.identifier = identifier
        self.reason = reason


class InboxUndeletable(UserError):
    def __init__(self) -> None:
        super().__init__("INBOX cannot be deleted")


class SpecialUseRefused(UserError):
    """NO [USEATTR] (RFC 6154 §3)."""

    def __init__(self, use: str, reason: str) -> None:
        super().__init__(f"special use {use}: {reason}")
        self.use = use
        self.reason = reason


class NoComparator(UserError):
    def __init__(self) -> None:
        super().__init__("no comparator here matches")


class UserNotFound(UserError):
    def __init__(self, address: str) -> None:
        super().__init__(f"no user {address!r}")
        self.address = address


class UserExists(UserError):
    def __init__(self, address: str) -> None:
        super().__init__(f"user {address!r} exists already")
        self.address = address


class AddressInvalid(UserError):
    def __init__(self, address: str, reason: str) -> None:
        super().__init__(f"address {address!r}: {reason}")
        self.address = address
        self.reason = reason


class AppPasswordNotFound(UserError):
    def __init__(self, label: str) -> None:
        super().__init__(f"no app password {label!r}")
        self.label = label


class AppPasswordExists(UserError):
    def __init__(self, label: str) -> None:
        super().__init__(f"there is an app password {label!r} already")
        self.label = label


class AuthenticationFailed(UserError):
    def __init__(self) -> None:
        super().__init__("wrong user name or password")


class NetworkRefused(AuthenticationFailed):
    """Told in the same words: nobody there learns that a password was right."""


class PolicyRefused(AuthenticationFailed):
    """Likewise."""


class TooManyLogins(UserError):
    """From one address, after too many have failed: they wait for each other, and more do not fit."""

    retryable = True

    def __init__(self) -> None:
        super().__init__("too many logins from your network are waiting; try again later")


class TokenRefused(UserError):
    """A bearer token that is not good. Clients are told by their mechanism."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"token refused: {reason}")
        self.reason = reason


class AuthorizationFailed(UserError):
    def __init__(self, address: str) -> None:
        super().__init__(f"{address!r} may not act for another user")
        self.address = address


class AccountDisabled(UserError):
    def __init__(self, address: str) -> None:
        super().__init__(f"account {address!r} is disabled")
        self.address = address


class PrivacyRequired(UserError):
    def __init__(self) -> None:
        super().__init__("a plaintext password needs TLS first")


class LimitExceeded(UserError):
    def __init__(self, what: str, limit: int) -> None:
        super().__init__(f"{what}: the limit is {limit}")
        self.what = what
        self.limit = limit


class TooManyMessages(LimitExceeded):
    """RFC 9738 §3.1. uid: of the first message of those that the limit allows; 0: not known."""

    def __init__(self, limit: int, uid: int = 0) -> None:
        super().__init__("messages in one command", limit)
        self.uid = uid


class TooBig(LimitExceeded):
    def __init__(self, octets: int, limit_octets: int) -> None:
        super().__init__(f"a message of {octets} octets is too big", limit_octets)
        self.octets = octets


class TooManyAnnotations(LimitExceeded):
    """NO [METADATA TOOMANY] (RFC 5464 §4.3)."""

    def __init__(self, limit: int) -> None:
        super().__init__("annotations of one mailbox", limit)


class OverQuota(UserError):
    def __init__(self, what: str, mailbox_ids: frozenset[int] = frozenset()) -> None:
        """mailbox_ids: into which nothing goes; empty where it is not about messages."""
        super().__init__(f"over quota: {what}")
        self.what = what
        self.mailbox_ids = mailbox_ids


class NotPermitted(UserError):
    """NO [NOPERM] (RFC 5530 §3): this account may not do that."""

    def __init__(self, what: str) -> None:
        super().__init__(f"not permitted: {what}")
        self.what = what


class ReadOnly(UserError):
    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is read-only")
        self.what = what


class MessageNotFound(UserError):
    def __init__(self) -> None:
        super().__init__("no message has this UID")


class ExpungedMeanwhile(UserError):
    """What was asked of a message that this session still sees, and that is gone with its body."""

    def __init__(self) -> None:
        super().__init__("some of these messages have been expunged by another session")


class EmptyMessage(UserError):
    def __init__(self) -> None:
        super().__init__("a message of zero octets cannot be stored")


class UrlRefused(UserError):
    """It leads to no message, or to none that the user may read."""

    def __init__(self, url: bytes) -> None:
        super().__init__("this URL leads to no message that can be read here")
        self.url = url


class FilterNotFound(UserError):
    """A search names one that is not kept, or that leads to itself (RFC 5466 §3.1)."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no filter {name!r}")
        self.name = name


class FilterRefused(UserError):
    """name: of a filter, or of its entry."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


class FilterCharset(UserError):
    """A search with a filter is in UTF-8 (RFC 5466 §3.1)."""

    def __init__(self, charset: str) -> None:
        super().__init__(f"filters are in UTF-8, not in {charset}")
        self.charset = charset


class MigrationRefused(UserError):
    """A mail store cannot be moved into that one, as things are. Nothing was changed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class StoreNotEmpty(UserError):
    """What is about to be filled holds something already. what: which, and what it has."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}; it has to be empty")
        self.what = what


class ConfigError(UserError):
    """What is wrong in the configuration, where, and what was expected.

    source: file name, "file:line", or environment variable; key: "imap.listen", "" when none can be named.
    """

    def __init__(self, source: str, key: str, problem: str) -> None:
        super().__init__(f"{source}: {key}: {problem}" if key else f"{source}: {problem}")
        self.source = source
        self.key = key
        self.problem = problem


class SystemFault(LightMailError):
    """Our fault, or a backend's."""


class Unavailable(SystemFault):
    """A backend does not answer; nothing was changed. Its words are for the operator; no client gets to see them."""

    retryable = True
    state = "is not available"

    def __init__(self, what: str, way_out: str = "") -> None:
        """what: with its cause: "the body store (the disk is full)". way_out: what the operator can do about it."""
        super().__init__(f"{what} {self.state}; {way_out}" if way_out else f"{what} {self.state}")
        self.what = what
        self.way_out = way_out


class NeedsOperator(Unavailable):
    """A backend is there and cannot be used (a password, a privilege, a certificate, a name that is not there): it
    stays so until somebody changes something. Waiting is of no use; asking again afterwards is.
    """

    state = "cannot be used"


class KeyUnusable(NeedsOperator):
    """What is stored is encrypted by a key that is not there, or is another one. It is not known to be damaged."""

    def __init__(self, object_key: str, reason: str) -> None:
        super().__init__(f"the encrypted object {object_key} ({reason})", "encryption.keys has to have its key")
        self.object_key = object_key
        self.reason = reason


class UserQueryFailed(NeedsOperator):
    """A query of the operator's returned what it must not, or is none: nothing is known of anybody's password."""

    def __init__(self, query: str, problem: str) -> None:
        """query: "password_query". problem: "returned 2 rows for one address; expected one"."""
        super().__init__(f"the user table (auth.sql.{query} {problem})")
        self.query = query
        self.problem = problem


class StoreReadOnly(Unavailable):
    """A backend answers, and refuses to write for the time being (a failover, a full disk, a lost quorum)."""

    state = "takes no writes"


class StoreSealed(StoreReadOnly):
    """The whole store has been moved elsewhere, and takes no writes here any more."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"this mail store ({reason})")
        self.reason = reason


class OutcomeUnknown(Unavailable):
    """A backend went while it made a change durable: all of it was done, or nothing, and nobody knows which."""


class BodyMissing(SystemFault):
    def __init__(self, body_id: int) -> None:
        super().__init__(f"body {body_id} is missing from the body store")
        self.body_id = body_id


class BodyCorrupt(SystemFault):
    def __init__(self, body_id: int, reason: str) -> None:
        super().__init__(f"body {body_id} is damaged: {reason}")
        self.body_id = body_id
        self.reason = reason


class PasswordHashUnusable(SystemFault):
    """What is stored in place of a password is of no known form, asks for too much, or is not allowed any more.

    reason: for the operator; nothing of the hash itself.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"the stored password cannot be used: {reason}")
        self.reason = reason


class MigrationFailed(SystemFault):
    """A mail store was not moved, or not as it should have been; the source takes writes as before."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class DataFolderLocked(SystemFault):
    def __init__(self, path: str, pid: int | None) -> None:
        by = f"process {pid}" if pid else "another process"
        super().__init__(f"data folder {path} is in use by {by}")
        self.path = path
        self.pid = pid


class WorkerFailed(SystemFault):
    """A worker process could not start."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class SchemaMismatch(SystemFault):
    """found: 0 for a database without a LightMail schema."""

    def __init__(self, found: int, expected: int) -> None:
        has = f"schema version {found}, this program needs {expected}" if found else "no LightMail schema"
        todo = "use a newer release of LightMail" if found > expected else "run `lightmail db upgrade`"
        super().__init__(f"the database has {has}; {todo}")
        self.found = found
        self.expected = expected
