"""The mechanisms, and which of them a connection is offered. A new mechanism is a row of MECHANISMS.

names = offered(config.auth, line)
exchange = Exchange(MECHANISMS["PLAIN"].create(line, names), entrance)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from lightmail.auth.line import Line
from lightmail.auth.mechanisms.bearer import OAuthBearer, XOAuth2
from lightmail.auth.mechanisms.cram_md5 import CramMd5
from lightmail.auth.mechanisms.plain import Login, Plain
from lightmail.auth.mechanisms.scram import PLUS, Scram
from lightmail.auth.sasl import Mechanism


class Offer(Protocol):
    """The part of the `auth` configuration that says what is offered."""

    @property
    def mechanisms(self) -> Sequence[str]: ...
    @property
    def mechanisms_without_tls(self) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class Row:
    """One mechanism."""

    name: str
    create: Callable[[Line, Sequence[str]], Mechanism]
    """For a connection that is offered mechanisms of these names."""
    plaintext: bool = False
    """It sends what a listener on the line could use: only where passwords may be sent in clear."""
    binding: bool = False
    """It needs a channel binding."""


def _scram(name: str) -> Row:
    plus = name.removesuffix(PLUS) + PLUS
    return Row(name, lambda line, names: Scram(name, line.bindings, plus_offered=plus in names), binding=name == plus)


MECHANISMS: dict[str, Row] = {
    row.name: row
    for row in (
        _scram("SCRAM-SHA-256-PLUS"),
        _scram("SCRAM-SHA-1-PLUS"),
        _scram("SCRAM-SHA-256"),
        _scram("SCRAM-SHA-1"),
        Row("CRAM-MD5", lambda _line, _names: CramMd5()),
        Row("OAUTHBEARER", lambda _line, _names: OAuthBearer(), plaintext=True),
        Row("XOAUTH2", lambda _line, _names: XOAuth2(), plaintext=True),
        Row("PLAIN", lambda _line, _names: Plain(), plaintext=True),
        Row("LOGIN", lambda _line, _names: Login(), plaintext=True),
    )
}
"""By name, in the order in which they are advertised: many clients take the first that they know."""


def offered(offer: Offer, line: Line) -> tuple[str, ...]:
    """Names to advertise on this connection as it is now."""
    wanted = configured(offer)
    if not line.tls:
        wanted &= {name.upper() for name in offer.mechanisms_without_tls}
    return tuple(
        row.name
        for row in MECHANISMS.values()
        if row.name in wanted and (line.plaintext or not row.plaintext) and (line.bindings or not row.binding)
    )


def configured(offer: Offer) -> frozenset[str]:
    """Names, on whatever connection."""
    return frozenset(name.upper() for name in offer.mechanisms)
