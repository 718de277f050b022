"""What an object is, in header fields."""

from __future__ import annotations

from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st

from lightmail.backends.s3.about import MAX_OCTETS, metadata_headers

_names = st.text("abcdefghij_", min_size=1, max_size=20)


def test_plain_and_encoded() -> None:
    assert metadata_headers({"uid_validity": "7", "mailbox": "Entwürfe 50%", "to": "a@x,b@x"}) == {
        "x-amz-meta-uid-validity": "7",
        "x-amz-meta-mailbox": "Entw%C3%BCrfe%2050%25",
        "x-amz-meta-to": "a@x,b@x",
    }
    assert metadata_headers({}) == {}


def test_a_list_says_how_many_are_left_out() -> None:
    addresses = [f"user{number}@example.org" for number in range(500)]
    headers = metadata_headers({"accounts": ",".join(addresses), "mailbox": "INBOX"})
    assert headers["x-amz-meta-mailbox"] == "INBOX"
    *named, more = headers["x-amz-meta-accounts"].split(",")
    assert named == addresses[: len(named)]
    assert more == f"+{500 - len(named)}"
    assert MAX_OCTETS - 25 < _octets(headers) <= MAX_OCTETS


def test_text_is_cut_between_characters() -> None:
    for length in range(MAX_OCTETS // 9 - 4, MAX_OCTETS // 9 + 4):
        cut = metadata_headers({"m": "a" + "日" * length})["x-amz-meta-m"]
        assert cut.endswith("...") == (9 * length + 1 + len("x-amz-meta-m") > MAX_OCTETS)
        assert set(unquote(cut.removesuffix("..."), errors="strict")) == {"a", "日"}


@given(st.dictionaries(_names, st.text(), max_size=6))
def test_ascii_and_bounded(about: dict[str, str]) -> None:
    headers = metadata_headers(about)
    assert _octets(headers) <= MAX_OCTETS
    assert all(value.isascii() and value == "".join(value.split()) for value in headers.values())


@given(st.dictionaries(_names.map(lambda name: name.replace("_", "x")), st.text(max_size=15), max_size=5))
def test_what_is_short_comes_back(about: dict[str, str]) -> None:
    headers = metadata_headers(about)
    assert {name.removeprefix("x-amz-meta-"): unquote(value) for name, value in headers.items()} == about


@given(st.lists(st.integers(0, 3000), min_size=2, max_size=6))
def test_long_values_do_not_take_from_short_ones(lengths: list[int]) -> None:
    headers = metadata_headers({f"name{number}": "x" * length for number, length in enumerate(lengths)})
    share = (MAX_OCTETS - sum(map(len, headers))) // len(lengths)
    assert all(len(value) == length for value, length in zip(headers.values(), lengths, strict=True) if length <= share)


def _octets(headers: dict[str, str]) -> int:
    return sum(len(name) + len(value) for name, value in headers.items())
