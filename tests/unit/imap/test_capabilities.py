"""What is advertised, when (RFC 9051 §7.2.2); advertised means implemented (law 10)."""

from __future__ import annotations

import pytest

from lightmail.auth.line import Line
from lightmail.config import Config, Imap, Limits
from lightmail.imap.capabilities import FEATURES, Capabilities
from lightmail.imap.commands.connection import ENABLED_NAMES


def names(config: Config, *, tls_available: bool = True, authenticated: bool, tls: bool, plaintext: bool) -> list[str]:
    capabilities = Capabilities(config, tls_available=tls_available)
    listed = capabilities.advertised(Line(None, tls, plaintext), authenticated=authenticated)
    return listed.decode().split(" ")


def test_the_list_comes_from_the_table() -> None:
    before = names(Config(), authenticated=False, tls=False, plaintext=True)
    after = names(Config(), authenticated=True, tls=False, plaintext=True)
    advertised = {name.partition("=")[0] if name.startswith("APPENDLIMIT") else name for name in before + after}
    table = {feature.name for feature in FEATURES} - {"AUTH=", "LOGINDISABLED", "MESSAGELIMIT", "SAVELIMIT"}
    assert advertised == table | {"AUTH=PLAIN", "AUTH=LOGIN"}
    assert len(before) == len(set(before)) and len(after) == len(set(after))


def test_both_revisions_come_first_always() -> None:
    for authenticated in (False, True):
        listed = names(Config(), authenticated=authenticated, tls=True, plaintext=True)
        assert listed[:2] == ["IMAP4rev1", "IMAP4rev2"]


def test_before_tls_where_no_password_may_be_sent() -> None:
    """RFC 9051 §6.2.3: LOGINDISABLED, and no mechanism that would send a password."""
    listed = names(Config(), authenticated=False, tls=False, plaintext=False)
    assert "LOGINDISABLED" in listed and "STARTTLS" in listed
    assert not [name for name in listed if name.startswith("AUTH=")]


def test_starttls_only_where_it_leads_somewhere() -> None:
    assert "STARTTLS" not in names(Config(), authenticated=False, tls=True, plaintext=True)
    assert "STARTTLS" not in names(Config(), tls_available=False, authenticated=False, tls=False, plaintext=True)
    assert "STARTTLS" not in names(Config(), authenticated=True, tls=False, plaintext=True)


def test_after_login() -> None:
    listed = names(Config(), authenticated=True, tls=True, plaintext=True)
    assert f"APPENDLIMIT={Config().limits.message_octets}" in listed
    assert {"CONDSTORE", "QRESYNC", "UTF8=ACCEPT", "SPECIAL-USE", "LIST-EXTENDED", "LIST-STATUS"} <= set(listed)
    assert not [name for name in listed if name.startswith("AUTH=")] and "SASL-IR" not in listed


def test_limits_only_where_there_are_some() -> None:
    """RFC 9738 §3."""
    for limits, told in (
        (Limits(messages_per_command=1_000), "MESSAGELIMIT=1000"),
        (Limits(saved_messages=7), "SAVELIMIT=7"),
    ):
        listed = names(Config(limits=limits), authenticated=True, tls=True, plaintext=True)
        assert [name for name in listed if "LIMIT=" in name and name[0] != "A"] == [told]


@pytest.mark.parametrize("name", ["CONDSTORE", "condstore", "AUTH=LOGIN"])
def test_hidden(name: str) -> None:
    config = Config(imap=Imap(hide_capabilities=(name,)))
    for authenticated in (False, True):
        assert name.upper() not in names(config, authenticated=authenticated, tls=True, plaintext=True)
    assert name.upper() not in Capabilities(config, tls_available=True).enableable


def test_what_protects_cannot_be_hidden() -> None:
    config = Config(imap=Imap(hide_capabilities=("LOGINDISABLED", "IMAP4rev1")))
    listed = names(config, authenticated=False, tls=False, plaintext=False)
    assert "LOGINDISABLED" in listed and "IMAP4rev1" in listed


def test_literal_plus_alone() -> None:
    """RFC 7888 §5: a server must not advertise both."""
    listed = names(Config(), authenticated=True, tls=True, plaintext=True)
    assert "LITERAL+" in listed and "LITERAL-" not in listed


def test_literal_minus_instead() -> None:
    config = Config(imap=Imap(literals="minus"))
    for authenticated in (False, True):
        listed = names(config, authenticated=authenticated, tls=True, plaintext=True)
        assert "LITERAL-" in listed and "LITERAL+" not in listed
    hidden = Config(imap=Imap(literals="minus", hide_capabilities=("LITERAL-",)))
    assert not [name for name in names(hidden, authenticated=True, tls=True, plaintext=True) if "LITERAL" in name]


def test_utf8_only_stands_for_utf8_accept() -> None:
    """RFC 6855 §6: "at most, one of those and never both"."""
    listed = names(Config(imap=Imap(utf8="only")), authenticated=True, tls=True, plaintext=True)
    assert "UTF8=ONLY" in listed and "UTF8=ACCEPT" not in listed
    listed = names(Config(), authenticated=True, tls=True, plaintext=True)
    assert "UTF8=ONLY" not in listed and "UTF8=ACCEPT" in listed


def test_everything_enable_takes_is_known_to_enable() -> None:
    assert Capabilities(Config(), tls_available=True).enableable == set(ENABLED_NAMES)
