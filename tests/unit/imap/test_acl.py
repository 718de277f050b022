"""Access control lists and the mailboxes of others (RFC 4314, RFC 2342, RFC 8440), beyond what the transcript has."""

from __future__ import annotations

import msgspec
import pytest

from lightmail.auth.passwords import Passwords
from lightmail.config import Config
from lightmail.config.sections import Sharing
from lightmail.errors import Unavailable
from lightmail.model import FlagOp, Mailbox, User
from lightmail.model.rights import rights_of
from tests.support.aio import run
from tests.unit.imap.desk import CHEAP, PASSWORD, Client, Desk, lines
from tests.unit.mail.house import House

WORK = b"Users/ann@example.org/Work"


class Office:
    """Ann, Bob, and the shared mailboxes of team@example.org; Ann has a mailbox `Work`."""

    def __init__(self, desk: Desk, users: dict[str, User], work: Mailbox) -> None:
        self.desk = desk
        self.house = desk.house
        self.users = users
        self.work = work

    @classmethod
    async def open(cls, *, workers: int = 1, **sharing: str) -> Office:
        config = Config()
        config = msgspec.structs.replace(
            config,
            auth=CHEAP,
            server=msgspec.structs.replace(config.server, workers=workers),
            sharing=Sharing(**{"account": "team@example.org", **sharing}),
        )
        house = House(config)
        users = {}
        for name in ("ann", "bob", "team"):
            hashed = Passwords(CHEAP).hash(PASSWORD)
            users[name] = await house.mail.accounts.create(f"{name}@example.org", hashed)
        house.user = users["ann"]
        work = await house.mail.mailboxes.create(users["ann"].id, "Work")
        return cls(Desk(house, config), users, work)

    async def login(self, name: str, *, enable: bytes = b"", select: bytes = b"") -> Client:
        client = self.desk.connect()
        assert b"l OK" in await client.say(b"l LOGIN %s@example.org %s" % (name.encode(), PASSWORD))
        if enable:
            assert b"e OK" in await client.say(b"e ENABLE " + enable)
        if select:
            assert b"s OK" in await client.say(b"s SELECT " + select)
        return client

    async def allow(self, letters: str, who: str = "bob@example.org", mailbox: Mailbox | None = None) -> None:
        """By another process: this one is not told."""
        box = mailbox or self.work
        await self.house.raw_metadata.change_acl(box.id, who, FlagOp.SET, rights_of(letters))

    async def hint(self) -> None:
        """Now it is."""
        modseqs = await self.house.raw_metadata.modseqs([self.work.id])
        self.house.feed.hint(self.work.id, modseqs[self.work.id])


def test_shared_mailboxes_are_those_of_the_configured_account() -> None:
    async def scenario() -> None:
        office = await Office.open()
        plans = await office.house.mail.mailboxes.create(office.users["team"].id, "Plans")
        await office.allow("lrswi", "anyone", plans)
        bob = await office.login("bob")
        assert lines(await bob.say(b"a NAMESPACE"))[0] == (b'* NAMESPACE (("" "/")) (("Users/" "/")) (("Shared/" "/"))')
        assert b"b OK [READ-WRITE]" in await bob.say(b"b SELECT Shared/Plans")
        assert b"c NO [NONEXISTENT]" in await bob.say(b"c STATUS Users/team@example.org/Plans (MESSAGES)")
        assert b"d NO [NOPERM]" in await bob.say(b"d CREATE Shared/Plans/New")
        assert b"e NO [NONEXISTENT]" in await bob.say(b"e CREATE Shared/New")
        assert b"f NO [CANNOT]" in await bob.say(b"f CREATE Shared")
        listed = lines(await bob.say(b'g LIST "" "*" RETURN (SUBSCRIBED)'))
        assert b'* LIST (\\HasNoChildren) "/" Shared/Plans' in listed
        assert b"h OK" in await bob.say(b"h SUBSCRIBE Shared/Plans")
        listed = lines(await bob.say(b'i LIST "" "Shared/*" RETURN (SUBSCRIBED)'))
        assert listed[0] == b'* LIST (\\HasNoChildren \\Subscribed) "/" Shared/Plans'
        # To the account itself they are its own.
        team = await office.login("team", select=b"Plans")
        assert b"NONEXISTENT" in await team.say(b"a SELECT Shared/Plans")
        await office.desk.close()

    run(scenario())


