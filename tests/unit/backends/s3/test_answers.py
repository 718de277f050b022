"""What stores answer, as values."""

from __future__ import annotations

import pytest

from lightmail.backends.s3 import answers
from lightmail.backends.s3.faults import Broken, Refused, unavailable
from lightmail.ports.blobs import StoredObject

_NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


def test_an_error_document() -> None:
    refusal = answers.refused(403, b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>")
    assert (refusal.status, refusal.code, refusal.message) == (403, "AccessDenied", "Access Denied")
    assert not refusal.passing and not refusal.missing
    assert unavailable(refusal).what == "the body store (access is denied)"


def test_an_error_names_the_region() -> None:
    refusal = answers.refused(
        400,
        b"<Error><Code>AuthorizationHeaderMalformed</Code><Message>wrong</Message><Region>eu-west-1</Region></Error>",
    )
    assert refusal.message == "wrong (eu-west-1)"
    assert refusal.cause == "the bucket is in another region"


@pytest.mark.parametrize(
    ("status", "body", "passing", "missing", "cause"),
    [
        (503, b"<Error><Code>SlowDown</Code></Error>", True, False, "too many requests for it"),
        (502, b"<html>Bad Gateway", True, False, "it answers 502"),
        (429, b"", True, False, "it answers 429"),
        (400, b"<Error><Code>BadDigest</Code></Error>", True, False, "octets were damaged on their way to it"),
        (404, b"<Error><Code>NoSuchKey</Code></Error>", False, True, "it answers NoSuchKey"),
        (404, b"", False, True, "it answers 404"),
        (404, b"<Error><Code>NoSuchBucket</Code></Error>", False, False, "the bucket does not exist"),
        (403, b"", False, False, "access is denied"),
        (403, b"<Error><Code>SomethingNew</Code></Error>", False, False, "access is denied"),
    ],
)
def test_refusals(status: int, body: bytes, passing: bool, missing: bool, cause: str) -> None:
    refusal = answers.refused(status, body)
    assert (refusal.passing, refusal.missing, refusal.cause) == (passing, missing, cause)


_MODIFIED = "<LastModified>1970-01-01T00:16:49.000Z</LastModified>"


def test_pages() -> None:
    body = (
        f"<ListBucketResult {_NAMESPACE}><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
        f"<Contents><Key>a%2Bb+c</Key><Size>1</Size>{_MODIFIED}</Contents>"
        f"<Contents><Key>d/e</Key><Size>0</Size>{_MODIFIED}</Contents>"
        "<NextContinuationToken>to=ken</NextContinuationToken></ListBucketResult>"
    )
    assert answers.page(body.encode()) == answers.Page(
        [StoredObject("a+b c", 1, 1009), StoredObject("d/e", 0, 1009)], "to=ken"
    )


def test_a_store_that_does_not_encode_keys() -> None:
    body = (
        "<ListBucketResult><IsTruncated>false</IsTruncated>"
        f"<Contents><Key>a+b%20</Key><Size>7</Size>{_MODIFIED}</Contents></ListBucketResult>"
    )
    assert answers.page(body.encode()) == answers.Page([StoredObject("a+b%20", 7, 1009)], "")


def test_keys_that_were_not_deleted() -> None:
    body = (
        f"<DeleteResult {_NAMESPACE}><Error><Key>ab/1</Key><Code>AccessDenied</Code><Message>no</Message></Error>"
        "<Error><Key>ab/2</Key><Code>InternalError</Code></Error></DeleteResult>"
    )
    refusals = answers.not_deleted(body.encode())
    assert [(key, refusal.code, refusal.passing) for key, refusal in refusals] == [
        ("ab/1", "AccessDenied", False),
        ("ab/2", "InternalError", True),
    ]
    assert answers.not_deleted(b"<DeleteResult/>") == []


def test_an_upload_that_failed_with_status_200() -> None:
    answers.completed(b"<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>")
    with pytest.raises(Refused) as refused:
        answers.completed(b"  \n<?xml version='1.0'?><Error><Code>InternalError</Code></Error>")
    assert refused.value.passing


@pytest.mark.parametrize("body", [b"", b"<html><body>Welcome</body></html>", b"<ListBucketResult>", b"\x00"])
def test_what_is_no_answer(body: bytes) -> None:
    for read in (answers.page, answers.not_deleted, answers.upload_id):
        with pytest.raises(Broken):
            read(body)


def test_a_page_that_does_not_say_how_to_go_on() -> None:
    with pytest.raises(Broken):
        answers.page(b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>")


@pytest.mark.parametrize("listed", [f"<Size>x</Size>{_MODIFIED}", "<Size>1</Size>", _MODIFIED])
def test_a_page_that_does_not_say_how_large_or_old_objects_are(listed: str) -> None:
    with pytest.raises(Broken):
        answers.page(f"<ListBucketResult><Contents><Key>k</Key>{listed}</Contents></ListBucketResult>".encode())


def test_ranges() -> None:
    assert answers.range_start("bytes 10-19/100") == 10
    assert answers.range_total("bytes 10-19/100") == 100
    assert answers.range_total("bytes 10-19/*") is None
    with pytest.raises(Broken):
        answers.range_start("octets 1-2/3")


def test_what_is_asked() -> None:
    assert answers.deletion(["a&b", "c<d"]) == (
        b"<Delete><Quiet>true</Quiet><Object><Key>a&amp;b</Key></Object><Object><Key>c&lt;d</Key></Object></Delete>"
    )
    assert answers.completion(['"x"', '"y"']) == (
        b'<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"x"</ETag></Part>'
        b'<Part><PartNumber>2</PartNumber><ETag>"y"</ETag></Part></CompleteMultipartUpload>'
    )
