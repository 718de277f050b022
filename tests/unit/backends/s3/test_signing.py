"""Signature Version 4, compared with the published example and with botocore's signer."""

from __future__ import annotations

import datetime
import string

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import example, given
from hypothesis import strategies as st

from lightmail.backends.s3.places import Place
from lightmail.backends.s3.signing import NO_OCTETS, Keys, Query, Signer


def test_the_published_example() -> None:
    """Source: "Signature Calculations for the Authorization Header", Amazon S3 API reference, GET Object."""
    headers = {"host": "examplebucket.s3.amazonaws.com", "range": "bytes=0-9"}
    keys = Keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    moment = datetime.datetime(2013, 5, 24, tzinfo=datetime.UTC)
    Signer("us-east-1").sign(keys, "GET", "/test.txt", (), headers, NO_OCTETS, moment.timestamp())
    assert headers["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    )


_words = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_categories=["Cs"]), min_size=1)
_plain = st.text(string.ascii_letters + string.digits + "-._~,=%@;", min_size=1)


@example(key="0", query={"0": "0", "00": "0"}, about={}, token="", seconds=0)
@given(
    key=_words,
    query=st.dictionaries(_words, _words, max_size=3),
    about=st.dictionaries(st.text("abcdefghij-", min_size=1), _plain, max_size=4),
    token=st.sampled_from(["", "a/session+token=="]),
    seconds=st.integers(0, 3_000_000),
)
def test_as_botocore_signs(key: str, query: dict[str, str], about: dict[str, str], token: str, seconds: int) -> None:
    moment = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC) + datetime.timedelta(seconds=seconds)
    place = Place("https", "store.example.org:9000", "/bucket", "some/where/")
    words: Query = tuple(query.items())
    path = place.path(key)
    given_headers = {"host": place.host, **{f"x-amz-meta-{name}": value for name, value in about.items()}}

    ours = dict(given_headers)
    Signer("eu-west-1").sign(Keys("ACCESS", "secret", token), "PUT", path, words, ours, NO_OCTETS, moment.timestamp())

    theirs = AWSRequest("PUT", place.url(path, words), dict(given_headers))
    theirs.headers["X-Amz-Content-SHA256"] = NO_OCTETS
    theirs.context.update(timestamp=moment.strftime("%Y%m%dT%H%M%SZ"), payload_signing_enabled=True)
    signer = S3SigV4Auth(Credentials("ACCESS", "secret", token or None), "s3", "eu-west-1")
    theirs.headers["X-Amz-Date"] = theirs.context["timestamp"]
    if token:
        theirs.headers["X-Amz-Security-Token"] = token
    canonical = signer.canonical_request(theirs)
    signature = signer.signature(signer.string_to_sign(theirs, canonical), theirs)
    assert ours["authorization"].endswith(f"Signature={signature}")


def test_the_key_of_the_day_changes_with_the_day_and_the_secret() -> None:
    signer = Signer("us-east-1")

    def signed(secret: str, now_s: float) -> str:
        headers = {"host": "h"}
        signer.sign(Keys("A", secret), "GET", "/", (), headers, NO_OCTETS, now_s)
        fresh = {"host": "h"}
        Signer("us-east-1").sign(Keys("A", secret), "GET", "/", (), fresh, NO_OCTETS, now_s)
        assert headers == fresh
        return headers["authorization"]

    answers = [signed("one", 0), signed("one", 86_400), signed("two", 86_400), signed("one", 86_401)]
    assert len(set(answers)) == 4


def test_secrets_do_not_show() -> None:
    assert "s3cret" not in repr(Keys("ACCESS", "s3cret", "s3cret-token"))
