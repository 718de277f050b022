"""The Directory port: accounts and addresses."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from lightmail.errors import AppPasswordExists, AppPasswordNotFound, UserExists, UserNotFound
from lightmail.model import AppPassword, UserId
from lightmail.ports.directory import SECRET_OCTETS
from tests.support.backends import START_S, Store, on_every_metadata_backend


@on_every_metadata_backend
async def test_an_account_is_found_by_address_and_id(store: Store) -> None:
    user = await store.directory.add_user("zoë@example.org", "$argon2id$x")
    assert (user.address, user.password_hash, user.enabled, user.created_s) == (
        "zoë@example.org",
        "$argon2id$x",
        True,
        START_S,
    )
    assert user == await store.directory.get_user("zoë@example.org")
    assert user == await store.directory.get_user_by_id(user.id)
    assert user == await store.directory.resolve("zoë@example.org")


@on_every_metadata_backend
async def test_an_address_is_given_once(store: Store) -> None:
    with pytest.raises(UserExists, match=r"ann@example\.org"):
        await store.directory.add_user("ann@example.org", "other")
    assert (await store.directory.get_user("ann@example.org")).password_hash == "hash"


@on_every_metadata_backend
async def test_accounts_are_listed_by_address(store: Store) -> None:
    await store.directory.add_user("zed@example.org", "")
    await store.directory.add_user("abe@example.org", "")
    addresses = [user.address for user in await store.directory.list_users()]
    assert addresses == ["abe@example.org", "ann@example.org", "zed@example.org"]


@on_every_metadata_backend
async def test_who_is_not_there(store: Store) -> None:
    nobody = UserId(99)
    for question in (
        store.directory.get_user("bob@example.org"),
        store.directory.resolve("bob@example.org"),
        store.directory.get_user_by_id(nobody),
        store.directory.set_password(nobody, ""),
        store.directory.set_enabled(nobody, False),
        store.directory.delete_user(nobody),
    ):
        with pytest.raises(UserNotFound):
            await question


@on_every_metadata_backend
async def test_passwords(store: Store) -> None:
    """A rehash must not undo a new password."""
    await store.directory.set_password(store.user.id, "new")
    await store.directory.set_password(store.user.id, "rehash of hash", only_if="hash")
    assert (await store.directory.get_user_by_id(store.user.id)).password_hash == "new"
    await store.directory.set_password(store.user.id, "rehash of new", only_if="new")
    assert (await store.directory.get_user_by_id(store.user.id)).password_hash == "rehash of new"


@on_every_metadata_backend
async def test_challenge_secrets_go_with_a_password(store: Store) -> None:
    bob = await store.directory.add_user("bob@example.org", "hash", challenge_secrets="x {SCRAM-SHA-256}1,a,b,c")
    assert bob == await store.directory.get_user("bob@example.org")
    assert bob.challenge_secrets == "x {SCRAM-SHA-256}1,a,b,c"
    await store.directory.set_password(bob.id, "hash", challenge_secrets="y" * 1024, only_if="hash")
    assert (await store.directory.resolve(bob.address)).challenge_secrets == "y" * 1024
    await store.directory.set_password(bob.id, "other", challenge_secrets="z", only_if="no such")
    assert (await store.directory.get_user_by_id(bob.id)).challenge_secrets == "y" * 1024
    await store.directory.set_password(bob.id, "other")
    changed = await store.directory.get_user_by_id(bob.id)
    assert (changed.password_hash, changed.challenge_secrets) == ("other", "")


@on_every_metadata_backend
async def test_app_passwords(store: Store) -> None:
    directory, user = store.directory, store.user
    bob = await directory.add_user("bob@example.org", "hash")
    phone = AppPassword(user.id, "Phone", ("api", "imap"), b"\x00'\xff".ljust(32), created_s=5)
    laptop = AppPassword(user.id, "Laptop", ("imap",), b"2" * 32, created_s=6)
    bobs = AppPassword(bob.id, "Phone", ("imap",), b"3" * 32, created_s=7)
    for password in (phone, laptop, bobs):
        await directory.add_app_password(password)
    with pytest.raises(AppPasswordExists):
        await directory.add_app_password(replace(phone, digest=b"4" * 32))
    with pytest.raises(UserNotFound):
        await directory.add_app_password(replace(phone, user_id=UserId(99)))
    assert await directory.app_passwords(user.id) == [laptop, phone]
    assert await directory.find_app_password(phone.digest) == phone
    assert await directory.find_app_password(b"4" * 32) is None

    await directory.app_password_used(phone.digest, 4000)
    await directory.app_password_used(b"4" * 32, 4000)
    assert await directory.find_app_password(phone.digest) == replace(phone, last_used_s=4000)

    await directory.revoke_app_password(user.id, "Laptop")
    for user_id, label in ((user.id, "Laptop"), (bob.id, "Laptop"), (UserId(99), "Phone")):
        with pytest.raises(AppPasswordNotFound):
            await directory.revoke_app_password(user_id, label)
    assert await directory.app_passwords(bob.id) == [bobs]

    await directory.delete_user(bob.id)
    assert await directory.find_app_password(bobs.digest) is None
    assert [each.label for each in await directory.app_passwords(user.id)] == ["Phone"]


@on_every_metadata_backend
async def test_an_account_can_be_disabled_and_enabled(store: Store) -> None:
    for enabled in (False, True):
        await store.directory.set_enabled(store.user.id, enabled)
        assert (await store.directory.get_user(store.user.address)).enabled is enabled


@on_every_metadata_backend
async def test_a_deleted_account_leaves_only_bodies(store: Store) -> None:
    mailbox = await store.mailbox()
    child = await store.mailbox("a/b")
    await store.metadata.delete_mailbox(store.user.id, "a")
    appended = [*await store.append(mailbox, 2, ("$k",)), *await store.append(child)]
    await store.metadata.set_subscribed(store.user.id, "INBOX", True)
    bob = await store.directory.add_user("bob@example.org", "")
    his = await store.metadata.create_mailbox(bob.id, "INBOX")
    await store.append(his)
    await store.directory.delete_user(store.user.id)
    assert await store.metadata.list_mailboxes(store.user.id) == []
    assert await store.metadata.list_subscriptions(store.user.id) == frozenset()
    unreferenced = {body.body_id for body in await store.metadata.unreferenced_bodies(10)}
    assert unreferenced == {one.body_id for one in appended}
    assert (await store.again(his)).messages == 1
    again = await store.directory.add_user("ann@example.org", "")
    assert again.id != store.user.id


@on_every_metadata_backend
async def test_the_shared_secret_is_made_once(store: Store) -> None:
    first, second = await asyncio.gather(store.directory.shared_secret(), store.directory.shared_secret())
    assert first == second == await store.directory.shared_secret()
    assert len(first) == SECRET_OCTETS and len(set(first)) > 1
