"""Access control lists in dictionaries."""

from __future__ import annotations

from collections.abc import Sequence

from lightmail.backends.acl import changed
from lightmail.backends.memory.state import MemoryState, StoredMailbox
from lightmail.model import Delta, Entries, FlagOp, Mailbox, MailboxId, Rights, SharedMailbox, UserId


class MemoryAcl:
    """What `ports.metadata.MetadataStore` says of rights."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    async def visible_mailboxes(
        self, user_id: UserId, identifiers: Sequence[str], limit: int
    ) -> tuple[list[Mailbox], list[SharedMailbox]]:
        own, others = [], []
        for mailbox in self._state.mailboxes.values():
            if mailbox.user_id == user_id:
                own.append(self._state.view(mailbox))
            elif mailbox.acl.keys() & identifiers:
                others.append(self._shared(mailbox, identifiers))
        return own, others[:limit]

    async def shared_mailboxes(
        self, address: str, names: Sequence[str], identifiers: Sequence[str]
    ) -> list[SharedMailbox]:
        owners = [user.id for user in self._state.users.values() if user.address == address]
        return [
            self._shared(mailbox, identifiers)
            for mailbox in self._state.mailboxes.values()
            if mailbox.user_id in owners and mailbox.name in names
        ]

    async def get_acl(self, mailbox_id: MailboxId) -> Entries:
        mailbox = self._state.mailboxes.get(mailbox_id)
        return mailbox.entries if mailbox else ()

    async def change_acl(self, mailbox_id: MailboxId, identifier: str, op: FlagOp, rights: Rights) -> Delta | None:
        self._state.writable()
        mailbox = self._state.mailbox(mailbox_id)
        after = changed(tuple(mailbox.acl.items()), identifier, op, rights)
        if after == mailbox.acl.get(identifier, Rights.NONE):
            return None
        if after:
            mailbox.acl[identifier] = after
        else:
            del mailbox.acl[identifier]
        return self._state.commit(mailbox, ())

    def _shared(self, mailbox: StoredMailbox, identifiers: Sequence[str]) -> SharedMailbox:
        entries = [(who, mailbox.acl[who]) for who in sorted(mailbox.acl) if who in identifiers]
        owner = self._state.users[mailbox.user_id]
        return SharedMailbox(self._state.view(mailbox), owner.address, tuple(entries))
