"""LIST and LSUB (RFC 9051 §6.3.9, RFC 5258, RFC 5819, RFC 6154; RFC 3501 §6.3.9), on the RFC's own examples."""

from __future__ import annotations

import re
import time

import pytest

from tests.support.aio import run
from tests.unit.imap.desk import Client, Desk, lines

FRUIT = ("Fruit", "Fruit/Apple", "Fruit/Banana", "Tofu", "Vegetable", "Vegetable/Broccoli", "Vegetable/Corn")
SUBSCRIBED = ("INBOX", "Fruit/Banana", "Fruit/Peach", "Vegetable", "Vegetable/Broccoli")


async def garden(names: tuple[str, ...] = FRUIT, subscribed: tuple[str, ...] = SUBSCRIBED) -> tuple[Desk, Client]:
    """RFC 9051 §6.3.9.8, Example 1: a hierarchy, and what of it is subscribed."""
    desk = await Desk.build()
    client = await desk.login()
    for name in ("Archive", "Drafts", "Junk", "Sent", "Trash"):
        await client.say(b"x DELETE " + name.encode(), b"x UNSUBSCRIBE " + name.encode())
    await client.say(b"x UNSUBSCRIBE INBOX")
    for name in names:
        await client.say(b"x CREATE " + name.encode())
    for name in subscribed:
        await client.say(b"x SUBSCRIBE " + name.encode())
    return desk, client


def listed(answer: bytes) -> dict[str, tuple[set[str], str]]:
    """Name to attributes and extended data; \\HasChildren and \\HasNoChildren are dropped (see test_children)."""
    found = {}
    for line in lines(answer):
        match = re.fullmatch(rb'\* (?:LIST|LSUB) \((.*?)\) "/" "?([^" ]+)"?(?: (.*))?', line)
        if match:
            attributes = set(match[1].decode().split()) - {"\\HasChildren", "\\HasNoChildren"}
            assert match[2].decode() not in found
            found[match[2].decode()] = (attributes, (match[3] or b"").decode())
    return found


async def ask(client: Client, command: bytes) -> dict[str, tuple[set[str], str]]:
    answer = await client.say(b"a " + command)
    assert lines(answer)[-1].startswith(b"a OK")
    return listed(answer)


def test_example_1_everything() -> None:
    async def scenario() -> None:
        desk, client = await garden()
        assert list(await ask(client, b'LIST "" "*"')) == sorted(("INBOX", *FRUIT))
        await desk.close()

    run(scenario())


def test_example_2_subscribed() -> None:
    async def scenario() -> None:
        desk, client = await garden()
        assert await ask(client, b'LIST (SUBSCRIBED) "" "*"') == {
            "INBOX": ({"\\Subscribed"}, ""),
            "Fruit/Banana": ({"\\Subscribed"}, ""),
            "Fruit/Peach": ({"\\Subscribed", "\\NonExistent"}, ""),
            "Vegetable": ({"\\Subscribed"}, ""),
            "Vegetable/Broccoli": ({"\\Subscribed"}, ""),
        }
        await desk.close()

    run(scenario())


def test_example_3_children() -> None:
    """RFC 9051 §6.3.9.5; exactly one of the two attributes."""

    async def scenario() -> None:
        desk, client = await garden()
        answer = await client.say(b'a LIST () "" "%" RETURN (CHILDREN)')
        assert lines(answer)[:-1] == [
            b'* LIST (\\HasChildren) "/" Fruit',
            b'* LIST (\\HasNoChildren) "/" INBOX',
            b'* LIST (\\HasNoChildren) "/" Tofu',
            b'* LIST (\\HasChildren) "/" Vegetable',
        ]
        await desk.close()

    run(scenario())


def test_example_6_remote_adds_nothing() -> None:
    async def scenario() -> None:
        desk, client = await garden()
        found = await ask(client, b'LIST (REMOTE) "" "*" RETURN (SUBSCRIBED)')
        assert set(found) == {"INBOX", *FRUIT}
        told = {name for name, (attributes, _) in found.items() if "\\Subscribed" in attributes}
        assert told == set(SUBSCRIBED) - {"Fruit/Peach"}
        await desk.close()

    run(scenario())


