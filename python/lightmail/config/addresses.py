"""The URL forms of the configuration: where to listen, where to store. Pure; nothing is opened or resolved."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote

LISTEN_FORMS = 'expected "HOST:PORT", "tls://HOST:PORT" or "unix://PATH"'
_MAX_UNIX_PATH_OCTETS = 107
"""sun_path without its closing NUL (unix(7))."""
_MAX_S3_PREFIX = 512
"""A key may have 1,024 octets; the rest is ours."""


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """One element of a `listen` list. Either host and port, or path."""

    host: str
    port: int
    """0: any free port."""
    path: str
    """A unix socket, as configured: relative to the data folder; "" for TCP."""
    tls: bool
    """TLS from the first octet."""


@dataclass(frozen=True, slots=True)
class StoreUrl:
    """`scheme://rest`; for sqlite and file, `rest` is a path, relative to the data folder."""

    scheme: str
    rest: str


def parse_listen(text: str) -> ListenAddress:
    """Raises ValueError; its text says what was expected."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "", text
    if scheme == "unix":
        if not rest:
            raise ValueError("a unix socket needs a path: unix://PATH")
        return ListenAddress("", 0, rest, tls=False)
    if scheme not in ("", "tls", "tcp"):
        raise ValueError(f"unknown scheme {scheme}://; {LISTEN_FORMS}")
    host, colon, port_text = rest.rpartition(":")
    if not colon:
        raise ValueError(f"{text!r} has no port; {LISTEN_FORMS}")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"an IPv6 address stands in brackets: [{host}]:{port_text}")
    if re.search(r"[\s/@]", host):
        raise ValueError(f"{host!r} is not a host; {LISTEN_FORMS}")
    if not re.fullmatch(r"[0-9]{1,5}", port_text) or int(port_text) > 65535:
        raise ValueError(f"{port_text!r} is not a port; expected a number from 0 to 65535")
    return ListenAddress(host or "0.0.0.0", int(port_text), "", tls=scheme == "tls")


def check_unix_path(path: str) -> None:
    """Raises ValueError when the kernel cannot take this socket path."""
    octets = len(path.encode())
    if octets > _MAX_UNIX_PATH_OCTETS:
        raise ValueError(
            f"the socket path {path} has {octets} octets, the system allows {_MAX_UNIX_PATH_OCTETS}; "
            "use a shorter data folder or path"
        )


def parse_store(text: str) -> StoreUrl:
    """Raises ValueError when there is no scheme."""
    scheme, separator, rest = text.partition("://")
    if not separator or not re.fullmatch(r"[a-z][a-z0-9+.-]*", scheme):
        raise ValueError("it is not a URL")
    return StoreUrl(scheme, rest)


# ---- where to store: MySQL, S3, Redis. No text of a ValueError repeats a part that could be a password.

MYSQL_FORM = "mysql://USER:PASSWORD@HOST:PORT/DATABASE"
S3_FORM = "s3://BUCKET/PREFIX"
REDIS_FORM = (
    "redis://HOST:PORT/DB, unix:///PATH?db=DB, redis+sentinel://HOST:PORT,HOST:PORT/SERVICE/DB "
    "or redis+cluster://HOST:PORT,HOST:PORT"
)
MYSQL_SCHEMES = ("mysql", "mariadb")
REDIS_SCHEMES = tuple(f"{name}{kind}" for kind in ("", "+sentinel", "+cluster") for name in ("redis", "rediss"))
_MYSQL_PORT, _REDIS_PORT, _SENTINEL_PORT = 3306, 6379, 26379


@dataclass(frozen=True, slots=True)
class MysqlUrl:
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    socket: str = ""
    """An absolute path: the server's unix socket, used in place of host and port; "" for TCP."""


@dataclass(frozen=True, slots=True)
class S3Url:
    bucket: str
    prefix: str = ""
    """Without slashes at its ends; "" for none."""


