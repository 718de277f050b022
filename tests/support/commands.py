"""Random commands of a client that knows the grammar and means nothing by it: mostly well formed, often absurd."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

SETS = (
    "1", "2", "3", "*", "$", "20", "21", "4294967295", "0", "-1", "1:*", "*:1", "1:5,7,9:*", "1:5,$", "5:3", "-1:-3",
)  # fmt: skip
SEARCHES = (
    "ALL", "NOT", "OR", "(", ")", "SEEN", "UNSEEN", "KEYWORD $x", "LARGER 10", "SMALLER 99999999999", 'TEXT "a"',
    "BODY {3+}\r\nabc", 'HEADER Subject ""', 'SUBJECT "N"', 'FROM ""', "BEFORE 1-Jan-2001", 'SINCE "31-Dec-9999"',
    "ON 30-Feb-2000", "SENTBEFORE 1-Jan-1970", "YOUNGER 1", "OLDER 4294967295", "MODSEQ 1",
    'MODSEQ "/flags/\\\\seen" all 9223372036854775807', "EMAILID E1", "THREADID T0", "SAVEDBEFORE 1-Jan-2100",
    "SAVEDATESUPPORTED", "UID 1:*", "UID $", 'FUZZY SUBJECT "x"', "NEW", "RECENT", "$", "FILTER x", "CHARSET UTF-8",
    "CHARSET KOI8-R",
)  # fmt: skip
RETURNS = (
    "", "RETURN () ", "RETURN (ALL) ", "RETURN (MIN MAX COUNT) ", "RETURN (SAVE) ", "RETURN (SAVE MIN) ",
    "RETURN (PARTIAL 1:3) ", "RETURN (PARTIAL -1:-3 COUNT SAVE) ", "RETURN (PARTIAL 4294967295:1) ",
    "RETURN (UPDATE) ", "RETURN (CONTEXT) ", "RETURN (UPDATE CONTEXT PARTIAL 1:2) ", "RETURN (UPDATE ALL COUNT) ",
    "RETURN (RELEVANCY) ",
)  # fmt: skip
ITEMS = (
    "UID", "FLAGS", "ENVELOPE", "BODY", "BODYSTRUCTURE", "BODY[]", "BODY.PEEK[]", "BODY.PEEK[HEADER.FIELDS (Subject)]",
    "BODY.PEEK[1]<0.5>", "BINARY.PEEK[1]", "BINARY.SIZE[1]", "RFC822", "RFC822.HEADER", "RFC822.SIZE", "RFC822.PEEK",
    "PREVIEW", "PREVIEW (LAZY)", "SAVEDATE", "EMAILID", "THREADID", "MODSEQ", "INTERNALDATE", "BODY.PEEK[1.MIME]",
    "BODY.PEEK[HEADER]<99999999999.1>", "BODY.PEEK[TEXT]<4294967295.4294967295>", "BODY.PEEK[]<0.0>",
)  # fmt: skip
MODIFIERS = (
    "CHANGEDSINCE 1", "CHANGEDSINCE 9223372036854775807", "VANISHED", "PARTIAL 1:2", "PARTIAL -1:-2",
)  # fmt: skip
MAILBOXES = (
    "INBOX", "INBOX", "INBOX", "a", '"a/b"', "a/b/c", "Sent", '""', "nope", "&-", '"%"', "{3+}\r\nabc", "Users", "Shared/a",
    "Users/bob@example.org", "Users/bob@example.org/INBOX", "Users/ann@example.org/a",
)  # fmt: skip
PATTERNS = ("*", "%", "(INBOX a)", "Users/%", "Users/*", "Shared/*", '""')
LIST_OPTIONS = ("", "(SUBSCRIBED) ", "(REMOTE SPECIAL-USE) ", "(RECURSIVEMATCH SUBSCRIBED) ")
LIST_RETURNS = (
    "", " RETURN (SUBSCRIBED)", " RETURN (STATUS (MESSAGES SIZE))", " RETURN (MYRIGHTS CHILDREN SPECIAL-USE)",
    " RETURN (METADATA (/shared/comment))",
)  # fmt: skip
STATUS_ITEMS = ("MESSAGES", "UNSEEN", "SIZE", "MAILBOXID", "DELETED", "DELETED-STORAGE", "HIGHESTMODSEQ", "RECENT")
FLAGS = ("\\Seen", "\\Deleted", "\\Flagged", "$x", "$y", "\\Draft", "\\Recent", "\\*", "$Important", "\\Important")
CRITERIA = ("SUBJECT", "REVERSE DATE", "ARRIVAL", "CC", "FROM", "TO", "SIZE", "DISPLAYFROM", "DISPLAYTO", "REVERSE")
IDENTIFIERS = ("bob@example.org", "anyone", "-bob@example.org", "nobody", '""')
RIGHTS = ("lrs", "+w", "-l", "lrswipkxtea", "cd", "z", '""')
ENTRIES = (
    "/private/comment", "/shared/comment", "/private/filters/values/x", "/shared/admin", "/private/vendor/a/b",
    "/private//x", "/private/*", "x", "/PRIVATE/Comment",
)  # fmt: skip
VALUES = ("NIL", '"v"', "{2+}\r\nab", '"SEEN"', '"FILTER x"', '"NOT FILTER x 1:*"')
SOURCES = ("selected", "inboxes", "personal", "subtree a", "mailboxes (INBOX a)", "subtree-one a")
EVENTS = (
    "NONE", "(MessageNew MessageExpunge)", "(MessageNew (FLAGS UID PREVIEW) MessageExpunge FlagChange)",
    "(MailboxName SubscriptionChange)", "(AnnotationChange)", "(FlagChange)", "()",
)  # fmt: skip
MESSAGE = "{12+}\r\nSubject: x\r\n"


class Commands:
    """One stream of them, without tags; literals do not wait."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._makers: Sequence[Callable[[], str]] = (
            lambda: f"{self._uid()}SEARCH {self._one(RETURNS)}{self._search()}",
            lambda: f"{self._uid()}SORT {self._one(RETURNS)}({self._some(CRITERIA)}) UTF-8 {self._search()}",
            lambda: f"{self._uid()}THREAD {self._one(('REFERENCES', 'ORDEREDSUBJECT', 'REFS', 'X'))} UTF-8 {self._search()}",
            lambda: f"ESEARCH IN ({self._one(SOURCES)}) {self._one(RETURNS)}{self._search()}",
            lambda: f"{self._uid()}FETCH {self._one(SETS)} ({self._some(ITEMS)})",
            lambda: f"{self._uid()}FETCH {self._one(SETS)} ({self._some(ITEMS)}) ({self._some(MODIFIERS)})",
            lambda: f"{self._uid()}STORE {self._one(SETS)} {self._sign()}FLAGS ({self._some(FLAGS)})",
            lambda: f"{self._uid()}STORE {self._one(SETS)} (UNCHANGEDSINCE 5) +FLAGS.SILENT ({self._some(FLAGS)})",
            lambda: f"{self._uid()}COPY {self._one(SETS)} {self._one(MAILBOXES)}",
            lambda: f"{self._uid()}MOVE {self._one(SETS)} {self._one(MAILBOXES)}",
            lambda: f"{self._uid()}REPLACE {self._one(SETS)} {self._one(MAILBOXES)} {MESSAGE}",
            lambda: f"APPEND {self._one(MAILBOXES)} ({self._some(FLAGS)}) {MESSAGE}",
            lambda: f"APPEND INBOX {MESSAGE} {{0+}}\r\n",
            lambda: f'APPEND {self._one(MAILBOXES)} CATENATE (TEXT {{3+}}\r\na:b URL "/INBOX/;UID={self._one(SETS)}")',
            lambda: self._one(("SELECT INBOX", "SELECT INBOX (CONDSTORE)", "EXAMINE INBOX", "SELECT INBOX (QRESYNC (1 1))")),
            lambda: f"SELECT {self._one(MAILBOXES)}",
            lambda: f"STATUS {self._one(MAILBOXES)} ({self._some(STATUS_ITEMS)})",
            lambda: f'LIST {self._one(LIST_OPTIONS)}"" {self._one(PATTERNS)}{self._one(LIST_RETURNS)}',
            lambda: f'LSUB "" {self._one(PATTERNS)}',
            lambda: f"{self._one(('CREATE', 'SUBSCRIBE', 'UNSUBSCRIBE', 'DELETE'))} {self._one(MAILBOXES)}",
            lambda: f"RENAME {self._one(MAILBOXES)} {self._one(MAILBOXES)}",
            lambda: f"{self._one(('GETACL', 'MYRIGHTS', 'GETQUOTAROOT', 'GETQUOTA'))} {self._one(MAILBOXES)}",
            lambda: f"SETACL {self._one(MAILBOXES)} {self._one(IDENTIFIERS)} {self._one(RIGHTS)}",
            lambda: f"{self._one(('DELETEACL', 'LISTRIGHTS'))} {self._one(MAILBOXES)} {self._one(IDENTIFIERS)}",
            lambda: f"GETMETADATA (MAXSIZE 9 DEPTH 1) {self._one(MAILBOXES)} {self._one(ENTRIES)}",
            lambda: f"GETMETADATA {self._one(MAILBOXES)} ({self._some(ENTRIES)})",
            lambda: f"SETMETADATA {self._one(MAILBOXES)} ({self._one(ENTRIES)} {self._one(VALUES)})",
            lambda: 'SETQUOTA "" (STORAGE 1)',
            lambda: f"NOTIFY SET STATUS ({self._one(SOURCES)} {self._one(EVENTS)}) (personal {self._one(EVENTS)})",
            lambda: f"NOTIFY SET ({self._one(('selected', 'selected-delayed'))} {self._one(EVENTS)})",
            lambda: "NOTIFY NONE",
            lambda: f'CANCELUPDATE "t{self._random.randint(1, 500)}"',
            lambda: f"ENABLE {self._one(('QRESYNC', 'CONDSTORE', 'UTF8=ACCEPT', 'IMAP4rev2', 'METADATA', 'X'))}",
            lambda: f"UIDBATCHES {self._one(('2000', '500 1:1', '0', '1 2', ''))}",
            lambda: f"COMPARATOR {self._one(('', '*', 'i;unicode-casemap', 'i;octet'))}",
            lambda: self._one(("LANGUAGE", "LANGUAGE EN", 'LANGUAGE "*"')),
            lambda: self._one(("EXPUNGE", "UID EXPUNGE 1:*", "NOOP", "CHECK", "NAMESPACE", "CAPABILITY", "CLOSE", "UNSELECT")),
        )  # fmt: skip

    def next(self) -> str:
        return self._random.choice(self._makers)()

    def _one(self, among: Sequence[str]) -> str:
        return self._random.choice(among)

    def _some(self, among: Sequence[str]) -> str:
        return " ".join(self._random.sample(among, self._random.randint(1, min(4, len(among)))))

    def _uid(self) -> str:
        return self._one(("", "UID "))

    def _sign(self) -> str:
        return self._one(("", "+", "-"))

    def _search(self) -> str:
        return " ".join(
            self._one(SEARCHES if self._random.random() < 0.8 else SETS) for _ in range(self._random.randint(1, 5))
        )
