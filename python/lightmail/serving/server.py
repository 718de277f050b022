"""The connections of one process, over an open mail store."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Sequence

import msgspec
import structlog

from lightmail.auth.access import AccessRules
from lightmail.auth.authenticator import Authenticator
from lightmail.auth.client_limits import ClientLimits
from lightmail.auth.decisions import DecisionService
from lightmail.auth.token_service import TokenService
from lightmail.auth.tokens import Tokens
from lightmail.config import Config
from lightmail.config.networks import Networks, Rule
from lightmail.lmtp.server import LmtpServer
from lightmail.mail.store import MailStore
from lightmail.net.gate import Gate
from lightmail.net.imap_server import ImapServer
from lightmail.net.listeners import Listener
from lightmail.net.tls import Identity
from lightmail.obs.audit import audit
from lightmail.obs.metrics import counts
from lightmail.obs.troubles import troubles
from lightmail.ports.clock import Clock
from lightmail.serving.housekeeping import housekeeping
from lightmail.serving.store import Store

_log = structlog.get_logger("lightmail.serving")


class Server:
    def __init__(self, config: Config, store: Store, identity: Identity | None) -> None:
        self._config = config
        audit.configure(config.path(config.log.audit) if config.log.audit else None)
        self._tokens = _tokens(config, store.mail.clock)
        self._authenticator = Authenticator(
            directory=store.mail.directory,
            clock=store.mail.clock,
            parameters=config.auth,
            rates=store.rates,
            cache=store.cache,
            limits=config.limits,
            access=AccessRules(config.access),
            renews=not config.auth_sql.url,
            tokens=self._tokens,
        )
        policy = config.auth_policy
        self._decisions = (
            DecisionService(policy, ca=str(config.path(policy.ca)) if policy.ca else "") if policy.url else None
        )
        self._imap = ImapServer(
            mail=store.mail,
            authenticator=self._authenticator,
            config=config,
            tls=identity.context if identity else None,
            client_limits=ClientLimits(config.limits, store.tally),
            decisions=self._decisions,
        )
        self._lmtp = LmtpServer(mail=store.mail, config=config)
        self._housekeeping = housekeeping(store, config)
        self._listeners: Sequence[Listener] = ()
        _count_caches(store.mail)
        counts.source(
            "unusable_password_hashes_total",
            "Logins refused because of what is stored in place of the password",
            lambda: self._authenticator.unusable_hashes,
        )
        counts.source("unavailable_total", "Commands and deliveries refused for what is away", lambda: troubles.times)

    async def start(self, listeners: Sequence[Listener]) -> None:
        """Accept connections."""
        self._listeners = listeners
        for listener in listeners:
            gate = self._gate(listener)
            if listener.protocol.startswith("lmtp"):
                await listener.serve(self._lmtp.connection, gate)
            else:
                await listener.serve(functools.partial(self._imap.connection, listener.text), gate)
        self._housekeeping.start()

    async def retire(self) -> None:
        """No new connections; returns when the last one has ended by itself. Idle deliverers are told to come again."""
        _log.info("retiring", imap_connections=len(self._imap))
        self._stop_listening()
        await asyncio.gather(
            self._housekeeping.close(),
            self._imap.wait_empty(),
            self._lmtp.close(self._config.server.drain_timeout_s),
        )

    async def close(self) -> None:
        """No new connections; BYE to those that wait; the others finish what they do."""
        timeout_s = self._config.server.drain_timeout_s
        _log.info("stopping", imap_connections=len(self._imap), timeout_s=timeout_s)
        self._stop_listening()
        await asyncio.gather(self._housekeeping.stop(), self._imap.close(timeout_s), self._lmtp.close(timeout_s))
        await self._housekeeping.close(last=True)
        self._authenticator.close()
        if self._decisions is not None:
            await self._decisions.close()
        if self._tokens is not None:
            await self._tokens.close()
        _log.info(
            "stopped",
            connections=counts.connections.total(),
            commands=counts.commands.total(),
            octets_in=counts.octets_in,
            octets_out=counts.octets_out,
        )

    def _gate(self, listener: Listener) -> Gate | None:
        """None: it asks nothing of whoever comes."""
        config, access = self._config, self._config.access
        proxied = config.lmtp.proxy_on if listener.protocol.startswith("lmtp") else config.imap.proxy_on
        rule = access.listeners.get(listener.text)
        if listener.text not in proxied and rule is None:
            return None
        return Gate(
            listener.text,
            rule=Rule(rule) if rule is not None else None,
            proxies=Networks(access.trusted_proxies) if listener.text in proxied else None,
            header_timeout_s=access.proxy_header_timeout_s,
        )

    def _stop_listening(self) -> None:
        for listener in self._listeners:
            listener.close()


def _tokens(config: Config, clock: Clock) -> Tokens | None:
    """None: bearer tokens are not taken."""
    oauth = config.oauth
    if not (oauth.jwks or oauth.introspection):
        return None
    files = {
        name: str(config.path(file)) for name in ("jwks", "ca") if (file := getattr(oauth, name)) and "://" not in file
    }
    oauth = msgspec.structs.replace(oauth, **files)
    return Tokens(oauth, clock, TokenService(oauth))


def _count_caches(mail: MailStore) -> None:
    summaries, bodies = mail.summaries.cache, mail.bodies.cache
    for name, help_text, of_summaries, of_bodies in (
        ("cache_hits_total", "Found in a cache", lambda: summaries.hits, lambda: bodies.hits),
        ("cache_misses_total", "Not found in a cache", lambda: summaries.misses, lambda: bodies.misses),
        ("cache_octets", "Held by a cache", lambda: summaries.octets, lambda: bodies.octets),
    ):
        counts.source(name, help_text, of_summaries, label="summaries")
        counts.source(name, help_text, of_bodies, label="bodies")
