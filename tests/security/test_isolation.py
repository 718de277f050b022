"""Every command, said by somebody whom the mail does not belong to: nothing is read, nothing changes, and whether a
mailbox is there at all cannot be told from the answers.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from lightmail._core import imap
from lightmail.imap.registry import ROWS
from tests.support.installation import Installation
from tests.support.wire import Answer, ImapClient

pytestmark = pytest.mark.integration

SECRET = b"xyzzysecret"
"""In every value of the owner's: text, names, flags, annotations."""
MESSAGE = b"From: ann@example.org\r\nSubject: %b\r\nMessage-ID: <%b@example.org>\r\n\r\n%b body\r\n" % ((SECRET,) * 3)
OTHER_MESSAGE = b"Subject: not theirs\r\n\r\nfrom somebody else\r\n"

TRIES: dict[type, tuple[bytes, ...]] = {
    # Those that name no mailbox and no message can only tell of the connection; the last four change it.
    imap.Capability: (b"CAPABILITY",),
    imap.Noop: (b"NOOP",),
    imap.Id: (b'ID ("name" "@")',),
    imap.Enable: (b"ENABLE QRESYNC",),
    imap.Namespace: (b"NAMESPACE",),
    imap.Language: (b"LANGUAGE EN",),
    imap.Comparator: (b"COMPARATOR i;unicode-casemap",),
    imap.Check: (b"CHECK",),
    imap.Logout: (),
    imap.StartTls: (),
    imap.Compress: (),
    imap.Unauthenticate: (),
    imap.Login: (b'LOGIN "&" wrong', b'LOGIN "&" "~"'),
    imap.Authenticate: (b"AUTHENTICATE PLAIN #",),
    imap.Select: (b'SELECT "@"', b'EXAMINE "@"', b'SELECT "@" (CONDSTORE)', b'SELECT "@" (QRESYNC (1 1))'),
    imap.Create: (b'CREATE "@"', b'CREATE "@/below"'),
    imap.Delete: (b'DELETE "@"',),
    imap.Rename: (b'RENAME "@" Mine', b'RENAME "@" "@2"', b'RENAME Own "@"', b'RENAME Own "@/below"'),
    imap.Subscribe: (b'SUBSCRIBE "@"',),
    imap.Unsubscribe: (b'UNSUBSCRIBE "@"',),
    imap.List: (
        b'LIST "" "@"',
        b'LIST "" "@*"',
        b'LIST "@" "%"',
        b'LIST "" "*"',
        b'LIST (RECURSIVEMATCH SUBSCRIBED) "" "*"',
        b'LIST "" ("@" "@/*") RETURN (SUBSCRIBED CHILDREN MYRIGHTS SPECIAL-USE STATUS (MESSAGES SIZE MAILBOXID))',
        b'LIST "" "@" RETURN (METADATA (/private/comment /shared/comment))',
    ),
    imap.Lsub: (b'LSUB "" "@"', b'LSUB "" "*"'),
    imap.Xlist: (b'XLIST "" "@"', b'XLIST "" "*"'),
    imap.Status: (b'STATUS "@" (MESSAGES UIDNEXT UIDVALIDITY UNSEEN SIZE HIGHESTMODSEQ MAILBOXID DELETED)',),
    imap.GetMetadata: (b'GETMETADATA "@" /private/comment', b'GETMETADATA (DEPTH infinity) "@" (/shared /private)'),
    imap.SetMetadata: (
        b'SETMETADATA "@" (/private/comment "theirs")',
        b'SETMETADATA "@" (/shared/comment NIL)',
        b'SETMETADATA "" (/shared/comment "theirs")',
    ),
    imap.GetQuota: (b'GETQUOTA "@"', b'GETQUOTA "&"'),
    imap.GetQuotaRoot: (b'GETQUOTAROOT "@"',),
    imap.SetQuota: (b'SETQUOTA "" (STORAGE 1)', b'SETQUOTA "@" (STORAGE 1)', b'SETQUOTA "&" (MESSAGE 1)'),
    imap.SetAcl: (b'SETACL "@" "~" lrswipkxtea', b'SETACL "@" anyone +lr'),
    imap.DeleteAcl: (b'DELETEACL "@" "~"', b'DELETEACL "@" anyone'),
    imap.GetAcl: (b'GETACL "@"',),
    imap.ListRights: (b'LISTRIGHTS "@" "~"',),
    imap.MyRights: (b'MYRIGHTS "@"',),
    imap.AppendMessage: (
        b'APPEND "@" {}',
        b'APPEND "@" (\\Seen) {} {}',
        b'APPEND "@" CATENATE (TEXT {})',
        b'APPEND Own CATENATE (URL "/@/;UID=1")',
        b'APPEND Own CATENATE (URL "/@;UIDVALIDITY=1/;UID=1/;SECTION=HEADER")',
        b'APPEND Own CATENATE (URL "imap://&@localhost/INBOX/;UID=1")',
    ),
    imap.Notify: (
        b'NOTIFY SET STATUS (mailboxes "@" (MessageNew MessageExpunge FlagChange))',
        b'NOTIFY SET STATUS (subtree "@" (MessageNew MessageExpunge MailboxName SubscriptionChange))',
        b"NOTIFY SET STATUS (personal (MessageNew MessageExpunge MailboxName MailboxMetadataChange))",
        b"NOTIFY NONE",
    ),
    imap.Esearch: (
        b'ESEARCH IN (mailboxes "@") RETURN (ALL COUNT MIN MAX) ALL',
        b'ESEARCH IN (subtree "@") RETURN (COUNT) TEXT xyzzy',
        b"ESEARCH IN (personal subscribed) RETURN (ALL) ALL",
    ),
    imap.Idle: (b"IDLE",),
    imap.Close: (b"CLOSE",),
    imap.Unselect: (b"UNSELECT",),
    imap.Expunge: (b"EXPUNGE", b"UID EXPUNGE 1:*"),
    imap.UidBatches: (b"UIDBATCHES 500",),
    imap.Search: (
        b"SEARCH ALL",
        b"UID SEARCH RETURN (SAVE ALL COUNT) OR TEXT xyzzy KEYWORD xyzzysecret",
        b"UID SEARCH EMAILID !",
        b"UID SEARCH THREADID ?",
    ),
    imap.CancelUpdate: (b'CANCELUPDATE "c1"',),
    imap.Thread: (b"THREAD REFERENCES UTF-8 ALL", b"UID THREAD REFS UTF-8 TEXT xyzzy"),
    imap.Sort: (b"SORT (SUBJECT) UTF-8 ALL", b"UID SORT RETURN (ALL) (DATE) UTF-8 TEXT xyzzy"),
    imap.Fetch: (
        b"FETCH 1:* (FLAGS ENVELOPE BODY[] PREVIEW EMAILID THREADID)",
        b"UID FETCH 1:* (BODY.PEEK[TEXT] BODYSTRUCTURE)",
        b"UID FETCH 1:4294967295 FLAGS (CHANGEDSINCE 0 VANISHED)",
    ),
    imap.Store: (b"STORE 1:* +FLAGS (\\Deleted)", b"UID STORE 1:* FLAGS ()"),
    imap.Copy: (b'COPY 1:* "@"', b'UID COPY 1:* "@"'),
    imap.Move: (b'MOVE 1:* "@"', b'UID MOVE 1:* "@"'),
    imap.ReplaceMessage: (b'REPLACE 1 "@" {}', b'UID REPLACE 1 "@" {}'),
}
"""@ is the name of a mailbox that belongs to somebody else, & its owner, ~ who tries, # its SASL PLAIN response that asks
for the owner's rights, ! and ? the EMAILID and THREADID of a message there.
"""

