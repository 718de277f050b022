"""LOGIN and AUTHENTICATE (RFC 9051 §6.2.2, §6.2.3; SASL-IR: RFC 4959)."""

from __future__ import annotations

import structlog

from lightmail._core import imap
from lightmail.auth import sasl
from lightmail.auth.sasl import Challenge, Credentials, Mechanism
from lightmail.errors import AccountDisabled, AuthenticationFailed, AuthorizationFailed, PrivacyRequired
from lightmail.imap.replies import Ask, Done, Outcome
from lightmail.imap.session import Session

_log = structlog.get_logger("lightmail.imap")


async def login(session: Session, command: imap.Login) -> Done:
    """Refused before the password is looked at where it should not have been sent (LOGINDISABLED)."""
    if not session.plaintext_allowed():
        raise PrivacyRequired()
    return await _enter(session, Credentials(command.username, command.password))


async def authenticate(session: Session, command: imap.Authenticate) -> Outcome:
    try:
        row = sasl.find(command.mechanism)
    except sasl.UnknownMechanism:
        row = None
    if row is None or f"AUTH={row.name}" in session.capabilities.hidden:
        return Done("That mechanism is not known here", status=b"NO")
    if row.plaintext and not session.plaintext_allowed():
        raise PrivacyRequired()
    return await _Exchange(session, row.create()).step(command.initial)


class _Exchange:
    """One AUTHENTICATE under way: challenges and responses until the mechanism is satisfied."""

    __slots__ = ("_mechanism", "_session")

    def __init__(self, session: Session, mechanism: Mechanism) -> None:
        self._session = session
        self._mechanism = mechanism

    async def step(self, response: bytes | None) -> Outcome:
        try:
            step = self._mechanism.step(response)
        except sasl.MalformedResponse as error:
            return Done(str(error), status=b"BAD")
        if isinstance(step, Challenge):
            return Ask(sasl.encode_challenge(step), self._line)
        return await _enter(self._session, step)

    async def _line(self, line: bytes) -> Outcome:
        try:
            response = sasl.decode_response(line)
        except sasl.Cancelled:
            return Done("AUTHENTICATE cancelled", status=b"BAD")
        except sasl.MalformedResponse as error:
            return Done(str(error), status=b"BAD")
        return await self.step(response)


async def _enter(session: Session, credentials: Credentials) -> Done:
    """Raises AuthenticationFailed, AuthorizationFailed, AccountDisabled, Unavailable."""
    peer = session.output.peer_host
    try:
        user = await session.authenticator.authenticate(credentials, peer)
    except (AuthenticationFailed, AuthorizationFailed, AccountDisabled) as error:
        session.failed_logins += 1
        session.logins["refused"] += 1
        _log.warning(
            "login failed",
            peer=peer,
            user=credentials.username.decode("utf-8", "backslashreplace")[:254],
            reason=type(error).__name__,
        )
        raise
    session.log_in(user)
    session.logins["ok"] += 1
    _log.info("login", session=session.name, peer=peer, user=user.address, tls=session.output.tls)
    # RFC 9051 §7.1: the list has changed, and this spares the client a CAPABILITY.
    return Done("Logged in", code=b"CAPABILITY " + session.capability_list())