CHILDINFO = '("CHILDINFO" ("SUBSCRIBED"))'


@pytest.mark.parametrize(
    ("subscribed", "exists", "expected"),
    [
        (("Foo/Baz",), True, {"Foo": (set(), CHILDINFO)}),
        (("Foo/Baz", "Foo"), True, {"Foo": ({"\\Subscribed"}, CHILDINFO)}),
        (("Foo/Baz",), False, {"Foo": ({"\\NonExistent"}, CHILDINFO)}),
        ((), True, {}),
        (("Foo", "Moo"), True, {"Foo": ({"\\Subscribed"}, ""), "Moo": ({"\\Subscribed"}, "")}),
    ],
)
def test_example_7_recursivematch(subscribed: tuple[str, ...], exists: bool, expected: object) -> None:
    async def scenario() -> None:
        desk, client = await garden(("Foo", "Foo/Bar", "Foo/Baz", "Moo") if exists else ("Moo",), subscribed)
        assert await ask(client, b'LIST (SUBSCRIBED RECURSIVEMATCH) "" "%"') == expected
        await desk.close()

    run(scenario())


MAMBA = (
    *("foo2", "foo2/bar1", "foo2/bar2", "baz2", "baz2/bar2", "baz2/bar22", "baz2/bar222", "eps2", "eps2/mamba"),
    *("qux2", "qux2/bar2"),
)
MAMBA_SUBSCRIBED = (
    "foo2/bar1",
    "foo2/bar2",
    "baz2/bar2",
    "baz2/bar22",
    "baz2/bar222",
    "eps2",
    "eps2/mamba",
    "qux2/bar2",
)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (
            b"*2",
            {
                "foo2": CHILDINFO,
                "foo2/bar2": "",
                "baz2/bar2": "",
                "baz2/bar22": "",
                "baz2/bar222": "",
                "eps2": CHILDINFO,
                "qux2/bar2": "",
            },
        ),
    ],
)
def test_example_8_and_9_hidden_children(pattern: bytes, expected: dict[str, str]) -> None:
    """foo2 and eps2 are listed for a child the pattern does not match; baz2 and qux2 are not, all theirs are listed."""

    async def scenario() -> None:
        desk, client = await garden(MAMBA, MAMBA_SUBSCRIBED)
        found = await ask(client, b'LIST (SUBSCRIBED RECURSIVEMATCH) "" "%s"' % pattern)
        assert {name: extended for name, (_, extended) in found.items()} == expected
        assert {name for name, (attributes, _) in found.items() if "\\Subscribed" not in attributes} == {"foo2"}
        await desk.close()

    run(scenario())


def test_several_patterns_list_each_name_once() -> None:
    async def scenario() -> None:
        desk, client = await garden()
        found = await ask(client, b'LIST "" ("Fruit*" "F%" "" "Tofu" inbox)')
        assert list(found) == ["Fruit", "Fruit/Apple", "Fruit/Banana", "INBOX", "Tofu"]
        await desk.close()

    run(scenario())


@pytest.mark.parametrize(
    ("command", "names"),
    [
        (b'LIST "Fruit/" %', ["Fruit/Apple", "Fruit/Banana"]),
        (b'LIST "" Fruit/*', ["Fruit/Apple", "Fruit/Banana"]),
        (b'LIST "Fru" it', ["Fruit"]),
        (b'LIST "" %/%', ["Fruit/Apple", "Fruit/Banana", "Vegetable/Broccoli", "Vegetable/Corn"]),
        (b'LIST "" iNbOx', ["INBOX"]),
        (b'LIST "" nothing*', []),
    ],
)
def test_basic(command: bytes, names: list[str]) -> None:
    async def scenario() -> None:
        desk, client = await garden()
        assert list(await ask(client, command)) == names
        await desk.close()

    run(scenario())


