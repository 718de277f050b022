"""Shapes that mail clients send, each as observed or as its sources make it: none may be malformed."""

from __future__ import annotations

import pytest

from lightmail._core import imap
from tests.unit.core_imap.events import events

SHAPES = {
    "mutt": [
        "a0001 ENABLE UTF8=ACCEPT",
        'a0002 SELECT "INBOX" (CONDSTORE)',
        "a0003 UID FETCH 1:500 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (DATE FROM SENDER SUBJECT TO "
        "CC MESSAGE-ID REFERENCES CONTENT-TYPE CONTENT-DESCRIPTION IN-REPLY-TO REPLY-TO LINES LIST-POST X-LABEL)])",
        'a0004 STATUS "Sent" (UIDNEXT UIDVALIDITY UNSEEN RECENT MESSAGES)',
        "a0005 UID STORE 4 +FLAGS.SILENT (\\Seen old)",
    ],
    "neomutt": ["n1 ENABLE QRESYNC", 'n2 EXAMINE "x" (QRESYNC (1700000000 12345))'],
    "alpine": [
        "00000001 FETCH 1:50 (UID ENVELOPE BODY.PEEK[HEADER.FIELDS (Newsgroups Content-MD5 Content-Disposition "
        "Content-Language Content-Location List-Id Followup-To References)])",
        "00000002 SEARCH UNANSWERED UNDELETED UNSEEN",
    ],
    "aerc": [
        'a LIST "" "*" RETURN (STATUS (MESSAGES RECENT UNSEEN))',
        "b UID FETCH 1:100 (BODYSTRUCTURE ENVELOPE INTERNALDATE FLAGS UID BODY.PEEK[HEADER])",
    ],
    "mbsync": [
        "1 UID FETCH 1:* (UID FLAGS)",
        "2 UID FETCH 5,7:9 (INTERNALDATE BODY.PEEK[])",
        '3 APPEND "Archive" (\\Seen) " 7-Feb-1994 22:43:04 -0800" {5+}\r\nhello',
    ],
    "interimap": [
        '1 LIST "" * RETURN (SUBSCRIBED STATUS (UIDVALIDITY UIDNEXT HIGHESTMODSEQ))',
        "2 UID FETCH 1:9 (MODSEQ FLAGS INTERNALDATE BODY.PEEK[])",
        "3 UID FETCH 1:9 (MODSEQ FLAGS) (CHANGEDSINCE 5 VANISHED)",
    ],
    "imapc": ["7 UID FETCH 1:* (FLAGS)", "8 FETCH 1:9 (BODY.PEEK[HEADER.FIELDS (Date Message-ID)])"],
    "fetchmail": ["A0001 FETCH 1:3 RFC822.SIZE", "A0002 FETCH 1 RFC822.HEADER", "A0003 FETCH 1 BODY.PEEK[TEXT]"],
    "imapfilter": ["100A UID SEARCH ALL SMALLER 500", "100B UID STORE 5 FLAGS.SILENT (\\Seen)"],
    "Gnus": [
        "12 UID FETCH 1:9 (UID RFC822.SIZE BODYSTRUCTURE BODY.PEEK[HEADER.FIELDS (Subject From Date Message-Id References "
        "In-Reply-To Xref To Newsgroups Cc)])",
        '13 EXAMINE "x" (QRESYNC (1700000000 12345 1:500))',
    ],
    "Thunderbird": [
        '1 ID ("name" "Thunderbird" "version" "128.0")',
        "2 UID fetch 1:* (FLAGS)",
        "3 UID fetch 1:90 (UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (From To Cc Bcc Subject Date Message-ID Priority "
        "X-Priority References Newsgroups In-Reply-To Content-Type Reply-To)])",
        '4 list (subscribed) "" "*" return (special-use)',
        '5 getquotaroot "INBOX"',
    ],
    "Apple Mail": [
        '1.1 ID ("name" "iPhone Mail" "version" "21A329" "os" "iOS" "os-version" "17.0")',
        '1.2 LIST "" "*" RETURN (SPECIAL-USE STATUS (UNSEEN))',
        "1.3 UID FETCH 1:9 (INTERNALDATE UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (date subject from to cc message-id "
        "list-id bimi-indicator)])",
        "1.4 UID FETCH 9 (BODY.PEEK[2]<0.393216> UID)",
    ],
    "Outlook": ["abcd UID FETCH 1 (UID RFC822.PEEK)", 'abce SELECT "INBOX"'],
    "aioimaplib": ['CCFN0 ID ( "name" "aioimaplib" "version" "2" )', "CCFN1 ID ( )", 'CCFN2 LIST "" *'],
    "Horde": [
        '8 LIST "" (*) RETURN (SUBSCRIBED SPECIAL-USE CHILDREN STATUS (MESSAGES))',
        '9 APPEND "x" (\\seen) "1-Jan-2024 00:00:00 +0000" UTF8 (~{2+}\r\nxy) "2-Jan-2024 00:00:00 +0000" {2+}\r\nxy',
    ],
    "JavaMail": ["A5 FETCH 1 (BODY[]<0.16384>)", "A6 UID FETCH 1:*,5 (UID)", "A7 SEARCH OR FROM x TO y 1:5"],
    "imaplib": [
        "KPDB1 FETCH 1 (RFC822)",
        "KPDB2 APPEND INBOX UTF8 (~{2+}\r\nxy)",
        "KPDB3 SEARCH CHARSET UTF-8 SUBJECT {3+}\r\nabc",
        "KPDB4 UID SEARCH ALL ",
    ],
}


@pytest.mark.parametrize("client", sorted(SHAPES))
def test_nothing_that_clients_send_is_malformed(client: str) -> None:
    for line in SHAPES[client]:
        found = events(line.encode() + b"\r\n")
        assert isinstance(found[-1], imap.Command | imap.AppendEnd), (line, found)