@dataclass(frozen=True, slots=True)
class RedisUrl:
    kind: Literal["single", "sentinel", "cluster"]
    nodes: tuple[tuple[str, int], ...]
    """(host, port): the server, the sentinels, or some members of the cluster; empty with `socket`."""
    user: str = ""
    """"" is Redis' user "default"."""
    password: str = field(default="", repr=False)
    """Of the Redis servers; "" for none."""
    service: str = ""
    """What the sentinels call the servers they watch; "" unless kind is "sentinel"."""
    database: int = 0
    tls: bool = False
    socket: str = ""
    """An absolute path: the server's unix socket; "" for TCP."""


def parse_mysql(text: str) -> MysqlUrl:
    """`mysql://USER:PASSWORD@HOST:PORT/DATABASE`, or `mariadb://`; `?socket=/PATH` for a unix socket.

    What stands in user, password, database and path may be percent-encoded. Raises ValueError.
    """
    _, rest = _split_scheme(text, MYSQL_SCHEMES, MYSQL_FORM)
    user, password, rest = _split_user(rest)
    rest, query = _split_query(rest, ("socket",), f"{MYSQL_FORM} or {MYSQL_FORM}?socket=/PATH")
    place, _, database = rest.partition("/")
    database = _decode(database)
    socket = query.get("socket", "")
    if not user:
        raise ValueError(f"the URL names no user; expected {MYSQL_FORM}")
    if not re.fullmatch(r"[^\x00-\x1f\x7f/\\.`'\"]{1,64}", database):
        raise ValueError(f"the URL names no database, or one that cannot be; expected {MYSQL_FORM}")
    if socket and not socket.startswith("/"):
        raise ValueError("the socket is not an absolute path; expected ?socket=/PATH")
    if socket and not place:
        place = "localhost"
    host, port = _host_and_port(place, _MYSQL_PORT, MYSQL_FORM)
    return MysqlUrl(host, port, user, password, database, socket)


def parse_s3(text: str) -> S3Url:
    """`s3://BUCKET` or `s3://BUCKET/PREFIX`. Raises ValueError."""
    _, rest = _split_scheme(text, ("s3",), S3_FORM)
    if "@" in rest or "?" in rest:
        raise ValueError(f"keys and options stand in the section s3, not in the URL; expected {S3_FORM}")
    bucket, _, prefix = rest.partition("/")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]", bucket) or ".." in bucket:
        raise ValueError(f"the bucket's name is not 3 to 63 letters, digits, hyphens and dots; expected {S3_FORM}")
    prefix = prefix.strip("/")
    segments = prefix.split("/") if prefix else []
    if len(prefix) > _MAX_S3_PREFIX or not all(re.fullmatch(r"[A-Za-z0-9!_.*'()-]+", each) for each in segments):
        raise ValueError(
            f"{prefix!r} cannot be a prefix: expected up to {_MAX_S3_PREFIX} letters, digits and !_.*'()- between slashes"
        )
    if {".", ".."} & set(segments):
        raise ValueError(f'{prefix!r} cannot be a prefix: "." and ".." are no names in it')
    return S3Url(bucket, prefix)


