"""MetadataStore: names of mailboxes and keywords are taken as they are, octet by octet."""

from __future__ import annotations

import pytest

from lightmail.errors import MailboxExists, MailboxNotFound
from lightmail.model import FlagOp
from tests.support.backends import Store, on_every_metadata_backend, uids

NAMES = (
    "a", "a ", "a  ", " a", "A", "á", "a\u0301", "ä", "ae", "æ", "ß", "ss", "ſ", "😀", "😁", "😀 ", "it's", 'say "so"', "\\",
    "\\\\", "100%", "%", "%s", "%(name)s", "%%", "_", "a;b", "a--b", "/*a*/", "NULL", "日本語", "İ", "i", "ı",
)  # fmt: skip


@on_every_metadata_backend
async def test_names_that_look_alike_are_different(store: Store) -> None:
    """In languages, databases and statements: blanks at the end, case, accents, signs that mean something to SQL."""
    made = {name: await store.mailbox(name.replace("/", "-")) for name in NAMES}
    names = [mailbox.name for mailbox in made.values()]
    assert len(set(names)) == len(NAMES)
    assert [one.name for one in await store.metadata.list_mailboxes(store.user.id)] == sorted(names)
    for mailbox in made.values():
        assert await store.metadata.get_mailbox(store.user.id, mailbox.name) == mailbox
        assert await store.metadata.get_mailboxes([store.user.id], mailbox.name) == {store.user.id: mailbox}
        assert (await store.metadata.status(store.user.id, mailbox.name)).uid_validity == mailbox.uid_validity
        with pytest.raises(MailboxExists):
            await store.mailbox(mailbox.name)
    for name in names[::2]:
        await store.metadata.set_subscribed(store.user.id, name, True)
        await store.metadata.set_subscribed(store.user.id, name, True)
    assert await store.metadata.list_subscriptions(store.user.id) == frozenset(names[::2])
    for mailbox in await store.metadata.list_mailboxes(store.user.id):
        assert mailbox.subscribed == (mailbox.name in names[::2])
    for name in names[::2]:
        await store.metadata.set_subscribed(store.user.id, name, False)
        await store.metadata.delete_mailbox(store.user.id, name)
        with pytest.raises(MailboxNotFound):
            await store.metadata.get_mailbox(store.user.id, name)
    assert await store.metadata.list_subscriptions(store.user.id) == frozenset()
    assert {one.name for one in await store.metadata.list_mailboxes(store.user.id)} == set(names[1::2])


@on_every_metadata_backend
async def test_what_is_below_a_name_moves_with_it(store: Store) -> None:
    """And nothing else, however near its name is; characters are counted as characters."""
    for name in ("😀é/b/c", "😀é /b", "😀é0", "😀é.b", "😀e\u0301/b"):
        await store.mailbox(name)
    await store.metadata.rename_mailbox(store.user.id, "😀é", "z'%")
    names = {one.name for one in await store.metadata.list_mailboxes(store.user.id)}
    assert names == {
        "z'%", "z'%/b", "z'%/b/c", "😀é ", "😀é /b", "😀é0", "😀é.b", "😀e\u0301", "😀e\u0301/b",
    }  # fmt: skip
    await store.metadata.delete_mailbox(store.user.id, "😀é ")
    assert not (await store.metadata.get_mailbox(store.user.id, "😀é ")).selectable


@on_every_metadata_backend
async def test_keywords_of_any_letters(store: Store) -> None:
    mailbox = await store.mailbox()
    await store.append(mailbox, 2, ("it's", "100%", "%s", "a;b", "$~`!@#^&*_-+=|:<>.?"))
    await store.metadata.set_flags(mailbox.id, uids(1), FlagOp.REMOVE, ("%S",))
    await store.metadata.copy(mailbox.id, uids(1), (await store.mailbox("Target")).id)
    flags = await store.flags(mailbox)
    assert flags[2] - flags[1] == {"%s"}
    assert flags[1] == {"it's", "100%", "a;b", "$~`!@#^&*_-+=|:<>.?"}
