"""Each command as Python sees it; the grammar itself is tested in rust/imap/tests."""

from __future__ import annotations

from typing import TypeVar

import pytest

from lightmail._core import imap
from tests.unit.core_imap.events import only

C = TypeVar("C", bound=imap.Event)


def command(kind: type[C], line: str) -> C:
    found = only(line)
    assert isinstance(found, kind), found
    return found


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (imap.Capability, "CAPABILITY"),
        (imap.Noop, "NOOP"),
        (imap.Logout, "LOGOUT"),
        (imap.StartTls, "STARTTLS"),
        (imap.Check, "CHECK"),
        (imap.Close, "CLOSE"),
        (imap.Unselect, "UNSELECT"),
        (imap.Idle, "IDLE"),
        (imap.Namespace, "NAMESPACE"),
    ],
)
def test_without_arguments(kind: type[imap.Command], name: str) -> None:
    found = command(kind, f"a1 {name.lower()}")
    assert (found.tag, found.name) == ("a1", name)
    assert isinstance(found, imap.Command)
    assert repr(found) == f"{kind.__name__}(tag='a1')"


def test_login_hides_its_password() -> None:
    found = command(imap.Login, 'a LOGIN "joe" sesame')
    assert (found.username, found.password) == (b"joe", b"sesame")
    assert repr(found) == "Login(tag='a', username=b'joe', password=…)"


def test_authenticate_hides_its_initial_response() -> None:
    found = command(imap.Authenticate, "a AUTHENTICATE plain AGEAYg==")
    assert (found.mechanism, found.initial) == ("PLAIN", b"\0a\0b")
    assert "a\\x00b" not in repr(found)
    assert command(imap.Authenticate, "a AUTHENTICATE PLAIN =").initial == b""
    without = command(imap.Authenticate, "a AUTHENTICATE PLAIN")
    assert without.initial is None
    assert repr(without) == "Authenticate(tag='a', mechanism='PLAIN', initial=None)"


def test_id() -> None:
    assert command(imap.Id, "a ID NIL").params is None
    assert command(imap.Id, 'a ID ("name" "x" "os" NIL)').params == {"name": "x", "os": None}


def test_enable() -> None:
    assert command(imap.Enable, "a ENABLE condstore UTF8=ACCEPT").capabilities == ("CONDSTORE", "UTF8=ACCEPT")


def test_select_and_examine() -> None:
    found = command(imap.Select, "a SELECT inbox")
    assert (found.mailbox, found.examine, found.condstore, found.qresync) == ("INBOX", False, False, None)
    found = command(imap.Select, "a EXAMINE x (CONDSTORE QRESYNC (1 2 3:4 (5 6)))")
    assert (found.name, found.examine, found.condstore) == ("EXAMINE", True, True)
    known = found.qresync
    assert known is not None
    assert (known.uid_validity, known.modseq) == (1, 2)
    assert (str(known.known_uids), str(known.match_seqs), str(known.match_uids)) == ("3:4", "5", "6")
    known = command(imap.Select, "a SELECT x (QRESYNC (1 2))").qresync
    assert known is not None
    assert (known.known_uids, known.match_seqs, known.match_uids) == (None, None, None)


def test_mailboxes() -> None:
    created = command(imap.Create, r"a CREATE Work/ (USE (\Sent \Drafts))")
    assert (created.mailbox, created.special_use) == ("Work", ("\\Sent", "\\Drafts"))
    assert command(imap.Delete, "a DELETE &ZeVnLIqe-").mailbox == "日本語"
    renamed = command(imap.Rename, 'a RENAME a "b c"')
    assert (renamed.source, renamed.target) == ("a", "b c")
    assert command(imap.Subscribe, "a SUBSCRIBE x").mailbox == "x"
    assert command(imap.Unsubscribe, "a UNSUBSCRIBE x").mailbox == "x"
    status = command(imap.Status, "a STATUS x (uidnext MESSAGES)")
    assert (status.mailbox, status.items) == ("x", ("UIDNEXT", "MESSAGES"))