def test_without_names_for_them_nobody_sees_other_mailboxes() -> None:
    async def scenario() -> None:
        office = await Office.open(users="", account="")
        await office.allow("lrswi")
        bob = await office.login("bob")
        assert lines(await bob.say(b"a NAMESPACE"))[0] == b'* NAMESPACE (("" "/")) NIL NIL'
        assert b"NONEXISTENT" in await bob.say(b"b SELECT " + WORK)
        assert b"Work" not in await bob.say(b'c LIST "" "*"')
        # Then "Users" is a name like any other.
        assert b"d OK" in await bob.say(b"d CREATE Users/Work")
        await office.desk.close()

    run(scenario())


def test_nothing_new_of_ones_own_is_made_where_the_mailboxes_of_others_are() -> None:
    async def scenario() -> None:
        office = await Office.open()
        bob = await office.login("bob")
        for name in (b"Users/Work", b"Users/bob@example.org/Work", b"Users/nobody", b"Users", b"Shared"):
            assert b"a NO [CANNOT]" in await bob.say(b"a CREATE " + name)
        await bob.say(b"b CREATE Old")
        assert b"c NO [CANNOT]" in await bob.say(b"c RENAME Old Users/Old")
        assert b"Users/" not in await bob.say(b'd LIST "" *')
        await office.desk.close()

    run(scenario())


def test_own_mailboxes_with_such_names_stay_where_they_are() -> None:
    """From before there were namespaces."""

    async def scenario() -> None:
        office = await Office.open()
        old = "Users/ann@example.org/Work"
        await office.house.mail.mailboxes.create(office.users["bob"].id, old)
        bob = await office.login("bob", select=WORK)
        assert b"a OK" in await bob.say(b"a RENAME %s Mine" % WORK)
        await office.desk.close()

    run(scenario())


def test_own_mailboxes_cost_no_question() -> None:
    async def scenario() -> None:
        office = await Office.open()
        ann = await office.login("ann", select=b"Work")
        office.house.metadata.calls.clear()
        await ann.say(b"a MYRIGHTS Work", b"b NOOP", b"c FETCH 1:* FLAGS", b"d STORE 1:* FLAGS (\\Seen)")
        assert office.house.metadata.calls == []
        await office.desk.close()

    run(scenario())


def test_rights_to_a_selected_mailbox_are_asked_for_once() -> None:
    async def scenario() -> None:
        office = await Office.open()
        await office.allow("lrs")
        bob = await office.login("bob", select=WORK)
        office.house.metadata.calls.clear()
        await bob.say(b"a NOOP", b"b FETCH 1:* FLAGS", b"c NOOP")
        assert office.house.metadata.calls == []
        await office.allow("lrsw")
        await office.hint()
        assert b"PERMANENTFLAGS (\\Answered \\Flagged \\Seen \\Draft \\*)" in await bob.say(b"d NOOP")
        assert office.house.metadata.calls == ["get_acl", "changes_since"]
        assert lines(await bob.say(b"e NOOP"))[0].startswith(b"e OK")
        await office.desk.close()

    run(scenario())


def test_who_may_not_read_any_more_leaves() -> None:
    """RFC 4314 §5.1.1: with BYE in IMAP4rev1; IMAP4rev2 has [CLOSED] (RFC 9051 §7.1)."""

    async def scenario() -> None:
        office = await Office.open()
        await office.allow("lr")
        old, new = await office.login("bob", select=WORK), await office.login("bob", enable=b"IMAP4rev2", select=WORK)
        ann = await office.login("ann")
        assert b"a OK" in await ann.say(b"a SETACL Work bob@example.org -r")
        assert lines(await old.say(b"b FETCH 1:* FLAGS")) == [b"* BYE You may not read the selected mailbox any more"]
        assert old.closed
        answer = lines(await new.say(b"b FETCH 1:* FLAGS"))
        assert answer[0] == b"* OK [CLOSED] You may not read the selected mailbox any more"
        assert answer[1].startswith(b"b BAD ")
        assert b"c NO [NOPERM]" in await new.say(b"c SELECT " + WORK)
        await office.desk.close()

    run(scenario())


