"""The registry is complete, and its capabilities are those of the table."""

from __future__ import annotations

import re

from lightmail._core import imap
from lightmail.config import Config, Imap
from lightmail.imap import registry, state
from lightmail.imap.capabilities import FEATURES, Capabilities
from lightmail.imap.registry import ROWS, Expunges
from lightmail.imap.state import State

COMMAND_TYPES = {
    value
    for value in vars(imap).values()
    if isinstance(value, type) and issubclass(value, imap.Command) and value is not imap.Command
}


def test_every_command_has_exactly_one_row() -> None:
    assert len(COMMAND_TYPES) >= 27
    assert sorted(row.type.__name__ for row in ROWS) == sorted(
        kind.__name__ for kind in COMMAND_TYPES | {imap.AppendMessage, imap.ReplaceMessage}
    )


def test_nothing_is_admitted_after_logout() -> None:
    assert all(row.states and State.LOGOUT not in row.states for row in ROWS)


def test_the_table_in_the_docstring_is_the_registry() -> None:
    wire = {"StartTls": "STARTTLS", "AppendMessage": "APPEND", "ReplaceMessage": "REPLACE", "Id": "ID"}
    documented: dict[str, tuple[bool, ...]] = {}
    for names, *cells in re.findall(r"^\| ([A-Z ]+) \|(.*)\|(.*)\|(.*)\|$", state.__doc__ or "", re.MULTILINE):
        for name in names.split():
            documented[name] = tuple(cell.strip() == "yes" for cell in cells)
    documented.pop("EXAMINE")  # one type with SELECT
    columns = (State.NOT_AUTHENTICATED, State.AUTHENTICATED, State.SELECTED)
    actual = {
        wire.get(row.type.__name__, row.type.__name__.upper()): tuple(column in row.states for column in columns)
        for row in ROWS
    }
    assert documented == actual


def test_only_fetch_store_and_search_keep_expunges_back() -> None:
    """RFC 9051 §7.5.1; RFC 5256 §3 for what is like SEARCH."""
    kept_back = {imap.Fetch, imap.Store, imap.Search, imap.Sort, imap.Thread}
    assert {row.type for row in ROWS if row.expunges is Expunges.UID_ONLY} == kept_back


def test_capabilities_of_commands_are_in_the_table() -> None:
    needed = {row.capability for row in ROWS if row.capability}
    assert needed == {feature.name for feature in FEATURES if feature.command}


def test_a_hidden_capability_takes_its_commands_along() -> None:
    hidden = Config(imap=Imap(hide_capabilities=("Idle", "MOVE")))
    rows = registry.rows(Capabilities(hidden, tls_available=False))
    assert {row.type for row in ROWS} - set(rows) == {imap.Idle, imap.Move, imap.StartTls}
