"""One process that does everything: until SIGTERM or SIGINT, then it drains."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import structlog

from lightmail.auth.authenticator import Authenticator
from lightmail.config import Config, Tls
from lightmail.config.addresses import parse_listen
from lightmail.errors import ConfigError
from lightmail.lmtp.server import LmtpServer
from lightmail.mail.store import MailStore
from lightmail.net.imap_server import ImapServer
from lightmail.net.listeners import Listener, bind_all
from lightmail.net.tls import Identity, load_identity, make_development_certificate
from lightmail.obs.families import exposition
from lightmail.obs.metrics import counts, families
from lightmail.serving import machine
from lightmail.serving.store import OpenStore, Started, Store

_log = structlog.get_logger("lightmail.serving")


async def serve(
    config: Config,
    open_store: OpenStore,
    *,
    prepare: Callable[[Store], Awaitable[None]] | None = None,
    started: Callable[[Started], None] = lambda _: None,
) -> None:
    """Run until SIGTERM or SIGINT, then drain.

    prepare: called with the open store before connections are accepted. started: once they are.
    Raises DataFolderLocked, ConfigError, Unavailable, SchemaMismatch, before anybody has been served.
    """
    machine.ensure_data_folder(config.data)
    lock = machine.DataFolderLock(config.data)
    try:
        machine.remove_addresses(config.data)
        identity, made = _identity(config)
        async with contextlib.AsyncExitStack() as stack:
            listeners = _bind(config, identity)
            for listener in listeners:
                stack.callback(listener.close)
            store = await stack.enter_async_context(open_store(config))
            if prepare is not None:
                await prepare(store)
            await _serve(config, store, listeners, identity, made, started)
    finally:
        lock.release()


async def _serve(
    config: Config,
    store: Store,
    listeners: list[Listener],
    identity: Identity | None,
    certificate_made: bool,
    started: Callable[[Started], None],
) -> None:
    authenticator = Authenticator(directory=store.mail.directory, clock=store.mail.clock, parameters=config.auth)
    imap = ImapServer(
        mail=store.mail,
        authenticator=authenticator,
        config=config,
        tls=identity.context if identity else None,
    )
    lmtp = LmtpServer(mail=store.mail, config=config)
    stop = asyncio.Event()

    def reload() -> None:
        if identity is not None:
            _reload(identity)

    def report() -> None:
        machine.write_metrics(config.data, exposition(families()))

    _count_caches(store.mail)
    with machine.signals(on_stop=stop.set, on_reload=reload, on_report=report):
        for listener in listeners:
            server = lmtp if listener.protocol.startswith("lmtp") else imap
            await listener.serve(server.connection)
        what = Started([(each.protocol, each.address) for each in listeners], identity, certificate_made)
        machine.write_addresses(config.data, _by_protocol(what.addresses))
        _check_descriptors(config)
        if identity is not None and identity.warning:
            _log.warning(identity.warning, file=str(identity.certificate))
        _log.info("started", data=str(config.data), addresses=[f"{p} {a}" for p, a in what.addresses])
        machine.settle_memory()
        started(what)
        await stop.wait()
        await _drain(config, imap, lmtp, listeners)
    authenticator.close()


async def _drain(config: Config, imap: ImapServer, lmtp: LmtpServer, listeners: list[Listener]) -> None:
    """No new connections; BYE to those that wait; the others finish what they do."""
    timeout_s = config.server.drain_timeout_s
    _log.info("stopping", imap_connections=len(imap), timeout_s=timeout_s)
    machine.remove_addresses(config.data)
    for listener in listeners:
        listener.close()
    await asyncio.gather(imap.close(timeout_s), lmtp.close(timeout_s))
    _log.info(
        "stopped",
        connections=counts.connections.total(),
        commands=counts.commands.total(),
        octets_in=counts.octets_in,
        octets_out=counts.octets_out,
    )


def _identity(config: Config) -> tuple[Identity | None, bool]:
    """The certificate that the listeners need, and whether it was made just now. Raises ConfigError."""
    listens = [*config.imap.listen, *(text for text in config.lmtp.listen if parse_listen(text).tls)]
    if not listens:
        return None, False
    certificate, key = config.path(config.tls.certificate), config.path(config.tls.key)
    made = False
    if (config.tls.certificate, config.tls.key) == (Tls().certificate, Tls().key):
        made = make_development_certificate(certificate, key, config.server.hostname)
    return load_identity(certificate, key, minimum=config.tls.minimum), made


def _reload(identity: Identity) -> None:
    try:
        renewed = identity.reload()
    except ConfigError as error:
        _log.error("certificate not reloaded", problem=str(error))
    else:
        _log.info("certificate reloaded", sha256=renewed.fingerprint)


def _bind(config: Config, identity: Identity | None) -> list[Listener]:
    """All listeners, or none. Raises ConfigError."""
    tls = identity.context if identity else None
    listeners = bind_all(config.imap.listen, protocol="imap", data=config.data, tls=tls)
    try:
        mode = int(config.lmtp.socket_mode, 8)
        return listeners + bind_all(config.lmtp.listen, protocol="lmtp", data=config.data, tls=tls, unix_mode=mode)
    except ConfigError:
        for listener in listeners:
            listener.close()
        raise


def _by_protocol(addresses: list[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for protocol, address in addresses:
        found.setdefault(protocol, []).append(address)
    return found


def _count_caches(mail: MailStore) -> None:
    summaries, bodies = mail.summaries.cache, mail.bodies.cache
    for name, help_text, of_summaries, of_bodies in (
        ("cache_hits_total", "Found in a cache", lambda: summaries.hits, lambda: bodies.hits),
        ("cache_misses_total", "Not found in a cache", lambda: summaries.misses, lambda: bodies.misses),
        ("cache_octets", "Held by a cache", lambda: summaries.octets, lambda: bodies.octets),
    ):
        counts.source(name, help_text, of_summaries, label="summaries")
        counts.source(name, help_text, of_bodies, label="bodies")


def _check_descriptors(config: Config) -> None:
    wanted = config.limits.connections
    possible = machine.raise_descriptor_limit(wanted)
    if possible < wanted:
        _log.warning("the system allows fewer open files than limits.connections needs", possible=possible)
