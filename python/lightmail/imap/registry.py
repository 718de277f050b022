"""One row per command: the only list of commands there is. The dispatcher reads it; handlers contain no such rules.

Commands of one connection run one after another, in the order in which they came (RFC 9051 §5.5 leaves it to the
server), so there is no column for which of them wait for earlier ones: all do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

from lightmail._core import imap
from lightmail.imap import state
from lightmail.imap.capabilities import Capabilities
from lightmail.imap.commands import acl, auth, connection, idle, language, list, mailboxes, metadata, quota, status
from lightmail.imap.commands.append import AppendRun
from lightmail.imap.commands.copy import copy, move
from lightmail.imap.commands.expunge import expunge
from lightmail.imap.commands.fetch import fetch
from lightmail.imap.commands.multisearch import multisearch
from lightmail.imap.commands.notify import notify
from lightmail.imap.commands.search import cancel_update, search
from lightmail.imap.commands.select import close, select, unselect
from lightmail.imap.commands.sort import sort
from lightmail.imap.commands.store import store
from lightmail.imap.commands.thread import thread
from lightmail.imap.commands.uid_batches import uid_batches
from lightmail.imap.replies import Outcome
from lightmail.imap.session import Session
from lightmail.imap.state import State

Handler = Callable[[Session, Any], Awaitable[Outcome]]
"""Takes a command of the type of its row."""


class Expunges(Enum):
    """Whether EXPUNGE may be sent in answer to a command (RFC 9051 §7.5.1)."""

    YES = "yes"
    UID_ONLY = "only in answer to its UID form"


@dataclass(frozen=True, slots=True)
class Row:
    type: type
    """A command of `_core.imap`; AppendMessage and ReplaceMessage stand for APPEND and REPLACE, whose octets come as events."""
    handler: Handler
    states: tuple[State, ...]
    """In which it is admitted."""
    capability: str = ""
    """Without which it is unknown."""
    expunges: Expunges = Expunges.YES
    answers_changes: bool = False
    """What it does to the selected mailbox is told in answer, whatever NOTIFY says."""
    changes_connection: bool = False
    """The connection may be another one afterwards: in TLS, logged in, with other limits or names, or closed."""
    without_utf8: bool = False
    """Admitted before ENABLE UTF8=ACCEPT where UTF8=ONLY is advertised: it concerns no mail (RFC 6855 §6)."""


async def finish_append(session: Session, run: AppendRun) -> Outcome:
    """APPEND or REPLACE, once its octets have come."""
    return await run.finish()


ROWS = (
    # RFC 9051 §6.1: any state
    Row(imap.Capability, connection.capability, state.ANY, without_utf8=True),
    Row(imap.Noop, connection.noop, state.ANY, without_utf8=True),
    Row(imap.Logout, connection.logout, state.ANY, changes_connection=True, without_utf8=True),
    Row(imap.Id, connection.identify, state.ANY, capability="ID", changes_connection=True, without_utf8=True),
    Row(imap.Language, language.language, state.ANY, capability="LANGUAGE", without_utf8=True),
    # §6.2: not authenticated
    Row(
        imap.StartTls,
        connection.start_tls,
        state.NOT_AUTHENTICATED,
        capability="STARTTLS",
        changes_connection=True,
        without_utf8=True,
    ),
    Row(imap.Authenticate, auth.authenticate, state.NOT_AUTHENTICATED, changes_connection=True, without_utf8=True),
    Row(imap.Login, auth.login, state.NOT_AUTHENTICATED, changes_connection=True, without_utf8=True),
    # §6.3: authenticated
    Row(
        imap.Enable,
        connection.enable,
        state.AUTHENTICATED,
        capability="ENABLE",
        changes_connection=True,
        without_utf8=True,
    ),
    Row(
        imap.Compress,
        connection.compress,
        state.AUTHENTICATED,
        capability="COMPRESS=DEFLATE",
        changes_connection=True,
        without_utf8=True,
    ),
    Row(
        imap.Unauthenticate,
        connection.unauthenticate,
        state.AUTHENTICATED,
        capability="UNAUTHENTICATE",
        changes_connection=True,
        without_utf8=True,
    ),
    Row(imap.Comparator, language.comparator, state.AUTHENTICATED, capability="I18NLEVEL=2"),
    Row(imap.Select, select, state.AUTHENTICATED),
    Row(imap.Create, mailboxes.create, state.AUTHENTICATED),
    Row(imap.Delete, mailboxes.delete, state.AUTHENTICATED),
    Row(imap.Rename, mailboxes.rename, state.AUTHENTICATED),
    Row(imap.Subscribe, mailboxes.subscribe, state.AUTHENTICATED),
    Row(imap.Unsubscribe, mailboxes.unsubscribe, state.AUTHENTICATED),
    Row(imap.List, list.list_mailboxes, state.AUTHENTICATED),
    Row(imap.Lsub, list.lsub, state.AUTHENTICATED),
    Row(imap.Xlist, list.xlist, state.AUTHENTICATED, capability="XLIST"),
    Row(imap.Namespace, mailboxes.namespace, state.AUTHENTICATED, capability="NAMESPACE"),
    Row(imap.Status, status.status, state.AUTHENTICATED),
    Row(imap.GetMetadata, metadata.get_metadata, state.AUTHENTICATED, capability="METADATA"),
    Row(imap.SetMetadata, metadata.set_metadata, state.AUTHENTICATED, capability="METADATA"),
    Row(imap.GetQuota, quota.get_quota, state.AUTHENTICATED, capability="QUOTA"),
    Row(imap.GetQuotaRoot, quota.get_quota_root, state.AUTHENTICATED, capability="QUOTA"),
    Row(imap.SetQuota, quota.set_quota, state.AUTHENTICATED, capability="QUOTASET"),
    Row(imap.SetAcl, acl.set_acl, state.AUTHENTICATED, capability="ACL"),
    Row(imap.DeleteAcl, acl.delete_acl, state.AUTHENTICATED, capability="ACL"),
    Row(imap.GetAcl, acl.get_acl, state.AUTHENTICATED, capability="ACL"),
    Row(imap.ListRights, acl.list_rights, state.AUTHENTICATED, capability="ACL"),
    Row(imap.MyRights, acl.my_rights, state.AUTHENTICATED, capability="ACL"),
    Row(imap.AppendMessage, finish_append, state.AUTHENTICATED),
    Row(imap.Notify, notify, state.AUTHENTICATED, capability="NOTIFY"),
    Row(imap.Esearch, multisearch, state.AUTHENTICATED, capability="MULTISEARCH"),
    Row(imap.Idle, idle.idle, state.AUTHENTICATED, capability="IDLE", without_utf8=True),
    # §6.4: selected
    Row(imap.Check, connection.check, state.SELECTED),
    Row(imap.Close, close, state.SELECTED),
    Row(imap.Unselect, unselect, state.SELECTED, capability="UNSELECT"),
    Row(imap.Expunge, expunge, state.SELECTED, answers_changes=True),
    Row(imap.UidBatches, uid_batches, state.SELECTED, capability="UIDBATCHES"),
    Row(imap.Search, search, state.SELECTED, expunges=Expunges.UID_ONLY),
    Row(imap.CancelUpdate, cancel_update, state.SELECTED, capability="CONTEXT=SEARCH"),
    Row(imap.Thread, thread, state.SELECTED, capability="THREAD=REFERENCES", expunges=Expunges.UID_ONLY),
    Row(imap.Sort, sort, state.SELECTED, capability="SORT", expunges=Expunges.UID_ONLY),
    Row(imap.Fetch, fetch, state.SELECTED, expunges=Expunges.UID_ONLY),
    Row(imap.Store, store, state.SELECTED, expunges=Expunges.UID_ONLY, answers_changes=True),
    Row(imap.Copy, copy, state.SELECTED),
    Row(imap.ReplaceMessage, finish_append, state.SELECTED, capability="REPLACE", answers_changes=True),
    Row(imap.Move, move, state.SELECTED, capability="MOVE", answers_changes=True),
)


@lru_cache(maxsize=256)
def rows(capabilities: Capabilities) -> dict[type, Row]:
    """Those known where these capabilities are, by type."""
    return {row.type: row for row in ROWS if capabilities.has_command(row.capability)}
