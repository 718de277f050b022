"""LOGIN and AUTHENTICATE (RFC 9051 §6.2.2, §6.2.3; SASL-IR: RFC 4959)."""

from __future__ import annotations

import structlog

from lightmail._core import imap
from lightmail.auth import sasl
from lightmail.auth.authenticator import Entered
from lightmail.auth.exchange import Exchange
from lightmail.auth.mechanisms import MECHANISMS, configured
from lightmail.auth.sasl import Challenge, Credentials
from lightmail.errors import AccountDisabled, AuthenticationFailed, AuthorizationFailed, PrivacyRequired
from lightmail.imap.replies import Ask, Done, Outcome
from lightmail.imap.session import Session
from lightmail.obs.audit import audit

_log = structlog.get_logger("lightmail.imap")
_REFUSED = (AuthenticationFailed, AuthorizationFailed, AccountDisabled)


async def login(session: Session, command: imap.Login) -> Done:
    """Refused before the password is looked at where it should not have been sent (LOGINDISABLED)."""
    if not session.plaintext_allowed():
        raise PrivacyRequired()
    credentials = Credentials(command.username, command.password)
    try:
        entered = await session.entrance().authenticate(credentials)
    except _REFUSED as error:
        _refused(session, "LOGIN", command.username, error)
        raise
    return _welcome(session, "LOGIN", entered)


async def authenticate(session: Session, command: imap.Authenticate) -> Outcome:
    name, line = command.mechanism.upper(), session.line()
    names = session.capabilities.mechanisms(line)
    if name not in names:
        hidden = f"AUTH={name}" in session.capabilities.hidden
        if not line.tls and not hidden and name in configured(session.config.auth):
            raise PrivacyRequired()
        return Done("That mechanism is not known here", status=b"NO")
    mechanism = MECHANISMS[name].create(line, names)
    exchange = Exchange(mechanism, session.entrance())
    return await _Authenticating(session, name, exchange).step(command.initial)


class _Authenticating:
    """One AUTHENTICATE under way: challenges and responses until the mechanism is satisfied."""

    __slots__ = ("_exchange", "_mechanism", "_session")

    def __init__(self, session: Session, mechanism: str, exchange: Exchange) -> None:
        self._session = session
        self._mechanism = mechanism
        self._exchange = exchange

    async def step(self, response: bytes | None) -> Outcome:
        """Raises AuthenticationFailed, AuthorizationFailed, AccountDisabled, Unavailable."""
        try:
            step = await self._exchange.step(response)
        except sasl.MalformedResponse as error:
            return Done(str(error), status=b"BAD")
        except _REFUSED as error:
            _refused(self._session, self._mechanism, self._exchange.username, error)
            raise
        if isinstance(step, Challenge):
            return Ask(sasl.encode_challenge(step), self._line)
        return _welcome(self._session, self._mechanism, step)

    async def _line(self, line: bytes) -> Outcome:
        try:
            response = sasl.decode_response(line)
        except sasl.Cancelled:
            return Done("AUTHENTICATE cancelled", status=b"BAD")
        except sasl.MalformedResponse as error:
            return Done(str(error), status=b"BAD")
        return await self.step(response)


def _refused(session: Session, mechanism: str, username: bytes, error: Exception) -> None:
    session.failed_logins += 1
    session.logins["refused"] += 1
    told = {
        "peer": session.output.peer_host,
        "user": username.decode("utf-8", "backslashreplace")[:254],
        "mechanism": mechanism,
        "reason": type(error).__name__,
    }
    _log.warning("login failed", **told)
    audit("login failed", protocol=session.output.protocol, tls=session.output.tls, **told)


def _welcome(session: Session, mechanism: str, entered: Entered) -> Done:
    session.log_in(entered.user, entered.by)
    session.logins["ok"] += 1
    acting = {"by": entered.by} if entered.by else {}
    _log.info(
        "login",
        session=session.name,
        peer=session.output.peer_host,
        user=entered.user.address,
        tls=session.output.tls,
        mechanism=mechanism,
        **acting,
    )
    session.audit("login", protocol=session.output.protocol, tls=session.output.tls, mechanism=mechanism)
    # RFC 9051 §7.1: the list has changed, and this spares the client a CAPABILITY.
    return Done("Logged in", code=b"CAPABILITY " + session.capability_list())
