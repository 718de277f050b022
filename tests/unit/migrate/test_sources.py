"""What the formats say: where messages begin and end, when they came, which flags they have."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lightmail.migrate.detect import open_source
from lightmail.migrate.maildir import Maildir
from lightmail.migrate.mbox import Mbox, from_line_time, status_flags
from lightmail.migrate.newlines import CrlfStream, to_crlf
from lightmail.migrate.source import Item, NotImportable, Refused, Source

FROM = b"From anna@example.org Thu Aug 22 12:36:23 2002\n"
MOST = 1_000_000


def mbox(tmp_path: Path, octets: bytes) -> Mbox:
    path = tmp_path / "box.mbox"
    path.write_bytes(octets)
    return Mbox(path)


def items(source: Source) -> list[Item]:
    found = list(source.items(MOST))
    assert all(isinstance(each, Item) for each in found), found
    return [each for each in found if isinstance(each, Item)]


def bodies(source: Source) -> list[bytes]:
    return [item.octets for item in items(source)]


def test_mbox_messages_end_before_the_blank_line_of_the_next(tmp_path: Path) -> None:
    source = mbox(
        tmp_path, FROM + b"Subject: 1\n\none\n\n" + FROM + b"Subject: 2\n\ntwo\n\n\n" + FROM + b"Subject: 3\n\n3"
    )
    assert bodies(source) == [b"Subject: 1\n\none\n", b"Subject: 2\n\ntwo\n\n", b"Subject: 3\n\n3"]
    assert sum(item.source_octets for item in items(source)) == source.total_octets


def test_mbox_with_crlf(tmp_path: Path) -> None:
    text = FROM + b"Subject: 1\n\none\n\n" + FROM + b"Subject: 2\n\ntwo\n\n"
    assert bodies(mbox(tmp_path, text.replace(b"\n", b"\r\n"))) == [
        b"Subject: 1\r\n\r\none\r\n",
        b"Subject: 2\r\n\r\ntwo\r\n",
    ]


@pytest.mark.parametrize(
    "text",
    [
        b"Subject: x\n\nline\nFrom anna@example.org Thu Aug 22 12:36:23 2002\n",  # no blank line before
        b"Subject: x\n\nline\n\nFrom here on, nothing.\n",  # a sentence
        b"Subject: x\n\nline\n\nFrom 12 to 14 o'clock in 2002\n",
    ],
)
def test_mbox_lines_that_only_look_like_a_beginning(tmp_path: Path, text: bytes) -> None:
    assert bodies(mbox(tmp_path, FROM + text)) == [text]


def test_mbox_from_lines_as_the_field_writes_them(tmp_path: Path) -> None:
    lines = [
        b"From - Mon Jan  3 08:00:00 2005\n",
        b"From anna at example.org  Sun Feb  6 23:05:06 2005\n",
        b"From mboxrd@z Thu Jan  1 00:00:00 1970\n",
        b'From "a b"@c Thu Aug 22 12:36 2002\n',
        b"From x@y Thu Aug 22 12:36:23 +0200 2002\n",
        b"From x@y Thu Aug 22 12:36:23 MET DST 2002 remote from z\n",
    ]
    text = b"\n".join(line + b"Subject: %d\n\nx\n" % n for n, line in enumerate(lines))
    assert bodies(mbox(tmp_path, text)) == [b"Subject: %d\n\nx\n" % n for n in range(len(lines))]


def test_mbox_quoting_is_undone_once(tmp_path: Path) -> None:
    source = mbox(tmp_path, FROM + b"S: 1\n\n>From a\n>>From b\n> From c\nx >From d\n>Fromage\n")
    assert bodies(source) == [b"S: 1\n\nFrom a\n>From b\n> From c\nx >From d\n>Fromage\n"]
    assert bodies(Mbox(tmp_path / "box.mbox", unquote=False))[0].startswith(b"S: 1\n\n>From a\n>>From b\n")


def test_mbox_that_is_empty_or_begins_with_blank_lines(tmp_path: Path) -> None:
    assert bodies(mbox(tmp_path, b"")) == []
    assert bodies(mbox(tmp_path, b"\n\n" + FROM + b"S: 1\n\nx\n")) == [b"S: 1\n\nx\n"]
    assert bodies(mbox(tmp_path, FROM)) == [b""]
    assert bodies(mbox(tmp_path, FROM + b"\n" + FROM + b"S: 2\n\n")) == [b"", b"S: 2\n"]


def test_mbox_folder_data_and_size(tmp_path: Path) -> None:
    internal = b"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nX-IMAP: 123 4\n\nThis text\n\n"
    large = b"S: 1\n\n" + b"x" * 200 + b"\n\n"
    found = list(mbox(tmp_path, FROM + internal + FROM + large + FROM + b"S: 2\n\n").items(100))
    assert [type(each) for each in found] == [Refused, Refused, Item]
    assert isinstance(found[0], Refused) and "folder data" in found[0].reason
    assert isinstance(found[1], Refused) and found[1].reason == "207 octets, the limit is 100"
    assert found[2].place == "box.mbox: message 3"


@pytest.mark.parametrize(
    ("line", "seconds"),
    [
        (b"From a Thu Aug 22 12:36:23 2002", 1030019783),
        (b"From a Thu Aug 22 12:36:23 +0200 2002", 1030012583),
        (b"From a Thu Aug 22 12:36:23 2002 -0130", 1030025183),
        (b"From a Thu Aug 22 12:36 2002", 1030019760),
        (b"From a Thu Aug 22 12:36:23 EST 2002", 1030019783),
        (b"From a Thu Jan  1 00:00:00 1970", None),
        (b"From a 22/08/2002", None),
    ],
)
def test_mbox_time(line: bytes, seconds: int | None) -> None:
    assert from_line_time(line) == seconds


def test_mbox_flags() -> None:
    assert status_flags(b"Status: RO\nX-Status: AF\nX-Keywords: Work bad(one \n") == (
        "\\Seen",
        "\\Answered",
        "\\Flagged",
        "Work",
    )
    assert status_flags(b"Subject: Status: R\nstatus : O\n") == ()


def maildir(path: Path) -> Path:
    for part in ("cur", "new", "tmp"):
        (path / part).mkdir(parents=True)
    return path


def put(path: Path, octets: bytes, seconds: int = 1_000_000_000) -> None:
    path.write_bytes(octets)
    os.utime(path, (seconds, seconds))


def test_maildir_flags_times_and_order(tmp_path: Path) -> None:
    root = maildir(tmp_path / "Maildir")
    put(root / "cur" / "1000000003.a.host:2,FS", b"3\n", 1_000_000_033)
    put(root / "cur" / "1000000001.b.host,S=2:2,RTDPab", b"1\n")
    put(root / "new" / "1000000002.c.host", b"2\n")
    put(root / "cur" / "1000000004.d.host;2,S", b"4\n")
    put(root / "tmp" / "1000000000.e.host", b"0\n")
    put(root / "cur" / ".hidden", b"x\n")
    (root / "dovecot-keywords").write_text("0 Work\nbad line\n1 $Label1\n")
    found = items(Maildir(root))
    assert [item.octets for item in found] == [b"1\n", b"2\n", b"3\n", b"4\n"]
    assert [item.flags for item in found] == [
        ("\\Answered", "\\Deleted", "\\Draft", "$Forwarded", "Work", "$Label1"),
        (),
        ("\\Flagged", "\\Seen"),
        ("\\Seen",),
    ]
    assert found[2].received_s == 1_000_000_033


def test_maildir_subfolders(tmp_path: Path) -> None:
    root = maildir(tmp_path / "Maildir")
    maildir(root / ".Work.2024")
    maildir(root / ".Entw&APw-rfe")
    maildir(root / "Lists" / "Dev") and maildir(root / "Lists")
    put(root / ".Work.2024" / "cur" / "1.a:2,", b"w\n")
    put(root / ".Entw&APw-rfe" / "new" / "1.a", b"d\n")
    put(root / "Lists" / "Dev" / "cur" / "1.a:2,S", b"l\n")
    assert {(item.mailbox, item.octets) for item in items(Maildir(root))} == {
        ("Work/2024", b"w\n"),
        ("Entwürfe", b"d\n"),
        ("Lists/Dev", b"l\n"),
    }


def test_eml_files_at_any_depth(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    put(tmp_path / "a.eml", b"1\n", 1_000_000_001)
    put(tmp_path / "b" / "c.EML", b"2\n")
    put(tmp_path / "notes.txt", b"no\n")
    found = items(open_source(tmp_path))
    assert [(item.place, item.octets) for item in found] == [("a.eml", b"1\n"), ("b/c.EML", b"2\n")]
    assert (found[0].received_s, found[0].file_s) == (None, 1_000_000_001)
    assert bodies(open_source(tmp_path / "a.eml")) == [b"1\n"]
    (refused,) = open_source(tmp_path / "a.eml").items(1)
    assert isinstance(refused, Refused) and refused.reason == "2 octets, the limit is 1"


def test_what_cannot_be_imported(tmp_path: Path) -> None:
    with pytest.raises(NotImportable, match="no such file or folder"):
        open_source(tmp_path / "nothing")
    with pytest.raises(NotImportable, match=r"has no \.eml files"):
        open_source(tmp_path)
    (tmp_path / "text").write_text("hello\n")
    with pytest.raises(NotImportable, match="is not an mbox"):
        open_source(tmp_path / "text")
    with pytest.raises(NotImportable, match="is not a Maildir"):
        open_source(tmp_path, "maildir")


@pytest.mark.parametrize(
    ("octets", "wire"),
    [
        (b"a\nb\n", b"a\r\nb\r\n"),
        (b"a\r\nb\r\n", b"a\r\nb\r\n"),
        (b"a\r\nb\n\rc\r\r\n", b"a\r\nb\r\n\rc\r\r\n"),
        (b"\n", b"\r\n"),
        (b"\r", b"\r"),
        (b"", b""),
    ],
)
def test_newlines(octets: bytes, wire: bytes) -> None:
    assert to_crlf(octets) == wire
    for size in (1, 2, 3):
        stream = CrlfStream()
        chunks = [octets[at : at + size] for at in range(0, len(octets), size)]
        assert b"".join(map(stream.feed, chunks)) == wire
