"""Rights on a mailbox (RFC 4314 §2.1)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Flag

ANYONE = "anyone"
"""The identifier that means every user (RFC 4314 §2)."""


class Rights(Flag):
    """A set of rights; `Rights.READ in rights` asks for one, or for several together."""

    NONE = 0
    LOOKUP = 1 << 0
    """l: LIST and LSUB show the mailbox."""
    READ = 1 << 1
    """r: SELECT, STATUS."""
    SEEN = 1 << 2
    """s: \\Seen."""
    WRITE = 1 << 3
    """w: flags other than \\Seen and \\Deleted."""
    INSERT = 1 << 4
    """i: APPEND, COPY into it."""
    POST = 1 << 5
    """p: mail to the address of the mailbox; nothing here asks for it."""
    CREATE = 1 << 6
    """k: mailboxes below it."""
    DELETE_MAILBOX = 1 << 7
    """x: DELETE, RENAME."""
    DELETE = 1 << 8
    """t: \\Deleted."""
    EXPUNGE = 1 << 9
    """e: EXPUNGE."""
    ADMINISTER = 1 << 10
    """a: who may do what."""
    ALL = (1 << 11) - 1

    @property
    def letters(self) -> str:
        """As kept and, but for the virtual rights of RFC 2086, as told; in the order of RFC 4314 §2.1."""
        return "".join(letter for letter, right in _LETTERS.items() if right in self)


_LETTERS = {
    "l": Rights.LOOKUP,
    "r": Rights.READ,
    "s": Rights.SEEN,
    "w": Rights.WRITE,
    "i": Rights.INSERT,
    "p": Rights.POST,
    "k": Rights.CREATE,
    "x": Rights.DELETE_MAILBOX,
    "t": Rights.DELETE,
    "e": Rights.EXPUNGE,
    "a": Rights.ADMINISTER,
}

VIRTUAL = {"c": Rights.CREATE | Rights.DELETE_MAILBOX, "d": Rights.DELETE | Rights.EXPUNGE}
"""The rights of RFC 2086 that stand for several (RFC 4314 §2.1.1)."""
_FLAG_RIGHTS = {"\\seen": Rights.SEEN, "\\deleted": Rights.DELETE}


def rights_of(letters: str) -> Rights:
    """Letters without a meaning here are left out: a later release may have kept them."""
    rights = Rights.NONE
    for letter in letters:
        rights |= _LETTERS.get(letter) or VIRTUAL.get(letter, Rights.NONE)
    return rights


Entries = tuple[tuple[str, Rights], ...]
"""An access control list, or the part of one that is about somebody: identifiers with their rights, ascending.
An identifier is an address in its normal form, or ANYONE; with "-" in front, its rights are taken away.
"""


def granted(entries: Entries, address: str) -> Rights:
    """What is given to a user, by whatever name, less what is taken from them by any (RFC 4314 §2)."""
    given = taken = Rights.NONE
    for identifier, rights in entries:
        if identifier in (address, ANYONE):
            given |= rights
        elif identifier in (f"-{address}", f"-{ANYONE}"):
            taken |= rights
    return given & ~taken


def needed(flag: str) -> Rights:
    """To set or clear this flag (RFC 4314 §4, STORE)."""
    return _FLAG_RIGHTS.get(flag.lower(), Rights.WRITE)


def covered(rights: Rights, flags: Iterable[str]) -> tuple[str, ...]:
    """Those flags that these rights allow to set and clear."""
    return tuple(flag for flag in flags if needed(flag) in rights)


def own_identifiers(address: str) -> tuple[str, str]:
    """Under which this user stands in access control lists, and nobody else."""
    return address, f"-{address}"


def identifiers(address: str) -> tuple[str, ...]:
    """Under which a user stands in access control lists."""
    return *own_identifiers(address), ANYONE, f"-{ANYONE}"
