"""Where mail is kept, seen as a whole: URLs, what goes together, and what MySQL, S3 and Redis need to be told."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Generator, Iterator
from urllib.parse import urlsplit

from lightmail.config.addresses import (
    MYSQL_FORM,
    MYSQL_SCHEMES,
    S3_FORM,
    S3Url,
    hide_secrets,
    parse_mysql,
    parse_redis,
    parse_s3,
    parse_store,
)
from lightmail.config.keyfiles import read_key
from lightmail.config.sections import S3, Config

Problem = tuple[str, str]
"""(key, what is wrong and what was expected)"""

_METADATA = f"expected sqlite://PATH or {MYSQL_FORM}"
_BODIES = f"expected file://PATH or {S3_FORM}"
_COLUMN_OCTETS = 1024
"""Of names of mailboxes and of keywords in MySQL's tables; SQLite knows no such end."""
_ENDPOINT = "expected http://HOST:PORT or https://HOST:PORT"


def store_problems(config: Config) -> Iterator[Problem]:
    """Everything that is wrong, in the order of the sections. Sections of what is not configured are not looked at."""
    storage = config.storage
    metadata = yield from _metadata(storage.metadata)
    bodies = yield from _bodies(storage.bodies)
    redis = None
    if storage.redis:
        try:
            redis = parse_redis(storage.redis)
        except ValueError as error:
            yield "storage.redis", str(error)
    yield from _memory(config, metadata, bodies)
    yield from _encryption(config)
    if metadata == "mysql":
        yield from _columns(config)
        yield from _tls_files(config, "mysql", wanted=config.mysql.tls != "off", otherwise='mysql.tls is "off"')
    if bodies == "s3":
        yield from _s3(config, parse_s3(storage.bodies))
        yield from _node_cache(config)
    if redis is not None:
        yield from _tls_files(config, "redis", wanted=redis.tls, otherwise="storage.redis does not begin with rediss")
        if not re.fullmatch(r"[A-Za-z0-9_.:-]{1,64}", config.redis.prefix):
            yield "redis.prefix", "it cannot begin a key; expected 1 to 64 letters, digits and _ . : -"


def _metadata(text: str) -> Generator[Problem, None, str]:
    """Returns "memory", "sqlite", "mysql", or "" after a problem."""
    try:
        url = parse_store(text)
        if url.scheme in MYSQL_SCHEMES:
            parse_mysql(text)
            return "mysql"
    except ValueError as error:
        yield "storage.metadata", _with_form(error, _METADATA)
        return ""
    return (yield from _folder("storage.metadata", text, "sqlite", _METADATA))


def _bodies(text: str) -> Generator[Problem, None, str]:
    """Returns "memory", "file", "s3", or "" after a problem."""
    try:
        url = parse_store(text)
        if url.scheme == "s3":
            parse_s3(text)
            return "s3"
    except ValueError as error:
        yield "storage.bodies", _with_form(error, _BODIES)
        return ""
    return (yield from _folder("storage.bodies", text, "file", _BODIES))


def _with_form(error: ValueError, form: str) -> str:
    return str(error) if "; expected" in str(error) else f"{error}; {form}"


def _folder(key: str, text: str, scheme: str, form: str) -> Generator[Problem, None, str]:
    url = parse_store(text)
    if url.scheme == "memory":
        return "memory"
    if url.scheme != scheme:
        yield key, f"unknown scheme {url.scheme}://; {form}"
    elif not url.rest:
        yield key, f"{text} names no path; {form}"
    else:
        return scheme
    return ""


def _memory(config: Config, metadata: str, bodies: str) -> Iterator[Problem]:
    """What is in memory is one process's, and gone at its end."""
    storage = config.storage
    if metadata and bodies and "memory" in (metadata, bodies) and metadata != bodies:
        yield (
            "storage.metadata",
            f"{hide_secrets(storage.metadata)} and {storage.bodies} cannot go together: "
            "what one keeps, the other forgets at the end",
        )
    elif metadata == "memory" and storage.redis:
        yield "storage.redis", "memory:// shares nothing with other processes; expected no Redis with it"
    if metadata == "memory" and config.server.workers > 1:
        yield "server.workers", "memory:// shares nothing with other processes; expected 1 with it"


