"""Commands about the connection: CAPABILITY, NOOP, CHECK, LOGOUT, ID, STARTTLS, ENABLE (RFC 9051 §6.1, §6.2.1, §6.3.1),
COMPRESS (RFC 4978), UNAUTHENTICATE (RFC 8437).
"""

from __future__ import annotations

import structlog

import lightmail
from lightmail._core import imap
from lightmail.imap.replies import Done
from lightmail.imap.session import Session

_log = structlog.get_logger("lightmail.imap")

_CAPABILITY = Done("That is all")
_NOOP = Done("Nothing done")
_CHECK = Done("Checked")
_LOGOUT = Done("Until next time")
_ID = Done("Pleased to meet you")
_BEGIN_TLS = Done("Begin TLS now", starts_tls=True)
_TLS_ALREADY = Done("TLS is on already", status=b"BAD")
_ENABLED = Done("Enabled")
_COMPRESSING = Done("DEFLATE active", starts_compression=True)
_COMPRESSING_ALREADY = Done("DEFLATE is active already", status=b"BAD")
_UNAUTHENTICATED = Done("Nobody is logged in", starts_over=True)
_SELF = b'* ID ("name" "LightMail" "version" "%s")\r\n' % lightmail.__version__.encode()

ENABLED_NAMES = {
    "CONDSTORE": b"CONDSTORE",
    "QRESYNC": b"QRESYNC",
    "UTF8=ACCEPT": b"UTF8=ACCEPT",
    "IMAP4REV2": b"IMAP4rev2",
    "UIDONLY": b"UIDONLY",
}


async def capability(session: Session, command: imap.Capability) -> Done:
    """RFC 9051 §6.1.1."""
    session.send(b"* CAPABILITY %s\r\n" % session.capability_list())
    return _CAPABILITY


async def noop(session: Session, command: imap.Noop) -> Done:
    """Whatever has changed is told by comparing views, after this (RFC 9051 §6.1.2)."""
    return _NOOP


async def check(session: Session, command: imap.Check) -> Done:
    """Everything answered is durable already (law 1), so this is NOOP (RFC 3501 §6.4.1)."""
    return _CHECK


async def logout(session: Session, command: imap.Logout) -> Done:
    """BYE comes first, then OK, then the end (RFC 9051 §6.1.3): the dispatcher closes."""
    session.send(b"* BYE Logging out\r\n")
    session.close()
    return _LOGOUT


async def identify(session: Session, command: imap.Id) -> Done:
    """RFC 2971. What the client says of itself helps an operator, who may hide capabilities from some clients."""
    if command.params:
        session.know_client(command.params)
        _log.info("client", peer=session.output.peer_host, user=_name(session), client=command.params)
    session.send(_SELF)
    return _ID


async def start_tls(session: Session, command: imap.StartTls) -> Done:
    """RFC 9051 §6.2.1. The dispatcher drops what was pipelined behind it and has the connection upgraded."""
    return _TLS_ALREADY if session.output.tls else _BEGIN_TLS


async def compress(session: Session, command: imap.Compress) -> Done:
    """RFC 4978 §3. The dispatcher has the connection compress from the end of this answer on."""
    return _COMPRESSING_ALREADY if session.output.compressing else _COMPRESSING


async def unauthenticate(session: Session, command: imap.Unauthenticate) -> Done:
    """RFC 8437 §3: never NO. The dispatcher begins anew what belongs to the connection."""
    _log.info("unauthenticated", session=session.name, peer=session.output.peer_host, user=_name(session))
    session.log_out()
    return _UNAUTHENTICATED


async def enable(session: Session, command: imap.Enable) -> Done:
    """What is unknown, or cannot be enabled, is ignored; what was on before is not listed (RFC 5161 §3.1, §3.2)."""
    enabled = [
        ENABLED_NAMES[name]
        for name in dict.fromkeys(command.capabilities)
        if name in session.capabilities.enableable and _switch_on(session, name)
    ]
    session.send(b"* %s\r\n" % b" ".join((b"ENABLED", *enabled)))
    return _ENABLED


def _switch_on(session: Session, name: str) -> bool:
    """False when it was on before."""
    match name:
        case "CONDSTORE":
            was, session.condstore = session.condstore, True
        case "QRESYNC":
            was, session.qresync = session.qresync, True
            # RFC 7162 §3.2.3: it enables CONDSTORE too.
            session.condstore = True
        case "UTF8=ACCEPT":
            was, session.utf8 = session.utf8, True
        case "UIDONLY":
            was, session.uid_only = session.uid_only, True
        case "IMAP4REV2":
            was, session.rev2 = session.rev2, True
        case _:
            return False
    return not was


def _name(session: Session) -> str | None:
    return session.user.address if session.user is not None else None
