"""One process that does everything."""

from __future__ import annotations

import asyncio
import contextlib

import structlog

from lightmail.config import Config
from lightmail.errors import ConfigError
from lightmail.net.listeners import Listener, bind_all
from lightmail.net.tls import Identity
from lightmail.obs.families import exposition
from lightmail.obs.logs import configure_logs
from lightmail.obs.metrics import families
from lightmail.serving import machine
from lightmail.serving.certificate import identity_for, renew
from lightmail.serving.reload import Reread, changed_keys, needs_restart, read_again
from lightmail.serving.server import Server
from lightmail.serving.store import Announce, OpenStore, Prepare, Started, nothing_to_prepare

_log = structlog.get_logger("lightmail.serving")


def serve_alone(
    config: Config, open_store: OpenStore, *, reread: Reread | None, prepare: Prepare | None, started: Announce
) -> None:
    """Until SIGTERM or SIGINT, then drain; on a loop of its own. See `run.serve`."""
    with asyncio.Runner(loop_factory=machine.loop_factory(config.server.event_loop)) as runner:
        runner.run(_serve(config, open_store, reread, prepare or nothing_to_prepare, started))


async def _serve(
    config: Config, open_store: OpenStore, reread: Reread | None, prepare: Prepare, started: Announce
) -> None:
    identity, made = identity_for(config)
    async with contextlib.AsyncExitStack() as stack:
        listeners = _bind(config, identity)
        for listener in listeners:
            stack.callback(listener.close)
        store = await stack.enter_async_context(open_store(config))
        prepared = tuple(await prepare(store))
        server = Server(config, store, identity)
        stop = asyncio.Event()
        using = config

        def reload() -> None:
            nonlocal using
            again = read_again(reread) if reread is not None else using
            if again is None or not renew(identity):
                return
            if again.log != using.log:
                configure_logs(again.log)
            needs_restart([key for key in changed_keys(using, again) if not key.startswith("log.")])
            using = again

        def report() -> None:
            machine.write_metrics(config.data, exposition([*families(), *machine.workers(1, restarts=0)]))

        with machine.signals(on_stop=stop.set, on_reload=reload, on_report=report):
            machine.raise_descriptor_limit(config.limits.connections)
            await server.start(listeners)
            addresses = [(each.protocol, each.address) for each in listeners]
            machine.write_addresses(config.data, addresses)
            _log.info("started", data=str(config.data), addresses=[f"{p} {a}" for p, a in addresses])
            machine.settle_memory()
            started(Started(addresses, identity, made, prepared))
            await stop.wait()
            machine.remove_addresses(config.data)
            await server.close()


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