NOT_HERE = (b"LOGIN", b"AUTHENTICATE", b"CANCELUPDATE")
"""Not understood by who is logged in, or without what came before; all other tries must be refused for what they ask."""


@dataclass(frozen=True)
class Owner:
    """Whom the mail belongs to, and what it looks like to them."""

    installation: Installation
    address: str
    password: str
    email_id: bytes
    thread_id: bytes

    def names(self) -> list[str]:
        """How another user would call what is there."""
        return [f"Users/{self.address}/{name}" for name in ("INBOX", "Private", "Private/xyzzysecret")]

    def view(self) -> list[bytes]:
        """All that belongs to the owner."""
        with ImapClient(self.installation.address("imap")) as client:
            client.login(self.address, self.password)
            seen = [
                *client.command(
                    b'LIST "" "*" RETURN (SUBSCRIBED STATUS (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ))'
                ).untagged,
                *client.command(b"GETQUOTAROOT INBOX").untagged,
                *client.command(b'GETMETADATA "" /shared/comment').untagged,
            ]
            for name in (b"INBOX", b"Private", b"Private/xyzzysecret"):
                seen += client.command(b"GETACL " + name).untagged
                seen += client.command(b"GETMETADATA (DEPTH infinity) %b (/private /shared)" % name).untagged
                seen += client.command(b"EXAMINE " + name).untagged
                seen += client.command(b"FETCH 1:* (UID FLAGS MODSEQ BODY.PEEK[])").untagged
            return seen


