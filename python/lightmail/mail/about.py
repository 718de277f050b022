"""What an object says of itself in the body store, so that its message can be found a place without the database.

Plain text by name, as docs/storage.md tells it; a store that has little room shortens it. The UID is not among it:
the body is durable before the transaction begins that takes one (law 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

from lightmail.model import Mailbox

_MOST_RECIPIENTS = 100


def put_into(
    mailbox: Mailbox, account: str, *, internaldate: int | None, zone: int = 0, flags: Sequence[str] = ()
) -> dict[str, str]:
    """A message that was appended or imported. account: its address; zone: minutes east."""
    about = {"account": account, "mailbox": mailbox.name, "uid-validity": str(mailbox.uid_validity)}
    if internaldate is not None:
        about["internaldate"] = _instant(internaldate, zone)
    if flags:
        about["flags"] = " ".join(flags)
    return about


def delivered_to(accounts: Sequence[str], *, internaldate: int) -> dict[str, str]:
    """A message that an MTA gave us: each account gets it, and there is one object for all (law 5)."""
    named = list(dict.fromkeys(accounts))
    more = [f"+{len(named) - _MOST_RECIPIENTS}"] if len(named) > _MOST_RECIPIENTS else []
    return {
        "account": ",".join(named[:_MOST_RECIPIENTS] + more),
        "mailbox": "INBOX",
        "internaldate": _instant(internaldate, 0),
    }


def _instant(seconds: int, zone: int) -> str:
    """As RFC 3339 writes it; in UTC where the calendar does not reach."""
    try:
        return datetime.fromtimestamp(seconds, timezone(timedelta(minutes=zone)) if zone else UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return f"@{seconds}"
