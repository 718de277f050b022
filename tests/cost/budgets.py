"""What commands may cost: the one table, checked by this folder's tests and shown by docs/cost.md (laws 5 and 6).

The counts are exact and hold for any number of messages that fits one window (500 for FETCH, 1,000 for SEARCH): the
tests run each row with 10 messages and with 500. `python -m tests.cost.page` prints the tables for the page.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Budget:
    """One command, run by a session that is logged in unless `before` is empty.

    before: commands that are not counted, which put the session where it has to be.
    statements, transactions: SQL, transaction control not among the statements. bodies: requests to the body store.
    small: statements in a mailbox of up to 256 messages, where these are fewer.
    production: statements and transactions on MySQL where these are others: nothing is trusted there that another node
    may have changed.
    """

    command: str
    statements: int
    transactions: int = 0
    small: int | None = None
    production: tuple[int, int] | None = None
    bodies: int = 0
    before: tuple[str, ...] = ("LOGIN",)
    note: str = ""

    @property
    def name(self) -> str:
        return f"{self.command}: {self.note}" if self.note else self.command


LOGIN = ("LOGIN",)
SELECT = ("LOGIN", "SELECT INBOX")
SORTED = (*SELECT, "SORT (SUBJECT) UTF-8 ALL")
TOLD = (*SELECT, "UID SORT RETURN (UPDATE) (ARRIVAL) UTF-8 FLAGGED")
NOTIFY = "NOTIFY SET (selected (MessageNew MessageExpunge)) (personal (MessageNew MessageExpunge MailboxName))"
FILTERED = (*SELECT, 'SETMETADATA "" (/private/filters/values/unread "UNSEEN")')
SAVED = (*SELECT, "SEARCH RETURN (SAVE) SEEN")
SAVED_DELETED = (*SAVED, "STORE $ +FLAGS.SILENT (\\Deleted)")
DELETED = (*SELECT, "STORE 1:* +FLAGS.SILENT (\\Deleted)")
SUMMARIES = (*SELECT, "FETCH 1:* (ENVELOPE)")

COMMANDS = (
    Budget("LOGIN", 1, before=()),
    Budget("CAPABILITY", 0),
    Budget("NAMESPACE", 0),
    Budget('LIST "" *', 1),
    Budget('LIST (SUBSCRIBED) "" * RETURN (SPECIAL-USE CHILDREN)', 2),
    Budget('LIST "" * RETURN (STATUS (MESSAGES UNSEEN UIDNEXT SIZE))', 1, note="statistics of all mailboxes"),
    Budget('LSUB "" *', 1),
    Budget("STATUS INBOX (MESSAGES UNSEEN UIDNEXT SIZE HIGHESTMODSEQ)", 2, production=(1, 0)),
    Budget(
        "STATUS INBOX (MESSAGES UNSEEN)",
        0,
        before=(*LOGIN, "STATUS INBOX (MESSAGES UNSEEN)"),
        note="again, nothing has changed",
        production=(1, 0),
    ),
    Budget("STATUS INBOX (DELETED-STORAGE)", 2, note="nothing is \\Deleted", production=(1, 0)),
    Budget("STATUS INBOX (DELETED-STORAGE)", 2, before=DELETED, production=(2, 0)),
    Budget("GETQUOTA ann@example.org", 1),
    Budget("GETQUOTAROOT INBOX", 1),
    Budget("GETMETADATA INBOX (/shared/comment /private/comment)", 2),
    Budget('GETMETADATA "" /shared/comment', 1),
    Budget('SETMETADATA INBOX (/private/comment "x")', 7, 1, production=(6, 1)),
    Budget('LIST "" * RETURN (METADATA (/shared/comment))', 2, note="metadata of all mailboxes"),
    Budget("EXAMINE INBOX", 4, small=2, production=(2, 0)),
    Budget("SELECT INBOX", 7, 1, small=5, note="new messages become \\Recent", production=(5, 1)),
    Budget("SELECT INBOX", 0, before=SELECT, note="again, nothing has changed", production=(2, 0)),
    Budget("CLOSE", 0, before=SELECT, note="nothing is \\Deleted", production=(1, 0)),
    Budget("CLOSE", 6, 1, before=DELETED, production=(7, 1)),
    Budget("UNSELECT", 0, before=SELECT),
    Budget("NOOP", 0),
    Budget("NOOP", 0, before=SELECT, note="selected, nothing has changed"),
    Budget("CHECK", 0, before=SELECT),
    Budget("IDLE", 0, before=SELECT),
    Budget("FETCH 1:* (UID FLAGS)", 0, before=SELECT),
    Budget("FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE MODSEQ)", 0, before=SELECT),
    Budget("UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1)", 0, before=SELECT),
    Budget("FETCH 1:* (ENVELOPE)", 1, before=SELECT),
    Budget("FETCH 1:* (BODYSTRUCTURE)", 1, before=SELECT),
    Budget("FETCH 1:* (BODY.PEEK[HEADER.FIELDS (From To Subject Date)])", 1, before=SELECT),
    Budget("FETCH 1:* (BODY.PEEK[HEADER])", 1, before=SELECT),
    Budget("FETCH 1:* ALL", 0, before=SUMMARIES, note="again, from the cache"),
    Budget("FETCH 1 (BODY.PEEK[])", 1, bodies=1, before=SELECT),
    Budget("FETCH 1 (BODY.PEEK[])", 0, before=(*SELECT, "FETCH 1 (BODY.PEEK[])"), note="again, from the cache"),
    Budget("FETCH 1 (BODY[])", 4, 1, bodies=1, before=SELECT, note="sets \\Seen"),
    Budget("SEARCH ALL", 0, before=SELECT),
    Budget("SEARCH UNSEEN SINCE 1-Jan-1990 LARGER 10", 0, before=SELECT),
    Budget("UID SEARCH RETURN (MIN MAX COUNT) UID 1:*", 0, before=SELECT),
    Budget('SEARCH SUBJECT "number"', 1, before=SELECT),
    Budget("SEARCH FILTER unread", 1, before=FILTERED, note="UNSEEN"),
    Budget('SEARCH OR FROM "ann" HEADER Message-ID "@example.org"', 1, before=SELECT),
    Budget("SORT (REVERSE DATE ARRIVAL SIZE) UTF-8 ALL", 0, before=SELECT),
    Budget("UID SORT (SUBJECT DISPLAYFROM) UTF-8 ALL", 1, before=SELECT),
    Budget("UID SORT RETURN (UPDATE CONTEXT PARTIAL 1:20) (ARRIVAL) UTF-8 SEEN", 0, before=SELECT),
    Budget("STORE 1 +FLAGS (\\Flagged)", 3, 1, before=TOLD, note="a SORT tells of it"),
    Budget("THREAD REFERENCES UTF-8 ALL", 1, before=SELECT),
    Budget("UID SORT (FROM) UTF-8 ALL", 0, before=SORTED, note="again, with what was kept"),
    Budget("STORE 1 +FLAGS (\\Flagged)", 3, 1, before=SELECT),
    Budget("STORE 1:* +FLAGS (\\Flagged)", 5, 1, before=SELECT),
    Budget("STORE $ +FLAGS (\\Flagged)", 5, 1, before=SAVED, note="every other message"),
    Budget("UID STORE 1:* +FLAGS.SILENT ($Label1)", 6, 1, before=SELECT, note="a new keyword"),
    Budget("COPY 1:* Archive", 8, 1, before=SELECT, production=(7, 1)),
    Budget("COPY $ Archive", 8, 1, before=SAVED, note="every other message", production=(7, 1)),
    Budget("MOVE 1:* Archive", 10, 1, before=SELECT, production=(8, 1)),
    Budget("MOVE $ Archive", 10, 1, before=SAVED, note="every other message", production=(8, 1)),
    Budget("EXPUNGE", 6, 1, before=DELETED, production=(7, 1)),
    Budget("EXPUNGE", 6, 1, before=SAVED_DELETED, note="every other message", production=(7, 1)),
    Budget("UID EXPUNGE 1:*", 6, 1, before=DELETED),
    Budget("ESEARCH IN (mailboxes INBOX) RETURN (COUNT) SEEN", 4, small=2, production=(2, 0)),
    Budget("ESEARCH IN (selected mailboxes Archive) RETURN (COUNT) SEEN", 2, before=SELECT),
    Budget(NOTIFY, 4, note="nobody watches this account yet"),
    Budget(NOTIFY, 0, before=(*LOGIN, NOTIFY), note="again"),
    Budget("NOOP", 0, before=(*SELECT, NOTIFY), note="with NOTIFY, nothing has changed"),
    Budget("COPY 1:* Archive", 8, 1, before=(*SELECT, NOTIFY), note="with NOTIFY", production=(7, 1)),
    Budget("CREATE New", 5, 1, production=(7, 1)),
    Budget("RENAME Archive Old", 5, 1, production=(4, 1)),
    Budget("DELETE Archive", 9, 1, note="empty"),
    Budget("SUBSCRIBE Archive", 1, 1),
)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message on its way in, counted from its first octet on.

    per_recipient: statements for each recipient: its counters are written.
    production: statements on MySQL, where one statement writes the counters of all.
    puts: requests to the body store, all of them writes of an object.
    """

    what: str
    octets: int
    statements: int
    production: int
    transactions: int = 1
    puts: int = 1
    recipients: int = 0
    per_recipient: int = 0