@pytest.fixture
def owner(guarded: Installation) -> Owner:
    address, password = guarded.add_user()
    with ImapClient(guarded.address("imap")) as client:
        client.login(address, password)
        for name in (b"Private", b"Private/" + SECRET):
            assert client.command(b"CREATE " + name).ok
        for name in (b"INBOX", b"Private", b"Private/" + SECRET):
            assert client.command(b"APPEND %b (%b) {}" % (name, SECRET), MESSAGE).ok
            assert client.command(
                b'SETMETADATA %b (/private/comment "%b" /shared/comment "%b")' % (name, SECRET, SECRET)
            ).ok
        assert client.command(b"SUBSCRIBE Private/" + SECRET).ok
        client.command(b"SELECT INBOX")
        fetched = client.command(b"FETCH 1 (EMAILID THREADID)").untagged[-1]
    ids = re.search(rb"EMAILID \(([^)]+)\) THREADID \(([^)]+)\)", fetched)
    assert ids, fetched
    return Owner(guarded, address, password, ids[1], ids[2])


@dataclass(frozen=True)
class Stranger:
    """An account of the same installation that nobody has given any right."""

    address: str
    password: str

    def connect(self, owner: Owner) -> ImapClient:
        client = ImapClient(owner.installation.address("imap"))
        client.login(self.address, self.password)
        return client

    def commands(self, owner: Owner, name: str) -> Iterator[tuple[bytes, list[bytes]]]:
        """Every try on this name, with its literals."""
        sasl = base64.b64encode(f"{owner.address}\0{self.address}\0{self.password}".encode())
        values = {b"@": name.encode(), b"&": owner.address.encode(), b"~": self.address.encode(), b"#": sasl}
        values |= {b"!": owner.email_id, b"?": owner.thread_id}
        for tries in TRIES.values():
            for text in tries:
                filled = re.sub(rb"(?<![%$])[@&~#!?](?!localhost)", lambda found: values[found[0]], text)
                yield filled, [OTHER_MESSAGE] * text.count(b"{}")


@pytest.fixture
def stranger(guarded: Installation) -> Stranger:
    stranger = Stranger(*guarded.add_user())
    with ImapClient(guarded.address("imap")) as client:
        client.login(stranger.address, stranger.password)
        assert client.command(b"CREATE Own").ok
        assert client.command(b"APPEND Own {}", OTHER_MESSAGE).ok
    return stranger


def say(client: ImapClient, text: bytes, literals: list[bytes]) -> Answer:
    number = client.send_command(text, *literals)
    if text == b"IDLE":
        client.send(b"DONE\r\n")
    return client.answer(number)


