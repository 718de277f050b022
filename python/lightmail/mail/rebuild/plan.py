"""Accounts and mailboxes as they are going to be: those that manifests tell, and those that messages ask for. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from lightmail.mail.manifests.lines import AccountLine, MailboxLine
from lightmail.mail.rebuild.placing import Claim
from lightmail.model import (
    DELIMITER,
    INBOX,
    AccountRecord,
    Mailbox,
    MailboxId,
    MailboxRecord,
    ModSeq,
    Quota,
    UidValidity,
    User,
    UserId,
)
from lightmail.model.rights import rights_of

UID_DISTANCE = 1_000_000
"""A mailbox goes on so far beyond the UIDs that manifests tell of: those between may have been given, after the last
manifest, to messages that clients have seen.
"""
MODSEQ_DISTANCE = 1_000_000
"""The same for MODSEQs."""
RECOVERED = "Recovered"
"""The mailbox for messages of which nobody knows whose they are."""
_LAST_UID = 2**32 - 2
_KEPT_FOR_LATER = 16
"""A mailbox has to have room for so many rebuildings more, or it gets another UIDVALIDITY."""


@dataclass(slots=True)
class PlannedMailbox:
    id: int
    account: PlannedAccount
    name: str
    line: MailboxLine | None
    """As manifests tell it; None: it is new."""
    uid_validity: int = 0
    """0: to be given yet."""
    uid_next: int = 1
    """For the first message that no manifest has."""
    modseq: int = 2
    """Of everything that is there after rebuilding."""
    special_use: tuple[str, ...] = ()
    keywords: list[str] = field(default_factory=list)

    @property
    def skipped(self) -> tuple[int, int] | None:
        """The first and the last UID that may have been given to messages that are not there any more."""
        line = self.line
        if line is None or line.uid_validity != self.uid_validity or line.uid_next >= self.uid_next:
            return None
        return line.uid_next, self.uid_next - 1

    def record(self) -> MailboxRecord:
        line = self.line
        mailbox = Mailbox(
            id=MailboxId(self.id),
            user_id=UserId(self.account.id),
            name=self.name,
            uid_validity=UidValidity(self.uid_validity),
            uid_next=self.uid_next,
            highest_modseq=ModSeq(self.modseq),
            subscribed=False,
            special_use=self.special_use,
            selectable=line.selectable if line is not None else True,
            recent_from=line.recent_from if line is not None else 1,
        )
        acl = line.acl if line is not None else {}
        entries = tuple((identifier, rights_of(acl[identifier])) for identifier in sorted(acl))
        return MailboxRecord(mailbox, tuple(self.keywords), entries)


@dataclass(slots=True)
class PlannedAccount:
    id: int
    address: str
    line: AccountLine | None
    last_uid_validity: int = 0
    subscriptions: set[str] = field(default_factory=set)

    def record(self, now_s: int) -> AccountRecord:
        line = self.line
        user = User(
            id=UserId(self.id),
            address=self.address,
            password_hash=line.password_hash if line is not None else "",
            enabled=line.enabled if line is not None else True,
            created_s=line.created_s if line is not None else now_s,
            administrator=line.administrator if line is not None else False,
            quota=line.quota if line is not None else Quota(),
        )
        aliases = tuple(sorted(line.aliases)) if line is not None else ()
        annotations = tuple(sorted(line.annotations)) if line is not None else ()
        return AccountRecord(user, aliases, tuple(sorted(self.subscriptions)), self.last_uid_validity, annotations)


class Plan:
    def __init__(
        self,
        accounts: Iterable[AccountLine],
        mailboxes: Iterable[MailboxLine],
        *,
        accounts_gone: Iterable[AccountLine] = (),
        mailboxes_gone: Iterable[MailboxLine] = (),
        special_use: Mapping[str, str],
    ) -> None:
        """special_use: mailbox name to attribute, for mailboxes that are new."""
        accounts, mailboxes = list(accounts), list(mailboxes)
        accounts_gone, mailboxes_gone = list(accounts_gone), list(mailboxes_gone)
        self._special_use = special_use
        # Of two with one address the later one is left: the database was looked at while the other one went.
        self._by_address = {line.address: _account(line) for line in sorted(accounts, key=lambda line: line.id)}
        self._by_alias = {alias: account for account in self.accounts for alias in account.line.aliases}  # type: ignore[union-attr]
        self._gone_addresses = {line.address for line in accounts_gone} - self._by_address.keys()
        by_id = {account.id: account for account in self.accounts}
        self._mailboxes = [
            _mailbox(line, by_id[line.account])
            for line in sorted(mailboxes, key=lambda line: line.id)
            if line.account in by_id
        ]
        self._by_name: dict[tuple[int, str], PlannedMailbox] = {}
        for mailbox in reversed(self._mailboxes):
            mailbox.name = self._free_name(mailbox)
            self._by_name[mailbox.account.id, mailbox.name] = mailbox
        self._by_validity = {
            (mailbox.account.id, mailbox.line.uid_validity): mailbox
            for mailbox in self._mailboxes
            if mailbox.line is not None
        }
        self._gone_validities = {(line.account, line.uid_validity) for line in mailboxes_gone}
        self._next_account = max((line.id for line in (*accounts, *accounts_gone)), default=0) + 1
        self._next_mailbox = max((line.id for line in (*mailboxes, *mailboxes_gone)), default=0) + 1

    @property
    def accounts(self) -> list[PlannedAccount]:
        return sorted(self._by_address.values(), key=lambda account: account.id)

    @property
    def mailboxes(self) -> list[PlannedMailbox]:
        return self._mailboxes

    def places(self, claim: Claim) -> list[PlannedMailbox]:
        """Where a message goes; accounts and mailboxes are made as needed. None: it was deleted with its account or
        mailbox, or it is nobody's.
        """
        found = (self._place(address, claim) for address in claim.addresses)
        return list({mailbox.id: mailbox for mailbox in found if mailbox is not None}.values())

    def recovered(self, address: str) -> PlannedMailbox:
        """Where messages go that are nobody's."""
        return self._named(self._account(address), RECOVERED)

    def finish(self, now_s: int) -> None:
        """Give new mailboxes their UIDVALIDITY, when everything has been placed."""
        for mailbox in self._mailboxes:
            account = mailbox.account
            if not mailbox.uid_validity:
                mailbox.uid_validity = account.last_uid_validity = max(account.last_uid_validity + 1, now_s)

    # ---- steps

    def _place(self, address: str, claim: Claim) -> PlannedMailbox | None:
        if address in self._gone_addresses:
            return None
        account = self._account(address)
        account.last_uid_validity = max(account.last_uid_validity, claim.uid_validity)
        if (account.id, claim.uid_validity) in self._gone_validities:
            return None
        mailbox = self._by_validity.get((account.id, claim.uid_validity))
        return mailbox if mailbox is not None else self._named(account, claim.mailbox)

    def _account(self, address: str) -> PlannedAccount:
        account = self._by_address.get(address) or self._by_alias.get(address)
        if account is None:
            account = self._by_address[address] = PlannedAccount(self._next_account, address, None)
            self._next_account += 1
            self._named(account, INBOX)
        return account

    def _named(self, account: PlannedAccount, name: str) -> PlannedMailbox:
        found = self._by_name.get((account.id, name))
        if found is not None and (found.line is None or found.line.selectable):
            return found
        if found is not None:
            return self._named(account, INBOX)
        above, delimiter, _ = name.rpartition(DELIMITER)
        if delimiter and (account.id, above) not in self._by_name:
            self._named(account, above)
        use = self._special_use.get(name, "")
        used = {each for box in self._mailboxes if box.account.id == account.id for each in box.special_use}
        mailbox = PlannedMailbox(
            self._next_mailbox, account, name, None, special_use=(use,) if use and use not in used else ()
        )
        self._next_mailbox += 1
        self._mailboxes.append(mailbox)
        self._by_name[account.id, name] = mailbox
        account.subscriptions.add(name)
        return mailbox

    def _free_name(self, mailbox: PlannedMailbox) -> str:
        """Two of one name: the database was looked at while one of them was renamed."""
        name, number = mailbox.name, 1
        while (mailbox.account.id, name) in self._by_name:
            number += 1
            name = f"{mailbox.name} ({number})"
        return name


def _account(line: AccountLine) -> PlannedAccount:
    return PlannedAccount(line.id, line.address, line, line.last_uid_validity, set(line.subscriptions))


def _mailbox(line: MailboxLine, account: PlannedAccount) -> PlannedMailbox:
    account.last_uid_validity = max(account.last_uid_validity, line.uid_validity)
    mailbox = PlannedMailbox(
        line.id,
        account,
        line.name,
        line,
        modseq=line.modseq + MODSEQ_DISTANCE,
        special_use=tuple(line.special_use),
        keywords=list(line.keywords),
    )
    if line.uid_next + UID_DISTANCE * _KEPT_FOR_LATER > _LAST_UID:
        # It is given another UIDVALIDITY; then no UID has been in use.
        mailbox.uid_next = line.uid_next
    else:
        mailbox.uid_validity, mailbox.uid_next = line.uid_validity, line.uid_next + UID_DISTANCE
    return mailbox
