"""What cannot be seen from one key's type: URL forms, pairs that exclude each other. Where mail is kept: stores.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from urllib.parse import urlsplit

from lightmail.config.addresses import (
    MYSQL_FORM,
    MYSQL_SCHEMES,
    check_unix_path,
    parse_listen,
    parse_mysql,
    parse_store,
)
from lightmail.config.networks import UNIX, Rule, parse_bounds, parse_network
from lightmail.config.sections import Config, Sharing, Tls
from lightmail.config.stores import Problem, store_problems
from lightmail.config.userqueries import parse_query

_USER_TABLE = f"{MYSQL_FORM} or sqlite://PATH"
_SPECIAL_USE = ("\\All", "\\Archive", "\\Drafts", "\\Flagged", "\\Junk", "\\Sent", "\\Trash", "\\Important", "")
"""RFC 6154 §2, RFC 8457."""
MECHANISMS = (
    "SCRAM-SHA-256-PLUS",
    "SCRAM-SHA-1-PLUS",
    "SCRAM-SHA-256",
    "SCRAM-SHA-1",
    "CRAM-MD5",
    "OAUTHBEARER",
    "XOAUTH2",
    "PLAIN",
    "LOGIN",
)
CHALLENGE_KEYS = ("SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5")
OLD_SCHEMES = ("MD5-CRYPT", "SSHA512", "SSHA256", "SSHA", "CRAM-MD5", "PLAIN")
"""Schemes of stored passwords that have to be allowed."""


def combination_problems(config: Config) -> Iterator[Problem]:
    """Everything that is wrong, in the order of the sections."""
    yield from _server(config)
    yield from _listeners(config)
    yield from _hidden(config)
    yield from _access(config)
    yield from _tls(config)
    yield from store_problems(config)
    yield from _quantities(config)
    yield from _auth_sql(config)
    yield from _mail(config)
    yield from _oauth(config)


def _server(config: Config) -> Iterator[Problem]:
    if not all(part and part.isprintable() and " " not in part for part in (config.server.hostname or "x").split(".")):
        yield (
            "server.hostname",
            f'"{config.server.hostname}" is not a host name; expected one such as "mail.example.org"',
        )
    if config.data.exists() and not config.data.is_dir():
        yield "server.data", f"{config.data} is not a folder"


def _listeners(config: Config) -> Iterator[Problem]:
    if config.http.listen:
        yield "http.listen", "HTTP is not in this version; expected an empty list"
    if not config.imap.listen and not config.lmtp.listen:
        yield "imap.listen", "nothing to listen on: imap.listen and lmtp.listen are both empty"
    taken: dict[tuple[str, int, str], str] = {}
    for key, texts in _listens(config):
        for index, text in enumerate(texts):
            element = f"{key}[{index}]"
            try:
                address = parse_listen(text)
                if address.path:
                    check_unix_path(str(config.path(address.path)))
            except ValueError as error:
                yield element, str(error)
                continue
            if address.port == 0 and not address.path:
                continue
            place = (address.host, address.port, address.path)
            if place in taken:
                yield element, f"{text} is taken by {taken[place]} already"
            taken.setdefault(place, element)


def _hidden(config: Config) -> Iterator[Problem]:
    imap = config.imap
    hidden = (*imap.hide_capabilities, *(name for names in imap.hide_on.values() for name in names.split()))
    if imap.utf8 == "only" and "UTF8=ACCEPT" in (name.upper() for name in hidden):
        yield (
            "imap.utf8",
            '"only" wants ENABLE UTF8=ACCEPT of every client, and UTF8=ACCEPT is hidden; expected "accept"',
        )
    for listener in config.imap.hide_on:
        if listener not in config.imap.listen:
            yield f"imap.hide_on.{listener}", f'"{listener}" is not in imap.listen; expected one of its elements'
    for client in config.imap.hide_from:
        if not client.strip():
            yield f"imap.hide_from.{client}", "no client's name; expected one such as 'Outlook' or 'iPhone Mail/15*'"


def _access(config: Config) -> Iterator[Problem]:
    for key, texts in (
        ("access.trusted_proxies", config.access.trusted_proxies),
        ("lmtp.xclient_from", config.lmtp.xclient_from),
    ):
        for index, text in enumerate(texts):
            yield from _judged(f"{key}[{index}]", text, lambda text: text == UNIX or parse_network(text))
    for section, listens, proxied in (
        ("imap", config.imap.listen, config.imap.proxy_on),
        ("lmtp", config.lmtp.listen, config.lmtp.proxy_on),
    ):
        for index, text in enumerate(proxied):
            if text not in listens:
                yield (
                    f"{section}.proxy_on[{index}]",
                    f'"{text}" is not in {section}.listen; expected one of its elements',
                )
            elif not config.access.trusted_proxies:
                yield f"{section}.proxy_on[{index}]", "nobody may connect there: access.trusted_proxies is empty"
    for listener, rule in config.access.listeners.items():
        key = f"access.listeners.{listener}"
        if listener not in (*config.imap.listen, *config.lmtp.listen):
            yield key, f'"{listener}" is in neither imap.listen nor lmtp.listen; expected an element of one of them'
        yield from _judged(key, rule, Rule)

    for name, rule in config.access.users.items():
        yield from _judged(f"access.users.{name}", rule, Rule)
    if config.access.administrators:
        yield from _judged("access.administrators", config.access.administrators, Rule)
    policy = config.auth_policy
    if policy.url:
        parts = urlsplit(policy.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.fragment or parts.username:
            yield (
                "auth_policy.url",
                "it is not the URL of a service; expected http://HOST:PORT/ or https://HOST/, "
                "and a password in auth_policy.api_header_secret",
            )
        if not policy.hash_nonce_secret:
            yield (
                "auth_policy.hash_nonce_secret",
                "auth_policy.url needs one; expected the same random text on all nodes",
            )
    for name in policy.attributes:
        outer = name.split("/")
        if not all(outer) or any("/".join(outer[:level]) in policy.attributes for level in range(1, len(outer))):
            yield f"auth_policy.attributes.{name}", "it is within something else; expected a name, or NAME/NAME"
    for network, bounds in config.limits.networks.items():
        yield from _judged(f"limits.networks.{network}", bounds, partial(parse_bounds, network))


def _judged(key: str, text: str, judge: Callable[[str], object]) -> Iterator[Problem]:
    try:
        judge(text)
    except ValueError as error:
        yield key, str(error)


def _listens(config: Config) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return ("imap.listen", config.imap.listen), ("lmtp.listen", config.lmtp.listen)


def _tls(config: Config) -> Iterator[Problem]:
    """Without any file under the default names a certificate is made on the first start; named files must be there."""
    wanted = [f"{text} in {key}" for key, texts in _listens(config) for text in texts if text.startswith("tls://")]
    if not wanted and not config.imap.listen:
        return
    default = Tls()
    missing = [key for key in ("certificate", "key") if not config.path(getattr(config.tls, key)).is_file()]
    made = config.tls.certificate == default.certificate and config.tls.key == default.key
    if not missing or (made and len(missing) == 2):
        return
    for key in missing:
        path = config.path(getattr(config.tls, key))
        need = f"{wanted[0] if wanted else 'STARTTLS in imap.listen'} needs it"
        yield f"tls.{key}", f"no file {path}; {need}"


def _quantities(config: Config) -> Iterator[Problem]:
    limits, auth = config.limits, config.auth
    if limits.line_octets > limits.command_octets:
        yield (
            "limits.line_octets",
            f"{limits.line_octets} is more than limits.command_octets ({limits.command_octets}); expected at most that",
        )
    if limits.messages_per_command and limits.saved_messages:
        yield (
            "limits.saved_messages",
            "limits.messages_per_command bounds COPY and APPEND too; expected one of them (RFC 9738 §3)",
        )
    for key, names, known in (
        ("mechanisms", auth.mechanisms, MECHANISMS),
        ("mechanisms_without_tls", auth.mechanisms_without_tls, MECHANISMS),
        ("challenge_keys", auth.challenge_keys, CHALLENGE_KEYS),
        ("old_schemes", auth.old_schemes, OLD_SCHEMES),
    ):
        for index, name in enumerate(names):
            if name.upper() not in known:
                yield f"auth.{key}[{index}]", f'"{name}" is not one of them; expected {", ".join(known)}'
    if auth.argon2_memory_kib < 8 * auth.argon2_lanes:
        yield (
            "auth.argon2_memory_kib",
            f"{auth.argon2_memory_kib} is too little for {auth.argon2_lanes} lanes; "
            f"expected at least {8 * auth.argon2_lanes} (RFC 9106 §3.1)",
        )


def _auth_sql(config: Config) -> Iterator[Problem]:
    options = config.auth_sql
    queries = ("password_query", "user_query", "iterate_query")
    if not options.url:
        for name in queries:
            if getattr(options, name):
                yield "auth.sql.url", f"auth.sql.{name} has no database to ask; expected {_USER_TABLE}"
                return
        return
    try:
        url = parse_store(options.url)
        if url.scheme in MYSQL_SCHEMES:
            parse_mysql(options.url)
        elif url.scheme != "sqlite" or not url.rest:
            yield "auth.sql.url", f"it is neither; expected {_USER_TABLE}"
    except ValueError as error:
        yield "auth.sql.url", f"{error}; expected {_USER_TABLE}"
    if not options.password_query:
        yield "auth.sql.password_query", "it is empty; expected the query for who logs in"
    for name in queries:
        if text := getattr(options, name):
            try:
                query = parse_query(text)
            except ValueError as error:
                yield f"auth.sql.{name}", str(error)
            else:
                if (name == "iterate_query") == bool(query.places):
                    of = "all accounts, and no place for one" if query.places else "a place for the address: %u"
                    yield f"auth.sql.{name}", f"expected {of}"
    if options.tls_ca and not config.path(options.tls_ca).is_file():
        yield "auth.sql.tls_ca", f"no file {config.path(options.tls_ca)}"


def _oauth(config: Config) -> Iterator[Problem]:
    oauth = config.oauth
    wanted = [name for name in config.auth.mechanisms if name.upper() in ("OAUTHBEARER", "XOAUTH2")]
    if wanted and not (oauth.jwks or oauth.introspection):
        yield "oauth.jwks", f"{wanted[0]} in auth.mechanisms needs it, or oauth.introspection"
    if oauth.jwks and not (oauth.issuer and oauth.audience):
        absent = "audience" if oauth.issuer else "issuer"
        yield f"oauth.{absent}", "a JWT can only be trusted when its issuer and its audience are known; expected both"
    for key in ("introspection", "discovery"):
        url = getattr(oauth, key)
        if url and not url.startswith(("https://", "http://")):
            yield f"oauth.{key}", "it is not a URL; expected one such as https://login.example.org/path"
    if "://" in oauth.jwks and not oauth.jwks.startswith(("https://", "http://")):
        yield "oauth.jwks", "it is neither a file nor a URL that can be read; expected https://…"
    if oauth.jwks and "://" not in oauth.jwks and not config.path(oauth.jwks).is_file():
        yield "oauth.jwks", f"no file {config.path(oauth.jwks)}"


def _sharing(sharing: Sharing) -> Iterator[Problem]:
    for key, name in (("users", sharing.users), ("shared", sharing.shared)):
        if "/" in name or name.upper() == "INBOX" or not name.isprintable():
            yield f"sharing.{key}", f'"{name}" is not one level of a mailbox name; expected one such as "Shared"'
    if sharing.users == sharing.shared and sharing.account:
        yield "sharing.shared", f'"{sharing.shared}" is sharing.users already; expected another name'
    if any(character.isspace() or character in '<>()[],;:\\"' for character in sharing.account):
        yield "sharing.account", f'"{sharing.account}" is not an address; expected one such as "shared@example.org"'
    if sharing.account and not sharing.shared:
        yield "sharing.shared", "sharing.account has mailboxes to show; expected a name to show them below"


def _mail(config: Config) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for name, use in config.mail.special_use.items():
        key = f"mail.special_use.{name}"
        if use not in _SPECIAL_USE:
            known = ", ".join(f"'{each}'" for each in _SPECIAL_USE)
            yield key, f"'{use}' is not a special use of RFC 6154; expected one of {known}"
        elif use and use in seen:
            yield key, f"'{use}' is given to {seen[use]} already"
        seen.setdefault(use, name)
        if name.upper() == "INBOX":
            yield key, "INBOX is always there and has no special use; expected another name"
    yield from _sharing(config.sharing)
    delimiter = config.lmtp.subaddress_delimiter
    if len(delimiter) > 1 or delimiter in ("@", ".", " ", '"'):
        yield (
            "lmtp.subaddress_delimiter",
            f'"{delimiter}" cannot part an address; expected one character such as "+", or ""',
        )