APPENDS = (
    Arrival("APPEND of a small message", 4_000, 6, 6),
    Arrival("APPEND of 10 MB", 10_000_000, 6, 6),
)
CATENATE = Arrival("CATENATE of parts of a message of 10 MB", 10_000_000, 7, 9)
DELIVERIES = (
    Arrival("LMTP, one recipient", 4_000, 5, 6, recipients=1, per_recipient=1),
    Arrival("LMTP, 40 recipients", 4_000, 5, 6, recipients=40, per_recipient=1),
    Arrival("LMTP, 40 recipients, 2 MB", 2_000_000, 5, 6, recipients=40, per_recipient=1),
)

APPEND_PEAK_OCTETS = 2_000_000
"""The most that an APPEND of any size holds of its message at a time."""
APPEND_BLOCK_OCTETS = 524_288
"""The most that reaches the body store in one piece."""


@dataclass(frozen=True, slots=True)
class Range:
    """`times` partial FETCHes of `octets` each, one behind the other from `start` on, of a body of 10 MB."""

    what: str
    start: int
    octets: int
    times: int
    most_requests: int
    most_octets_read: int


FRAME_OCTETS = 131_072
SEEK_TABLE_OCTETS = 8_192
"""With the end of the last frame, in one request; remembered from then on."""
RANGES = (
    Range("1,000 octets from the middle", 5_000_000, 1_000, 1, 2, FRAME_OCTETS + SEEK_TABLE_OCTETS),
    Range("1,000 octets across two frames", 39 * FRAME_OCTETS - 500, 1_000, 1, 2, 2 * FRAME_OCTETS + SEEK_TABLE_OCTETS),
    Range("the end, 16 KiB", 9_980_000, 16_384, 1, 2, 2 * FRAME_OCTETS + SEEK_TABLE_OCTETS),
    Range("512 KiB in steps of 16 KiB", 0, 16_384, 32, 5, 4 * FRAME_OCTETS + SEEK_TABLE_OCTETS),
)
