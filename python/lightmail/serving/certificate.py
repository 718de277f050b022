"""The certificate of a configuration: whether one is needed, the development one, reading it again."""

from __future__ import annotations

import structlog

from lightmail.config import Config, Tls
from lightmail.config.addresses import parse_listen
from lightmail.errors import ConfigError
from lightmail.net.tls import Identity, load_identity, make_development_certificate

_log = structlog.get_logger("lightmail.serving")


def identity_for(config: Config) -> tuple[Identity | None, bool]:
    """What the listeners need, and whether it was made just now. Raises ConfigError."""
    listens = [*config.imap.listen, *(text for text in config.lmtp.listen if parse_listen(text).tls)]
    if not listens:
        return None, False
    certificate, key = config.path(config.tls.certificate), config.path(config.tls.key)
    made = False
    if (config.tls.certificate, config.tls.key) == (Tls().certificate, Tls().key):
        made = make_development_certificate(certificate, key, config.server.hostname)
    identity = load_identity(certificate, key, minimum=config.tls.minimum)
    if identity.warning:
        _log.warning(identity.warning, file=str(certificate))
    return identity, made


def renew(identity: Identity | None) -> bool:
    """Read the files again: handshakes from now on use what is there. False: they are no good, nothing changes."""
    if identity is None:
        return True
    try:
        renewed = identity.reload()
    except (ConfigError, OSError) as error:  # OSError: the files go while they are read
        _log.error("certificate not reloaded", problem=str(error))
        return False
    _log.info("certificate reloaded", sha256=renewed.fingerprint)
    if renewed.warning:
        _log.warning(renewed.warning, file=str(renewed.certificate))
    return True
