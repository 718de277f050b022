"""The Upkeep port: what tools ask of the metadata database, beside what sessions ask of it (`MetadataStore`).

Leases and jobs for work that one process does for all; the seal; records as they are, out and in (moving a store,
rebuilding one); counting again (check and repair). Nothing here is on the path of a client's command.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from lightmail.model import (
    AccountRecord,
    BodyCount,
    BodyId,
    BodyRecord,
    Entries,
    ExpungeRange,
    MailboxCount,
    MailboxId,
    MailboxPatch,
    MailboxRecord,
    ModSeq,
    Orphans,
    StoredBodyRecord,
    UserId,
)


class Upkeep(Protocol):
    # ---- leases and jobs

    async def take_lease(self, name: str, holder: str, *, seconds: int) -> bool:
        """True: `holder` has it from now on for so long, by one clock for all (the database server's where there is one);
        asked again by the same holder it is prolonged. False: somebody else has it. One statement writes it, atomically.
        """
        ...

    async def end_lease(self, name: str, holder: str) -> None:
        """Nothing happens when it is not theirs (any more)."""
        ...

    async def get_job(self, name: str) -> bytes | None:
        """How far a resumable job has come, as it was put; None: there is none."""
        ...

    async def put_job(self, name: str, state: bytes | None) -> None:
        """Durable when it returns. None: the job is done and forgotten."""
        ...

    # ---- the seal: a store that has been moved takes no writes any more

    async def seal(self, reason: str) -> None:
        """When it returns no verb of MetadataStore or Directory that changes anything will commit again: those under way have
        ended, those to come raise StoreSealed(reason). The verbs here still work, and the shared secret is still made.
        The check costs a verb no statement of its own: it travels with its first one, or with what begins a transaction.
        """
        ...

    async def unseal(self) -> None: ...

    async def sealed(self) -> str | None:
        """The reason; None: it is not."""
        ...

    # ---- out: records as they are

    async def account_records(self, after: UserId, limit: int) -> list[AccountRecord]:
        """Ascending by id, those beyond `after`."""
        ...

    async def mailbox_records(self, after: MailboxId, limit: int) -> list[MailboxRecord]:
        """All mailboxes of the store, whoever's, ascending by id; \\Noselect ones too."""
        ...

    async def account_acls(self, user_id: UserId) -> dict[MailboxId, Entries]:
        """Of those mailboxes of an account that have a list, in one statement."""
        ...

    async def expunge_ranges(self, mailbox_id: MailboxId, after: ModSeq) -> list[ExpungeRange]:
        """The expunge log beyond `after`, ascending."""
        ...

    async def body_records(self, body_ids: Sequence[BodyId]) -> list[StoredBodyRecord]:
        """Those that exist, with their summaries, ascending by id. One statement or two."""
        ...

    # ---- in: records as they were elsewhere. Each verb is one transaction; repeated it changes nothing.

    async def put_accounts(self, accounts: Sequence[AccountRecord]) -> None:
        """With the ids they have there: added, or made equal (subscriptions and aliases too). Mailboxes are not touched.
        Ids given later are greater; `last_uid_validity` is never lowered. Addresses may be exchanged among those given.
        Raises UserExists: the address, or an alias, is another id's.
        """
        ...

    async def drop_accounts(self, user_ids: Sequence[UserId]) -> None:
        """With their aliases, subscriptions, mailboxes and messages; bodies lose their references."""
        ...

    async def put_mailboxes(self, mailboxes: Sequence[MailboxRecord]) -> None:
        """With the ids they have there: added empty, or name, special use, selectable, UIDVALIDITY, `recent_from`, rights
        made equal. Messages, counters, uid_next, highest_modseq and keywords are `apply`'s. Names may be exchanged among
        those given. UIDVALIDITYs given later to the account are greater. Raises UserNotFound; MailboxExists: another one
        that is not among them has the name.
        """
        ...

    async def drop_mailboxes(self, mailbox_ids: Sequence[MailboxId]) -> None:
        """With their messages, whatever is below them; bodies lose their references. Those that are gone are skipped."""
        ...

    async def apply(self, patch: MailboxPatch) -> None:
        """Leads a mailbox, \\Noselect or not, to where it is elsewhere; see MailboxPatch. Counters and reference counts
        follow; a body that nothing names has its time of grace from now on.
        Raises MailboxNotFound, BodyMissing (a row names a body that is neither here nor in the patch).
        """
        ...

    # ---- counting again

    async def mailbox_counts(self, after: MailboxId, limit: int) -> list[MailboxCount]:
        """What mailbox rows say and what their messages come to, at one point in time, ascending by id."""
        ...

    async def body_counts(self, after: BodyId, limit: int) -> list[BodyCount]:
        """What body rows say and how many messages name them, at one point in time, ascending by id. Each page reads all
        messages of the store once: pages should be large (10,000 and more).
        """
        ...

    async def missing_bodies(self, mailbox_id: MailboxId) -> list[tuple[int, BodyId]]:
        """(UID, body id) of messages whose body has no row."""
        ...

    async def recount(self, mailbox_ids: Sequence[MailboxId], body_ids: Sequence[BodyId]) -> None:
        """Make the counters and reference counts of these what the messages come to, under the locks of writers;
        uid_next and highest_modseq are raised where a message or the log is beyond them, never lowered. A mailbox whose
        counters change gets a new MODSEQ, so that who has it open looks. Messages get the size of their bodies, and lose
        flags that have no name there, under a new MODSEQ. The greatest UIDVALIDITY of their owner is remembered.
        """
        ...

    async def put_bodies(self, bodies: Sequence[tuple[BodyId, BodyRecord]]) -> None:
        """Rows and summaries of these, where they are missing; what is there is left as it is. Messages that name a body
        which had no row are not counted yet: `recount`.
        """
        ...

    async def replace_object(self, body_id: BodyId, old_key: str, new_key: str, stored_octets: int) -> bool:
        """The body is in another object from now on, with the same octets. The old object gets a row of its own that no
        message names, and has its time of grace from now on: who reads it meanwhile reads it to its end.
        False, and nothing has changed: the body is gone, or is in another object than `old_key`.
        """
        ...

    async def drop_messages(self, mailbox_id: MailboxId, uids: Sequence[int]) -> None:
        """Those of these that name no body leave as if expunged, with a new MODSEQ and in the log; others stay.
        Raises MailboxNotFound.
        """
        ...

    async def orphans(self, limit: int) -> Orphans:
        """Rights and annotations of mailboxes and accounts that are gone, so many of each at most. Looks at all there are."""
        ...

    async def drop_orphans(self, found: Orphans) -> None:
        """Deletes these, unless their mailboxes and accounts are there by now, in one transaction."""
        ...