def test_list_and_lsub() -> None:
    plain = command(imap.List, 'a LIST "" "*"')
    assert (plain.reference, plain.patterns, plain.extended) == ("", ("*",), False)
    assert (plain.select, plain.returns, plain.status) == (frozenset(), frozenset(), ())
    found = command(
        imap.List, 'a LIST (SUBSCRIBED RECURSIVEMATCH) "" (a b%) RETURN (CHILDREN STATUS (UNSEEN MESSAGES))'
    )
    assert (found.patterns, found.extended) == (("a", "b%"), True)
    assert found.select == {"SUBSCRIBED", "RECURSIVEMATCH"}
    assert (found.returns, found.status) == (frozenset({"CHILDREN", "STATUS"}), ("UNSEEN", "MESSAGES"))
    lsub = command(imap.Lsub, 'a LSUB "#news." %')
    assert (lsub.reference, lsub.pattern) == ("#news.", "%")


def test_expunge() -> None:
    plain = command(imap.Expunge, "a EXPUNGE")
    assert (plain.name, plain.uids) == ("EXPUNGE", None)
    by_uid = command(imap.Expunge, "a UID EXPUNGE 1:*,7")
    assert by_uid.name == "UID EXPUNGE"
    assert str(by_uid.uids) == "1:*,7"


def test_search() -> None:
    found = command(imap.Search, "a SEARCH CHARSET utf-8 UNSEEN OR FROM x MODSEQ 5")
    assert (found.uid, found.returns) == (False, None)
    program = found.program
    assert (program.charset, program.needs_summary, program.needs_octets, program.uses_modseq) == (
        "utf-8",
        True,
        False,
        True,
    )
    found = command(imap.Search, "a UID SEARCH RETURN (MIN SAVE) TEXT x")
    assert (found.name, found.uid, found.returns) == ("UID SEARCH", True, frozenset({"MIN", "SAVE"}))
    assert (found.program.charset, found.program.needs_octets) == (None, True)
    # RFC 9051 §6.4.4: RETURN () means ALL
    assert command(imap.Search, "a SEARCH RETURN () ALL").returns == frozenset({"ALL"})


def test_fetch() -> None:
    found = command(imap.Fetch, "a UID FETCH 1:500 (FLAGS MODSEQ BODY[]) (CHANGEDSINCE 5 VANISHED)")
    assert (found.name, found.uid, str(found.set)) == ("UID FETCH", True, "1:500")
    assert (found.changed_since, found.vanished) == (5, True)
    plan = found.plan
    assert (plan.needs_summary, plan.needs_octets, plan.sets_seen) == (False, True, True)
    assert plan.wants_modseq
    assert repr(plan) == "FetchPlan((FLAGS MODSEQ BODY[]))"
    plan = command(imap.Fetch, "a FETCH $ BODY.PEEK[HEADER.FIELDS (From)]").plan
    assert (plan.needs_summary, plan.needs_octets, plan.sets_seen, plan.wants_modseq) == (True, False, False, False)


def test_store() -> None:
    found = command(imap.Store, r"a STORE 2:4 (UNCHANGEDSINCE 9) +FLAGS.SILENT (\Seen $Work)")
    assert (found.uid, str(found.set), found.op, found.silent) == (False, "2:4", "add", True)
    assert (found.flags, found.unchanged_since) == (("\\Seen", "$Work"), 9)
    assert command(imap.Store, "a UID STORE 1 FLAGS ()").op == "set"
    assert command(imap.Store, "a UID STORE 1 -FLAGS a b").flags == ("a", "b")


def test_copy_and_move() -> None:
    copied = command(imap.Copy, "a UID COPY $ inbox")
    assert (copied.name, copied.uid, copied.set.saved, copied.mailbox) == ("UID COPY", True, True, "INBOX")
    moved = command(imap.Move, "a MOVE 1 x")
    assert (moved.name, moved.uid, moved.set.saved, moved.mailbox) == ("MOVE", False, False, "x")


def test_commands_are_frozen() -> None:
    found = command(imap.Delete, "a DELETE x")
    with pytest.raises(AttributeError):
        found.mailbox = "y"
    with pytest.raises(AttributeError):
        found.tag = "b"
    with pytest.raises(TypeError):
        imap.Delete()
