"""Networks and rules of the configuration."""

from __future__ import annotations

import pytest

from lightmail.config.networks import Networks, Rule, normal_host, parse_network


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("192.0.2.1", "192.0.2.1/32"),
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("::/0", "::/0"),
    ],
)
def test_networks(text: str, network: str) -> None:
    assert str(parse_network(text)) == network


def test_what_is_no_network() -> None:
    with pytest.raises(ValueError, match=r"has bits behind its length; expected '192\.0\.2\.0/24'"):
        parse_network("192.0.2.1/24")
    for text in ("", "example.org", "192.0.2.0/33", "1.2.3", "unix"):
        with pytest.raises(ValueError, match="is not a network"):
            parse_network(text)


@pytest.mark.parametrize(
    ("host", "normal"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::FFFF:c000:201", "192.0.2.1"),
        ("2001:0db8:0::0001", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("mail.example.org", "mail.example.org"),
    ],
)
def test_one_text_for_each_address(host: str, normal: str) -> None:
    assert normal_host(host) == normal


def test_who_is_in_networks() -> None:
    networks = Networks(["192.0.2.0/24", "2001:db8::/32"])
    assert all(host in networks for host in ("192.0.2.1", "::ffff:192.0.2.1", "2001:db8:1::1"))
    assert not any(host in networks for host in ("192.0.3.1", "2001:db9::1", "nobody", None))
    assert None in Networks(["unix"]) and "192.0.2.1" not in Networks(["unix"])
    assert not Networks([])


@pytest.mark.parametrize(
    ("rule", "allowed", "refused"),
    [
        ("192.0.2.0/24", ["192.0.2.1", "::ffff:192.0.2.1"], ["192.0.3.1", "2001:db8::1", None]),
        ("!192.0.2.0/24", ["192.0.3.1", "2001:db8::1", None], ["192.0.2.1", "::ffff:192.0.2.1"]),
        ("192.0.2.0/24 !192.0.2.7 unix", ["192.0.2.1", None], ["192.0.2.7", "192.0.3.1"]),
        ("!unix", ["192.0.2.1"], [None]),
    ],
)
def test_rules(rule: str, allowed: list[str | None], refused: list[str | None]) -> None:
    assert all(Rule(rule).allows(host) for host in allowed)
    assert not any(Rule(rule).allows(host) for host in refused)


@pytest.mark.parametrize("text", ["", " ", "!", "192.0.2.1/24"])
def test_what_is_no_rule(text: str) -> None:
    with pytest.raises(ValueError, match=r"network|length"):
        Rule(text)