def test_idle_ends_its_news_with_the_rights() -> None:
    async def scenario() -> None:
        office = await Office.open()
        await office.allow("lrs")
        bob = await office.login("bob", select=WORK)
        assert await bob.say(b"a IDLE") == b"+ idling\r\n"
        await office.house.append(office.work, 1)
        assert b"* 1 EXISTS" in await bob.told() + await bob.told()
        await office.allow("l")
        await office.house.append(office.work, 1)
        told = await bob.told() + await bob.told()
        assert b"EXISTS" not in told and told.startswith(b"* BYE ")
        await office.desk.close()

    run(scenario())


def test_idle_waits_for_a_database_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        office = await Office.open()
        await office.allow("lrs")
        bob = await office.login("bob", select=WORK)
        await bob.say(b"a IDLE")
        office.house.metadata.fail("get_acl", Unavailable("the database"), Unavailable("the database"))
        monkeypatch.setattr("lightmail.mail.rights_cache._RETRY_S", 0.0)
        await office.house.append(office.work, 1)
        told = b""
        while b"* 1 EXISTS" not in told:
            told += await bob.told()
        assert b"a OK" in await bob.say(b"DONE")
        await office.desk.close()

    run(scenario())


def test_commands_on_the_mailbox_fail_while_nobody_can_be_asked() -> None:
    """Others work."""

    async def scenario() -> None:
        office = await Office.open()
        await office.allow("lrs")
        bob = await office.login("bob", select=WORK)
        await office.hint()
        await office.allow("l")
        await office.hint()
        office.house.metadata.fail("get_acl", *[Unavailable("the database")] * 3)
        assert b"a NO [UNAVAILABLE]" in await bob.say(b"a FETCH 1:* FLAGS")
        assert b"b OK" in await bob.say(b"b NAMESPACE")
        assert b"c OK" in await bob.say(b"c LOGOUT")
        await office.desk.close()

    run(scenario())


def test_rights_that_change_while_they_are_asked_for_are_asked_for_again() -> None:
    async def scenario() -> None:
        office = await Office.open(workers=2)
        await office.allow("lr")
        access, bob = office.house.mail.access, office.users["bob"]
        office.house.metadata.on("get_acl", lambda mailbox_id: office.house.feed.hint(mailbox_id, 0))
        assert await access.rights(bob, office.work.id) == rights_of("lr")
        assert access.rights_now(bob, office.work.id) is None
        office.house.metadata.on("get_acl", lambda mailbox_id: None)
        assert await access.rights(bob, office.work.id) == access.rights_now(bob, office.work.id) == rights_of("lr")
        await office.desk.close()

    run(scenario())


def test_a_mailbox_is_asked_about_anew_when_it_is_opened() -> None:
    """While nobody here had it open, nothing was told (ports/changes.py)."""

    async def scenario() -> None:
        office = await Office.open(workers=2)
        await office.allow("lrswit")
        bob = await office.login("bob", select=WORK)
        await bob.say(b"a UNSELECT")
        await office.allow("lr")
        assert b"b OK [READ-ONLY]" in await bob.say(b"b SELECT " + WORK)
        await office.desk.close()

    run(scenario())


def test_identifiers() -> None:
    """RFC 4314 §3: SASLprep first, and BAD where nothing is left; an address has one form, an alias is its account's."""

    async def scenario() -> None:
        office = await Office.open()
        office.house._state.aliases["robert@example.org"] = office.users["bob"].id
        ann = await office.login("ann")
        for identifier in (b"Bob@Example.ORG", b"robert@example.org", "bob\u00ad@example.org".encode()):
            await ann.say(b"a DELETEACL Work bob@example.org")
            assert b"b OK" in await ann.say(b'b SETACL Work "%s" lr' % identifier), identifier
            assert b'"bob@example.org" lr\r\n' in await ann.say(b"c GETACL Work")
        assert b"d BAD" in await ann.say('d SETACL Work "\u00ad" lr'.encode())
        assert b"e BAD" in await ann.say('e SETACL Work "a\u0001b" lr'.encode())
        assert b"f NO [CANNOT]" in await ann.say(b"f SETACL Work $team lr")
        answer = await ann.say(b"g LISTRIGHTS Work -Bob@Example.ORG")
        assert lines(answer)[0] == b'* LISTRIGHTS Work "-Bob@Example.ORG" "" l r s w i p k x t e a c d'
        assert b"h OK" in await ann.say(b"h SETACL Work ANYONE l")
        assert b' "anyone" l ' in await ann.say(b"i GETACL Work")
        await office.desk.close()

    run(scenario())


