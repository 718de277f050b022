"""Where a server with several workers listens: held by the supervisor, inherited by the workers, changed by a reload."""

from __future__ import annotations

from lightmail.config import Config
from lightmail.errors import ConfigError
from lightmail.net.listeners import Listener
from lightmail.net.shared import SharedAddress, share
from lightmail.net.tls import Identity


class Places:
    """Each element of a `listen` list has its addresses, under its protocol and text."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], list[SharedAddress]] = {}

    def extend(self, config: Config) -> None:
        """Bind what this configuration has and is not held yet. Raises ConfigError; then what is new may stay until
        `keep`.
        """
        mode = int(config.lmtp.socket_mode, 8)
        for protocol, text in _wanted(config):
            if (protocol, text) not in self._held:
                self._held[protocol, text] = share(
                    text,
                    protocol=protocol,
                    data=config.data,
                    processes=config.server.workers,
                    unix_mode=mode,
                )
        for shared in self._of(config):
            try:
                shared.grow(config.server.workers)
            except OSError as error:
                raise ConfigError("configuration", "server.workers", f"{shared.address}: {error.strerror}") from error

    def keep(self, config: Config) -> None:
        """Let go of what this configuration does not have."""
        wanted = set(_wanted(config))
        for key in [key for key in self._held if key not in wanted]:
            for shared in self._held.pop(key):
                shared.close()
        for shared in self._of(config):
            shared.shrink(config.server.workers)
            shared.set_mode(int(config.lmtp.socket_mode, 8))

    def addresses(self, config: Config) -> list[tuple[str, str]]:
        """(protocol, address) in the order of the configuration."""
        return [(shared.protocol, shared.address) for shared in self._of(config)]

    def listeners(self, config: Config, process: int, identity: Identity | None) -> list[Listener]:
        """In a worker: the sockets of its own; all others are closed."""
        tls = identity.context if identity else None
        wanted = set(_wanted(config))
        for key, addresses in self._held.items():
            if key not in wanted:
                for shared in addresses:
                    shared.forget()
        return [shared.listener(process, tls) for shared in self._of(config)]

    def vacate(self, config: Config, process: int) -> None:
        """This worker will not be there for a while: new connections go to others. Raises OSError."""
        for shared in self._of(config):
            shared.renew(process)

    def close(self) -> None:
        for addresses in self._held.values():
            for shared in addresses:
                shared.close()
        self._held.clear()

    def _of(self, config: Config) -> list[SharedAddress]:
        return [shared for key in _wanted(config) for shared in self._held[key]]


def _wanted(config: Config) -> list[tuple[str, str]]:
    return [
        *(("imap", text) for text in config.imap.listen),
        *(("lmtp", text) for text in config.lmtp.listen),
    ]
