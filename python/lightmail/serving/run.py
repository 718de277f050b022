"""`serve`: the data folder is taken, then one process serves, or a supervisor and its workers."""

from __future__ import annotations

from collections.abc import Callable

from lightmail.config import Config
from lightmail.serving import machine
from lightmail.serving.alone import serve_alone
from lightmail.serving.reload import Reread
from lightmail.serving.store import Announce, OpenStore, Prepare
from lightmail.serving.supervisor import Supervisor


def serve(
    config: Config,
    open_store: OpenStore,
    *,
    preload: Callable[[Config], None] = lambda _: None,
    reread: Reread | None = None,
    prepare: Prepare | None = None,
    started: Announce = lambda _: None,
) -> None:
    """Run until SIGTERM or SIGINT, then drain. No loop may run yet, and no other thread.

    preload: imports what opening the store will need, for all workers at once. reread: for SIGHUP; without it only the
    certificate is read again. prepare: called with the open store before connections are accepted; with several workers
    in the first of them. started: once all accept connections, in the process that called.

    Raises DataFolderLocked, ConfigError, Unavailable, SchemaMismatch, WorkerFailed, before anybody has been served.
    """
    config = machine.effective(config)
    machine.ensure_data_folder(config.data)
    lock = machine.DataFolderLock(config.data)
    try:
        machine.remove_addresses(config.data)
        if config.server.workers == 1:
            serve_alone(config, open_store, reread=reread, prepare=prepare, started=started)
        else:
            preload(config)
            Supervisor(config, open_store, lock, reread=reread, prepare=prepare, started=started).run()
    finally:
        lock.release()
