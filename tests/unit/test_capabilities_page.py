"""docs/capabilities.md is what the table that dispatches says, beside what the other servers said."""

from __future__ import annotations

from tests.support import capabilities_page


def test_the_page_is_that_of_the_table() -> None:
    written = capabilities_page.PAGE.read_text(encoding="utf-8")
    assert written == capabilities_page.page(), "run: python -m tests.support.capabilities_page"


def test_only_what_is_absent_is_explained() -> None:
    assert capabilities_page.ABSENT.keys() & capabilities_page.ours() == set()
