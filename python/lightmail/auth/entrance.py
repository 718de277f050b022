"""The Authenticator as one connection asks it: with the decision service before and behind it, where there is one."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from lightmail.auth.authenticator import Authenticator, Entered
from lightmail.auth.decisions import MAX_DELAY_S, Attempt, DecisionService
from lightmail.auth.sasl import Bearer, Credentials, Failed, Proven, TokenHints
from lightmail.auth.scram_keys import ScramKeys
from lightmail.errors import AccountDisabled, AuthenticationFailed, AuthorizationFailed, PolicyRefused

REFUSED = (AuthenticationFailed, AuthorizationFailed, AccountDisabled)


@dataclass(frozen=True, slots=True)
class Visitor:
    """What is known of a connection whose client wants to log in."""

    host: str | None
    """The client's numeric address; None: a unix socket."""
    protocol: str
    tls: bool
    client: Mapping[str, str | None] = field(default_factory=dict)
    """What it has said of itself (RFC 2971)."""


class Entrance:
    """Raises what the Authenticator raises, and PolicyRefused."""

    def __init__(self, authenticator: Authenticator, visitor: Visitor, decisions: DecisionService | None) -> None:
        self._authenticator = authenticator
        self._visitor = visitor
        self._decisions = decisions

    async def authenticate(self, credentials: Credentials) -> Entered:
        host = self._visitor.host
        if self._decisions is None:
            return await self._authenticator.authenticate(credentials, host)
        return await _Asked(self._decisions, self._attempt(credentials.username, credentials.password)).enter(
            lambda: self._authenticator.authenticate(credentials, host)
        )

    async def proven(self, proven: Proven) -> Entered:
        host = self._visitor.host
        if self._decisions is None:
            return await self._authenticator.proven(proven, host)
        return await _Asked(self._decisions, self._attempt(proven.username)).enter(
            lambda: self._authenticator.proven(proven, host)
        )

    async def bearer(self, bearer: Bearer) -> Entered:
        host = self._visitor.host
        if self._decisions is None:
            return await self._authenticator.bearer(bearer, host)
        return await _Asked(self._decisions, self._attempt(bearer.username)).enter(
            lambda: self._authenticator.bearer(bearer, host)
        )

    @property
    def token_hints(self) -> TokenHints:
        return self._authenticator.token_hints

    async def failed(self, failed: Failed) -> AuthenticationFailed:
        error = await self._authenticator.failed(failed, self._visitor.host)
        if self._decisions is not None and self._decisions.policy.report:
            self._decisions.report(self._attempt(failed.username), success=False)
        return error

    async def scram_keys(self, kind: str, username: bytes) -> ScramKeys:
        return await self._authenticator.scram_keys(kind, username)

    async def cram_md5_contexts(self, username: bytes) -> bytes:
        return await self._authenticator.cram_md5_contexts(username)

    def _attempt(self, username: bytes, password: bytes = b"") -> Attempt:
        visitor = self._visitor
        return Attempt(
            login=username.decode("utf-8", "replace"),
            password=password,
            remote=visitor.host or "",
            protocol=visitor.protocol,
            tls=visitor.tls,
            session_id=secrets.token_hex(8),
            device_id=" ".join(f"{_quoted(name)} {_quoted(value)}" for name, value in visitor.client.items() if value),
        )


class _Asked:
    """One login of which the decision service is told."""

    def __init__(self, decisions: DecisionService, attempt: Attempt) -> None:
        self._decisions = decisions
        self._attempt = attempt

    async def enter(self, claim: Callable[[], Awaitable[Entered]]) -> Entered:
        policy = self._decisions.policy
        if policy.before:
            await self._allowed()
        try:
            entered = await claim()
        except REFUSED:
            self._report(success=False)
            raise
        if policy.after:
            await self._allowed()
        self._report(success=True)
        return entered

    async def _allowed(self) -> None:
        """Returns when the login may go on. Raises PolicyRefused."""
        status = await self._decisions.allow(self._attempt)
        if status < 0:
            self._report(success=False, policy_reject=True)
            raise PolicyRefused
        if status:
            await asyncio.sleep(min(status, MAX_DELAY_S))

    def _report(self, *, success: bool, policy_reject: bool = False) -> None:
        if self._decisions.policy.report:
            self._decisions.report(self._attempt, success=success, policy_reject=policy_reject)


def _quoted(text: str) -> str:
    """An IMAP string, as the service knows it from ID."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
