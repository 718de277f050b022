"""GETQUOTA, GETQUOTAROOT, SETQUOTA (RFC 9208). An account is one quota root, and its address is the root's name."""

from __future__ import annotations

from lightmail._core import imap
from lightmail._core.imap import mailbox_name
from lightmail.imap.replies import Done
from lightmail.imap.session import Session
from lightmail.model import Quota, Rights, Usage

STORAGE_OCTETS = 1024
"""RFC 9208 §5.1: STORAGE is in units of so many octets."""
_DONE = Done("That is the quota")
_RESOURCES = frozenset({"STORAGE", "MESSAGE", "MAILBOX"})


async def get_quota(session: Session, command: imap.GetQuota) -> Done:
    """One's own; administrators ask for anybody's."""
    assert session.user is not None
    owner = await session.mail.quotas.owner(session.user, command.root)
    session.send(_quota(session, command.root, *await session.mail.quotas.of(owner.id)))
    return _DONE


async def get_quota_root(session: Session, command: imap.GetQuotaRoot) -> Done:
    """The mailbox need not exist (RFC 9208 §4.1.2). Of others' mailboxes it takes the right to read them (§6)."""
    place = await session.place(command.mailbox, Rights.READ)
    root = _root(session, place.account)
    session.send(b"* QUOTAROOT %s %s\r\n" % (session.mailbox_name(place.wire_name), root))
    session.send(_quota(session, place.account, *await session.mail.quotas.of(place.owner)))
    return _DONE


async def set_quota(session: Session, command: imap.SetQuota) -> Done:
    """Limits that are not named are removed (RFC 9208 §4.1.3). For administrators."""
    assert session.user is not None
    quotas = session.mail.quotas
    await quotas.require_administrator(session.user)
    limits = dict(command.limits)
    if not limits.keys() <= _RESOURCES:
        return Done(f"Expected {', '.join(sorted(_RESOURCES))}", code=b"CANNOT", status=b"NO")
    owner = await quotas.owner(session.user, command.root)
    storage = limits.get("STORAGE")
    quota = Quota(
        octets=None if storage is None else min(storage, _MOST // STORAGE_OCTETS) * STORAGE_OCTETS,
        messages=limits.get("MESSAGE"),
        mailboxes=limits.get("MAILBOX"),
    )
    await quotas.set(owner, quota)
    session.audit("quota set", account=owner.address, limits=limits)
    session.send(_quota(session, command.root, *await quotas.of(owner.id)))
    return Done("The quota is set")


_MOST = 2**63 - 1


def _quota(session: Session, root: str, quota: Quota, usage: Usage) -> bytes:
    """RFC 9208 §4.2.1: what is not limited is not named. Started units of STORAGE count, and unfinished ones may not be
    used up: usage is rounded up, a limit down.
    """
    triplets = []
    if quota.octets is not None:
        triplets.append(f"STORAGE {-(-usage.octets // STORAGE_OCTETS)} {quota.octets // STORAGE_OCTETS}")
    if quota.messages is not None:
        triplets.append(f"MESSAGE {usage.messages} {quota.messages}")
    if quota.mailboxes is not None:
        triplets.append(f"MAILBOX {usage.mailboxes} {quota.mailboxes}")
    return b"* QUOTA %s (%s)\r\n" % (_root(session, root), " ".join(triplets).encode())


def _root(session: Session, root: str) -> bytes:
    """Written as the name of a mailbox is: an address may have letters that are not ASCII."""
    return mailbox_name(root, utf8=session.names_are_utf8)