def _encryption(config: Config) -> Iterator[Problem]:
    encryption = config.encryption
    for id_, file in encryption.keys.items():
        key = f"encryption.keys.{id_}"
        if not re.fullmatch(r"[a-z0-9_-]{1,32}", id_):
            yield key, "it cannot end the names of objects; expected 1 to 32 of a to z, 0 to 9, _ and -"
            continue
        try:
            read_key(config.path(file))
        except ValueError as error:
            yield key, str(error)
    if encryption.active and encryption.active not in encryption.keys:
        known = ", ".join(f'"{id_}"' for id_ in encryption.keys) or "a key"
        yield "encryption.active", f'"{encryption.active}" is not in encryption.keys; expected {known}'


def _columns(config: Config) -> Iterator[Problem]:
    """What a client may send must fit; otherwise it is told so by the database, in the middle of a command."""
    for name in ("mailbox_name_octets", "keyword_octets"):
        octets = getattr(config.limits, name)
        if octets > _COLUMN_OCTETS:
            yield (
                f"limits.{name}",
                f"the tables in MySQL hold {_COLUMN_OCTETS} octets, not {octets}; expected that or less",
            )


def _tls_files(config: Config, section: str, *, wanted: bool, otherwise: str) -> Iterator[Problem]:
    """Without TLS a file for it is refused: whoever names one believes that the connection is safe."""
    options = config.mysql if section == "mysql" else config.redis
    for name in ("tls_ca", "tls_certificate", "tls_key"):
        file = getattr(options, name)
        if file and not wanted:
            yield f"{section}.{name}", f"{otherwise}, so nothing would be encrypted; expected no file, or TLS"
        elif file and not config.path(file).is_file():
            yield f"{section}.{name}", f"no file {config.path(file)}"
    if bool(options.tls_certificate) != bool(options.tls_key):
        absent = "tls_key" if options.tls_certificate else "tls_certificate"
        yield f"{section}.{absent}", f"{section}.tls_certificate and {section}.tls_key go together; expected a file"


def _s3(config: Config, url: S3Url) -> Iterator[Problem]:
    options = config.s3
    yield from _s3_place(options, url)
    if bool(options.access_key) != bool(options.secret_key):
        absent = "secret_key" if options.access_key else "access_key"
        yield f"s3.{absent}", "s3.access_key and s3.secret_key go together; expected both, or none"
    if options.access_key and options.profile:
        yield "s3.profile", "s3.access_key says already who we are; expected one of them"
    if options.ca and not config.path(options.ca).is_file():
        yield "s3.ca", f"no file {config.path(options.ca)}"
    if options.kms_key and not options.encryption.startswith("aws:kms"):
        yield "s3.kms_key", f's3.encryption is "{options.encryption}"; expected "aws:kms" or "aws:kms:dsse" with a key'
    if options.total_timeout_s < options.attempt_timeout_s:
        yield (
            "s3.total_timeout_s",
            f"{options.total_timeout_s:g} is less than s3.attempt_timeout_s ({options.attempt_timeout_s:g}); "
            "expected at least that",
        )


def _s3_place(options: S3, url: S3Url) -> Iterator[Problem]:
    host = ""
    if options.endpoint:
        try:
            endpoint = urlsplit(options.endpoint)
            host = endpoint.hostname or ""
            well = endpoint.scheme in ("http", "https") and host and endpoint.port != 0
        except ValueError:  # a port that is no number, brackets that do not close
            well = False
        if not well or endpoint.username is not None or endpoint.query or endpoint.fragment:
            yield "s3.endpoint", f"it is no URL of a server; {_ENDPOINT}"
            return
    if options.style != "host":
        return
    if _is_ip(host):
        yield "s3.style", f'no bucket\'s name can stand before the address {host}; expected "path"'
    elif not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", url.bucket):
        yield "s3.style", f'the bucket\'s name {url.bucket} is no host name; expected "path"'
    elif "." in url.bucket and not options.endpoint.startswith("http://"):
        yield "s3.style", f'no certificate matches {url.bucket} with its dots; expected "path"'


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _node_cache(config: Config) -> Iterator[Problem]:
    if not config.node_cache.octets:
        return
    path, data = config.path(config.node_cache.path).resolve(), config.data.resolve()
    if path == data or path in data.parents:
        yield "node_cache.path", f"{path} holds the data folder; expected a folder of its own"
    elif path.exists() and not path.is_dir():
        yield "node_cache.path", f"{path} is not a folder"