def parse_redis(text: str) -> RedisUrl:
    """`redis://`, `unix://`, `redis+sentinel://`, `redis+cluster://`, each with `USER:PASSWORD@` or `:PASSWORD@`
    where wanted; `rediss` in place of `redis` is TLS. Raises ValueError.
    """
    scheme, rest = _split_scheme(text, (*REDIS_SCHEMES, "unix"), REDIS_FORM)
    user, password, rest = _split_user(rest)
    rest, query = _split_query(rest, ("db",), REDIS_FORM)
    if scheme == "unix":
        socket = _decode(rest)
        if not socket.startswith("/") or socket == "/":
            raise ValueError("the socket is not an absolute path; expected unix:///PATH")
        return RedisUrl("single", (), user, password, "", _database_number(query.get("db", "")), False, socket)
    name, _, kind = scheme.partition("+")
    places, _, path = rest.partition("/")
    names = [_decode(each) for each in path.split("/")] if path else []
    port = _SENTINEL_PORT if kind == "sentinel" else _REDIS_PORT
    if kind == "" and "," in places:
        raise ValueError("several hosts are redis+sentinel:// or redis+cluster://; expected redis://HOST:PORT/DB")
    nodes = tuple(_host_and_port(place, port, REDIS_FORM) for place in places.split(","))
    service = ""
    if kind == "sentinel":
        service = names.pop(0) if names else ""
        if not service:
            raise ValueError("the URL names no service; expected redis+sentinel://HOST:PORT,HOST:PORT/SERVICE/DB")
    if len(names) > 1 or (names and names[0] and "db" in query):
        raise ValueError(f"there is more in the path than a database's number; expected {REDIS_FORM}")
    database = _database_number(query.get("db", "") or "".join(names))
    if kind == "cluster":
        if database:
            raise ValueError("a cluster has only database 0; expected redis+cluster://HOST:PORT,HOST:PORT")
        return RedisUrl("cluster", nodes, user, password, tls=name == "rediss")
    return RedisUrl("sentinel" if kind else "single", nodes, user, password, service, database, name == "rediss")


def _split_scheme(text: str, schemes: Sequence[str], form: str) -> tuple[str, str]:
    scheme, separator, rest = text.partition("://")
    if not separator or scheme not in schemes:
        raise ValueError(f"the URL begins with none of {', '.join(f'{each}://' for each in schemes)}; expected {form}")
    return scheme, rest


def _split_user(rest: str) -> tuple[str, str, str]:
    """(user, password, what follows). The last @ ends them: a password may hold @ and /, encoded or not."""
    account, _, rest = rest.rpartition("@")
    user, _, password = account.partition(":")
    return _decode(user), _decode(password), rest


def _split_query(rest: str, known: Sequence[str], form: str) -> tuple[str, dict[str, str]]:
    rest, _, text = rest.partition("?")
    query: dict[str, str] = {}
    for part in filter(None, text.split("&")):
        name, _, value = part.partition("=")
        if name not in known or name in query:
            raise ValueError(f"the only thing known after ? is {known[0]}=, once; expected {form}")
        query[name] = _decode(value)
    return rest, query


def _host_and_port(place: str, default: int, form: str) -> tuple[str, int]:
    found = re.fullmatch(r"(\[(?P<six>[0-9A-Fa-f:.%]+)\]|(?P<name>[^\s:/@\[\]#?,]+))(:(?P<port>.*))?", place)
    if found is None:
        raise ValueError(f"there is no host, or one that cannot be (IPv6 stands in brackets); expected {form}")
    port = found["port"]
    if port is not None and not (re.fullmatch(r"[0-9]{1,5}", port) and 0 < int(port) < 65536):
        raise ValueError(f"the port is not a number from 1 to 65535; expected {form}")
    return found["six"] or _decode(found["name"]), int(port) if port else default


def _database_number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{0,5}", text):
        raise ValueError("the database is not a number; expected one such as 0")
    return int(text or 0)


def _decode(text: str) -> str:
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise ValueError("a % that begins no percent-encoded octet is written %25")
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise ValueError("a percent-encoded part of the URL is not UTF-8") from None


_USERINFO = re.compile(r"(?P<head>[a-z][a-z0-9+.-]*://[^:]*):.*@", re.DOTALL)  # greedy: a password may hold anything
_QUERY_SECRET = re.compile(r"(?P<head>[?&][^=&#]*(?:secret|password|token|key)[^=&#]*=)[^&#]*", re.IGNORECASE)


def hide_secrets(url: str) -> str:
    """The same with passwords and secret query values as ***."""
    return _QUERY_SECRET.sub(r"\g<head>***", _USERINFO.sub(r"\g<head>:***@", url))