def test_the_empty_pattern_asks_for_the_delimiter() -> None:
    """In the basic form only (RFC 9051 §6.3.9)."""

    async def scenario() -> None:
        desk, client = await garden()
        assert lines(await client.say(b'a LIST "" ""'))[0] == b'* LIST (\\Noselect) "/" ""'
        assert lines(await client.say(b'a LSUB "" ""'))[0] == b'* LSUB (\\Noselect) "/" ""'
        assert await ask(client, b'LIST () "" ""') == {}
        await desk.close()

    run(scenario())


def test_a_deleted_parent_is_noselect() -> None:
    """RFC 9051 §6.3.5."""

    async def scenario() -> None:
        desk, client = await garden()
        await client.say(b"a DELETE Fruit")
        answer = await client.say(b'b LIST "" Fruit RETURN (STATUS (MESSAGES))')
        assert lines(answer)[:-1] == [b'* LIST (\\Noselect \\HasChildren) "/" Fruit']
        await desk.close()

    run(scenario())


def test_special_use() -> None:
    """RFC 6154 §2, §3, §5."""

    async def scenario() -> None:
        desk = await Desk.build()
        client = await desk.login()
        found = await ask(client, b'LIST (SPECIAL-USE) "" "*" RETURN (SPECIAL-USE)')
        assert {name: use for name, (use, _) in found.items()} == {
            name: {f"\\{name}"} for name in ("Archive", "Drafts", "Junk", "Sent", "Trash")
        }
        assert b"a OK" in await client.say(b"a CREATE Everything (USE (\\All))")
        assert (await ask(client, b'LIST "" Everything'))["Everything"][0] == {"\\All"}
        assert b"b NO [USEATTR]" in await client.say(b"b CREATE Other (USE (\\Sent))")
        await desk.close()

    run(scenario())


def test_status_follows_its_list() -> None:
    """RFC 5819 §2; one statement for all mailboxes, whatever their number."""

    async def scenario() -> None:
        desk = await Desk.build()
        await desk.house.inbox(messages=2)
        client = await desk.login()
        desk.house.metadata.calls.clear()
        answers = lines(await client.say(b'a LIST "" (INBOX Sent) RETURN (STATUS (MESSAGES UIDNEXT HIGHESTMODSEQ))'))
        assert answers == [
            b'* LIST (\\HasNoChildren) "/" INBOX',
            b"* STATUS INBOX (MESSAGES 2 UIDNEXT 3 HIGHESTMODSEQ 2)",
            b'* LIST (\\HasNoChildren \\Sent) "/" Sent',
            b"* STATUS Sent (MESSAGES 0 UIDNEXT 1 HIGHESTMODSEQ 1)",
            b"a OK That is all",
        ]
        assert desk.house.metadata.calls == ["visible_mailboxes"]
        assert client.session.condstore
        await desk.close()

    run(scenario())


def test_lsub() -> None:
    """RFC 3501 §6.3.9: what `%` hides shows as its parent, \\Noselect."""

    async def scenario() -> None:
        desk, client = await garden()
        everything = await ask(client, b'LSUB "" *')
        assert everything == {name: (set(), "") for name in SUBSCRIBED}
        assert await ask(client, b'LSUB "" %') == {
            "INBOX": (set(), ""),
            "Fruit": ({"\\Noselect"}, ""),
            "Vegetable": (set(), ""),
        }
        assert await ask(client, b'LSUB "Fruit/" %') == {"Fruit/Banana": (set(), ""), "Fruit/Peach": (set(), "")}
        await desk.close()

    run(scenario())


def test_many_hostile_patterns_are_bounded() -> None:
    """Law 7: their number by the grammar, each of them by the matcher."""

    async def scenario() -> None:
        desk, client = await garden()
        assert b"a BAD [LIMIT]" in await client.say(b'a LIST "" (%s)' % b" ".join([b"x"] * 5000))
        patterns = b" ".join(b"*%da*b*c*d" % number + b"%*a" * 400 for number in range(40))
        began = time.process_time()
        assert await ask(client, b'LIST "" (%s)' % patterns) == {}
        assert time.process_time() - began < 20.0
        await desk.close()

    run(scenario())