def transcript(owner: Owner, stranger: Stranger, name: str) -> list[tuple[bytes, bytes]]:
    """Each command and what was answered, with names and numbers that differ between two runs made equal."""
    seen = []
    with stranger.connect(owner) as client:
        for text, literals in stranger.commands(owner, name):
            client.command(b"CREATE Own")
            if not client.command(b"SELECT Own").ok:
                raise AssertionError("one's own mailbox is gone")
            answer = say(client, text, literals)
            whole = b"\n".join([*answer.untagged, answer.tagged])
            assert SECRET not in whole.replace(name.encode(), b""), (text, whole)
            assert not answer.tagged.startswith(b"BAD") or text.startswith(NOT_HERE), (text, whole)
            seen.append((text.replace(name.encode(), b"NAME"), whole.replace(name.encode(), b"NAME")))
    return [(text, re.sub(rb"\d+", b"0", whole)) for text, whole in seen]


def test_every_command_is_tried() -> None:
    assert set(TRIES) == {row.type for row in ROWS}


def test_a_stranger_reads_and_changes_nothing(owner: Owner, stranger: Stranger) -> None:
    before = owner.view()
    for name in owner.names():
        transcript(owner, stranger, name)
    assert owner.view() == before


def test_a_stranger_cannot_tell_whether_a_mailbox_is_there(owner: Owner, stranger: Stranger) -> None:
    there = f"Users/{owner.address}/Private"
    absent = f"Users/{owner.address}/Privata"
    first = transcript(owner, stranger, there)
    for (text, answered), (_, expected) in zip(first, transcript(owner, stranger, absent), strict=True):
        assert answered == expected, text


def test_nothing_is_done_before_login(owner: Owner, stranger: Stranger) -> None:
    before = owner.view()
    harmless = (b"CAPABILITY", b"NOOP", b"ID ", b"LANGUAGE")
    with ImapClient(owner.installation.address("imap")) as client:
        for text, literals in stranger.commands(owner, "INBOX"):
            if text == b"IDLE":
                assert client.command(text).tagged.startswith(b"BAD"), text
                continue
            answer = say(client, text, literals)
            assert answer.ok == text.startswith(harmless), (text, answer)
            assert SECRET not in b"\n".join([*answer.untagged, answer.tagged]), text
    assert owner.view() == before


def test_who_may_only_look_a_mailbox_up_reads_nothing_of_it(owner: Owner, stranger: Stranger) -> None:
    """RFC 4314 §4: "l" lets LIST show the name, and no more."""
    with ImapClient(owner.installation.address("imap")) as client:
        client.login(owner.address, owner.password)
        assert client.command(b"SETACL Private %b l" % stranger.address.encode()).ok
    before = owner.view()
    transcript(owner, stranger, f"Users/{owner.address}/Private")
    assert owner.view() == before


def test_the_next_user_of_a_connection_finds_nothing_of_the_one_before(owner: Owner, stranger: Stranger) -> None:
    """RFC 8437 §2: everything is forgotten but TLS."""
    with ImapClient(owner.installation.address("imap")) as client:
        client.login(owner.address, owner.password)
        client.command(b"ENABLE QRESYNC UTF8=ACCEPT")
        client.command(b"SELECT Private")
        client.command(b"SEARCH RETURN (SAVE) ALL")
        client.command(b"NOTIFY SET STATUS (personal (MessageNew MessageExpunge))")
        assert client.command(b"UNAUTHENTICATE").ok
        client.login(stranger.address, stranger.password)
        for text, literals in stranger.commands(owner, "INBOX"):
            answer = say(client, text, literals)
            assert SECRET not in b"\n".join([*answer.untagged, answer.tagged]), text
        assert client.command(b"SELECT Own").ok
        assert not client.command(b"FETCH $ BODY[]").fetched()


def test_the_data_folder_is_for_its_owner_alone(guarded: Installation) -> None:
    """The command line acts for whoever can read it: nobody else may. Sockets are as closed as their folder."""
    for node in guarded.nodes:
        inside = [path for path in node.data.rglob("*") if not (path.is_symlink() or path.is_socket())]
        assert [path for path in [node.data, *inside] if path.lstat().st_mode & 0o077] == []
