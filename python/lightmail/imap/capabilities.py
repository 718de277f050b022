"""What is advertised, and when: one table, and the registry's column `capability` (law 10).

A capability that the operator hides (`imap.hide_capabilities`; `hide_on` for one listener, `hide_from` for a client by
what it says in ID) is neither advertised nor enabled, and commands that need it are unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase

from lightmail.auth.line import Line
from lightmail.auth.mechanisms import offered
from lightmail.config import Config


class When(Enum):
    BEFORE_LOGIN = "before login"
    AFTER_LOGIN = "after login"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Feature:
    name: str
    when: When
    source: str
    command: bool = False
    """It stands for commands, which name it in the registry."""
    enable: bool = False
    """ENABLE takes it (RFC 5161)."""


FEATURES = (
    Feature("IMAP4rev1", When.ALWAYS, "RFC 3501"),
    Feature("IMAP4rev2", When.ALWAYS, "RFC 9051", enable=True),
    Feature("SASL-IR", When.BEFORE_LOGIN, "RFC 4959"),
    Feature("LITERAL+", When.ALWAYS, "RFC 7888; includes what rev2 asks of LITERAL-"),
    Feature("ID", When.ALWAYS, "RFC 2971", command=True),
    Feature("LANGUAGE", When.ALWAYS, "RFC 5255 §3", command=True),
    Feature("ENABLE", When.ALWAYS, "RFC 5161", command=True),
    Feature("IDLE", When.ALWAYS, "RFC 2177", command=True),
    Feature("COMPRESS=DEFLATE", When.AFTER_LOGIN, "RFC 4978", command=True),
    Feature("UNAUTHENTICATE", When.AFTER_LOGIN, "RFC 8437", command=True),
    Feature("NAMESPACE", When.AFTER_LOGIN, "RFC 2342", command=True),
    Feature("UNSELECT", When.AFTER_LOGIN, "RFC 3691", command=True),
    Feature("UIDPLUS", When.AFTER_LOGIN, "RFC 4315"),
    Feature("MOVE", When.AFTER_LOGIN, "RFC 6851", command=True),
    Feature("REPLACE", When.AFTER_LOGIN, "RFC 8508", command=True),
    Feature("ESEARCH", When.AFTER_LOGIN, "RFC 4731"),
    Feature("SEARCHRES", When.AFTER_LOGIN, "RFC 5182"),
    Feature("XLIST", When.AFTER_LOGIN, "the forerunner of RFC 6154, for Outlook", command=True),
    Feature("PARTIAL", When.AFTER_LOGIN, "RFC 9394"),
    Feature("WITHIN", When.AFTER_LOGIN, "RFC 5032"),
    Feature("FILTERS", When.AFTER_LOGIN, "RFC 5466"),
    Feature("NOTIFY", When.AFTER_LOGIN, "RFC 5465", command=True),
    Feature("CONTEXT=SEARCH", When.AFTER_LOGIN, "RFC 5267 §4", command=True),
    Feature("CONTEXT=SORT", When.AFTER_LOGIN, "RFC 5267 §4"),
    Feature("MULTISEARCH", When.AFTER_LOGIN, "RFC 7377", command=True),
    Feature("SORT", When.AFTER_LOGIN, "RFC 5256", command=True),
    Feature("SORT=DISPLAY", When.AFTER_LOGIN, "RFC 5957"),
    Feature("SEARCH=FUZZY", When.AFTER_LOGIN, "RFC 6203"),
    Feature("I18NLEVEL=2", When.AFTER_LOGIN, "RFC 5255 §4", command=True),
    Feature("THREAD=REFERENCES", When.AFTER_LOGIN, "RFC 5256", command=True),
    Feature("THREAD=ORDEREDSUBJECT", When.AFTER_LOGIN, "RFC 5256"),
    Feature("THREAD=REFS", When.AFTER_LOGIN, "draft-ietf-morg-inthread"),
    Feature("ESORT", When.AFTER_LOGIN, "RFC 5267 §3"),
    Feature("INPROGRESS", When.AFTER_LOGIN, "RFC 9585"),
    Feature("UIDBATCHES", When.AFTER_LOGIN, "RFC 10022", command=True),
    Feature("UIDONLY", When.AFTER_LOGIN, "RFC 9586", enable=True),
    Feature("CHILDREN", When.AFTER_LOGIN, "RFC 3348"),
    Feature("LIST-EXTENDED", When.AFTER_LOGIN, "RFC 5258"),
    Feature("LIST-STATUS", When.AFTER_LOGIN, "RFC 5819"),
    Feature("SPECIAL-USE", When.AFTER_LOGIN, "RFC 6154"),
    Feature("ACL", When.AFTER_LOGIN, "RFC 4314", command=True),
    Feature("RIGHTS=texk", When.AFTER_LOGIN, "RFC 4314 §5.1.1"),
    Feature("LIST-MYRIGHTS", When.AFTER_LOGIN, "RFC 8440"),
    Feature("CREATE-SPECIAL-USE", When.AFTER_LOGIN, "RFC 6154 §3"),
    Feature("STATUS=SIZE", When.AFTER_LOGIN, "RFC 8438"),
    Feature("BINARY", When.AFTER_LOGIN, "RFC 3516"),
    Feature("OBJECTID", When.AFTER_LOGIN, "RFC 8474"),
    Feature("PREVIEW", When.AFTER_LOGIN, "RFC 8970"),
    Feature("SAVEDATE", When.AFTER_LOGIN, "RFC 8514"),
    Feature("MULTIAPPEND", When.AFTER_LOGIN, "RFC 3502"),
    Feature("CATENATE", When.AFTER_LOGIN, "RFC 4469"),
    Feature("APPENDLIMIT", When.AFTER_LOGIN, "RFC 7889; with the limit"),
    Feature("MESSAGELIMIT", When.AFTER_LOGIN, "RFC 9738; with the limit, where there is one"),
    Feature("SAVELIMIT", When.AFTER_LOGIN, "RFC 9738; with the limit, where there is one"),
    Feature("METADATA", When.AFTER_LOGIN, "RFC 5464; with the server's own", command=True),
    Feature("METADATA-SERVER", When.AFTER_LOGIN, "RFC 5464"),
    Feature("LIST-METADATA", When.AFTER_LOGIN, "RFC 9590"),
    Feature("QUOTA", When.AFTER_LOGIN, "RFC 9208", command=True),
    Feature("QUOTA=RES-STORAGE", When.AFTER_LOGIN, "RFC 9208 §5.1"),
    Feature("QUOTA=RES-MESSAGE", When.AFTER_LOGIN, "RFC 9208 §5.2"),
    Feature("QUOTA=RES-MAILBOX", When.AFTER_LOGIN, "RFC 9208 §5.3"),
    Feature("QUOTASET", When.AFTER_LOGIN, "RFC 9208 §4.1.3; for administrators", command=True),
    Feature("UTF8=ACCEPT", When.AFTER_LOGIN, "RFC 6855; or UTF8=ONLY", enable=True),
    Feature("CONDSTORE", When.AFTER_LOGIN, "RFC 7162", enable=True),
    Feature("QRESYNC", When.AFTER_LOGIN, "RFC 7162", enable=True),
    Feature("STARTTLS", When.BEFORE_LOGIN, "RFC 9051 §6.2.1; without TLS, where there is a certificate", command=True),
    Feature("LOGINDISABLED", When.BEFORE_LOGIN, "RFC 9051 §6.2.3; where no plaintext password may be sent"),
    Feature("AUTH=", When.BEFORE_LOGIN, "RFC 9051 §6.2.2; one for each SASL mechanism that may be used"),
)

NEVER_HIDDEN = frozenset({"IMAP4REV1", "IMAP4REV2", "LOGINDISABLED"})


class Capabilities:
    """Of one listener, or of the clients of one kind there."""

    def __init__(
        self, config: Config, *, tls_available: bool, listener: str = "", hidden: frozenset[str] = frozenset()
    ) -> None:
        """tls_available: a plain connection may become a TLS one. listener: as in `imap.listen`. hidden: besides."""
        here = (*config.imap.hide_capabilities, *config.imap.hide_on.get(listener, "").split())
        self.hidden = (frozenset(name.upper() for name in here) | hidden) - NEVER_HIDDEN
        self._config = config
        self._of_clients: dict[frozenset[str], Capabilities] = {self.hidden: self}
        self._message_octets = config.limits.message_octets
        self._most_messages = {
            "MESSAGELIMIT": config.limits.messages_per_command,
            "SAVELIMIT": config.limits.saved_messages,
        }
        self._literals = "LITERAL+" if config.imap.literals == "plus" else "LITERAL-"
        self.utf8_only = config.imap.utf8 == "only"
        """Clients must say ENABLE UTF8=ACCEPT (RFC 6855 §6)."""
        self._tls_available = tls_available
        self._lists: dict[tuple[bool, ...], bytes] = {}
        self.enableable = frozenset(
            feature.name.upper() for feature in FEATURES if feature.enable and feature.name.upper() not in self.hidden
        )
        """What ENABLE takes, in upper case."""

    def advertised(self, line: Line, *, authenticated: bool) -> bytes:
        """The names, separated by blanks."""
        key = (authenticated, line.tls, line.plaintext, line.bindings is not None, line.certificate is not None)
        found = self._lists.get(key)
        if found is None:
            found = self._lists[key] = " ".join(self._names(line, authenticated=authenticated)).encode()
        return found

    def mechanisms(self, line: Line) -> tuple[str, ...]:
        """Those of SASL that may be used on this connection as it is now."""
        return tuple(name for name in offered(self._config.auth, line) if f"AUTH={name}" not in self.hidden)

    def for_client(self, client: Mapping[str, str | None]) -> Capabilities:
        """What a client that says this of itself is offered here (`imap.hide_from`). client: the fields of its ID."""
        said = {field.lower(): value or "" for field, value in client.items()}
        name = said.get("name", "").lower()
        versioned = f"{name}/{said.get('version', '').lower()}"
        hidden = set(self.hidden)
        for pattern, names in self._config.imap.hide_from.items():
            if fnmatchcase(versioned if "/" in pattern else name, pattern.lower()):
                hidden.update(names.upper().split())
        key = frozenset(hidden) - NEVER_HIDDEN
        found = self._of_clients.get(key)
        if found is None:
            found = self._of_clients[key] = Capabilities(self._config, tls_available=self._tls_available, hidden=key)
        return found

    def has_command(self, capability: str) -> bool:
        """Whether commands that need this capability are known here; "" is needed by none."""
        if capability == "STARTTLS" and not self._tls_available:
            return False
        return capability.upper() not in self.hidden

    def _names(self, line: Line, *, authenticated: bool) -> Iterable[str]:
        other = When.BEFORE_LOGIN if authenticated else When.AFTER_LOGIN
        for feature in FEATURES:
            if feature.when is other or feature.name.upper() in self.hidden:
                continue
            match feature.name:
                case "STARTTLS":
                    if self._tls_available and not line.tls:
                        yield feature.name
                case "LITERAL+":
                    if self._literals not in self.hidden:
                        yield self._literals
                case "LOGINDISABLED":
                    if not line.plaintext:
                        yield feature.name
                case "AUTH=":
                    for mechanism in self.mechanisms(line):
                        yield f"AUTH={mechanism}"
                case "UTF8=ACCEPT":
                    yield "UTF8=ONLY" if self.utf8_only else feature.name
                case "APPENDLIMIT":
                    yield f"APPENDLIMIT={self._message_octets}"
                case "MESSAGELIMIT" | "SAVELIMIT":
                    if self._most_messages[feature.name]:
                        yield f"{feature.name}={self._most_messages[feature.name]}"
                case name:
                    yield name
