"""Where buckets are: styles, endpoints, regions."""

from __future__ import annotations

import pytest

from lightmail.backends.s3.places import place_of
from lightmail.config.sections import S3


@pytest.mark.parametrize(
    ("options", "bucket", "region", "url"),
    [
        (S3(), "mail", "eu-west-1", "https://mail.s3.eu-west-1.amazonaws.com/p/ab/1"),
        (S3(), "mail.example.org", "eu-west-1", "https://s3.eu-west-1.amazonaws.com/mail.example.org/p/ab/1"),
        (S3(), "mail", "cn-north-1", "https://mail.s3.cn-north-1.amazonaws.com.cn/p/ab/1"),
        (S3(style="path"), "mail", "us-east-1", "https://s3.us-east-1.amazonaws.com/mail/p/ab/1"),
        (S3(endpoint="http://minio:9000"), "mail", "us-east-1", "http://minio:9000/mail/p/ab/1"),
        (S3(endpoint="http://minio:9000", style="host"), "mail", "us-east-1", "http://mail.minio:9000/p/ab/1"),
        (S3(endpoint="https://gw:443/s3/"), "mail", "x", "https://gw/s3/mail/p/ab/1"),
        (S3(endpoint="http://[::1]:9000"), "mail", "x", "http://[::1]:9000/mail/p/ab/1"),
    ],
)
def test_urls(options: S3, bucket: str, region: str, url: str) -> None:
    place = place_of(bucket, "p", options, region)
    assert place.url(place.path("ab/1")) == url


def test_keys_and_queries_are_encoded() -> None:
    place = place_of("mail", "", S3(endpoint="http://minio"), "x")
    assert place.path("ü b/+~") == "/mail/%C3%BC%20b/%2B~"
    assert place.url(place.bucket_path, (("list-type", "2"), ("prefix", "a b/"))) == (
        "http://minio/mail/?list-type=2&prefix=a%20b%2F"
    )
    assert place.url("/mail/k", (("uploads", ""),)) == "http://minio/mail/k?uploads"


@pytest.mark.parametrize("endpoint", ["minio:9000", "ftp://minio", "https://", "https://h?x=y", "https://h#x"])
def test_what_is_no_endpoint(endpoint: str) -> None:
    with pytest.raises(ValueError, match="is no endpoint"):
        place_of("mail", "", S3(endpoint=endpoint), "x")