def test_special_uses_are_for_their_owner() -> None:
    """A client would file what it sends there (RFC 6154)."""

    async def scenario() -> None:
        office = await Office.open()
        sent = await office.house.mail.mailboxes.get(office.users["ann"].id, "Sent")
        await office.allow("lrswi", mailbox=sent)
        bob = await office.login("bob")
        listed = lines(await bob.say(b'a LIST (SPECIAL-USE) "" "*"'))
        assert not [line for line in listed if b"Users/" in line]
        assert lines(await bob.say(b'b LIST "" "Users/*"'))[0] == (
            b'* LIST (\\HasNoChildren) "/" Users/ann@example.org/Sent'
        )
        theirs = b"Users/ann@example.org/Sent"
        assert b"(/private/specialuse NIL)" in await bob.say(b"c GETMETADATA " + theirs + b" /private/specialuse")
        entries = b' (/private/specialuse "\\\\Trash" /private/comment "mine")'
        assert b"d NO [NOPERM]" in await bob.say(b"d SETMETADATA " + theirs + entries)
        assert b"e NO [NOPERM]" in await bob.say(b"e SETMETADATA " + theirs + b" (/private/specialuse NIL)")
        assert b"(/private/comment NIL)" in await bob.say(b"f GETMETADATA " + theirs + b" /private/comment")
        ann = await office.login("ann")
        assert b'(/private/specialuse "\\\\Sent")' in await ann.say(b"g GETMETADATA Sent /private/specialuse")
        await office.desk.close()

    run(scenario())


def test_whose_address_has_the_delimiter_keeps_their_mailboxes() -> None:
    async def scenario() -> None:
        office = await Office.open()
        odd = await office.house.mail.accounts.create("a/b@example.org", "")
        inbox = await office.house.mail.mailboxes.get(odd.id, "INBOX")
        await office.allow("lr", mailbox=inbox)
        bob = await office.login("bob")
        assert b"a/b" not in await bob.say(b'a LIST "" "*"')
        assert b"NONEXISTENT" in await bob.say(b"b STATUS Users/a/b@example.org/INBOX (MESSAGES)")
        await office.desk.close()

    run(scenario())


def test_moving_somebody_elses_mailbox_to_oneself_is_refused() -> None:
    async def scenario() -> None:
        office = await Office.open()
        await office.allow("lrkx")
        bob = await office.login("bob")
        assert b"a NO [CANNOT]" in await bob.say(b"a RENAME %s Mine" % WORK)
        assert b"b NO [CANNOT]" in await bob.say(b"b RENAME Sent %s/Sent" % WORK)
        assert b"c NO [CANNOT]" in await bob.say(b"c RENAME %s %s/x" % (WORK, WORK))
        await office.desk.close()

    run(scenario())


def test_what_a_reader_sees_of_recent_and_seen() -> None:
    """Flags are shared. Who may not set \\Seen takes no \\Recent either."""

    async def scenario() -> None:
        office = await Office.open()
        await office.allow("lri")
        await office.house.append(office.work, 1)
        bob = await office.login("bob")
        answer = await bob.say(b"a SELECT " + WORK)
        assert b"* 1 RECENT" in answer and b"a OK [READ-WRITE]" in answer and b"PERMANENTFLAGS ()" in answer
        assert b"\\Seen" not in await bob.say(b"b FETCH 1 BODY[]")
        assert b"c NO [NOPERM]" in await bob.say(b"c STORE 1 +FLAGS (\\Seen)")
        assert b"d NO [NOPERM]" in await bob.say(b"d STORE 1 FLAGS ()")
        ann = await office.login("ann")
        assert b"* 1 RECENT" in await ann.say(b"a SELECT Work")
        await office.allow("lrs")
        await office.hint()
        assert b"FLAGS (\\Recent \\Seen)" in await bob.say(b"e FETCH 1 (BODY[] FLAGS)")
        assert b"FLAGS (\\Recent \\Seen)" in await ann.say(b"b NOOP")
        await office.desk.close()

    run(scenario())
