"""What an object is, as S3 user metadata: x-amz-meta-NAME headers. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from lightmail.backends.about import decoded, encoded

MAX_OCTETS = 1536
"""Of all names, prefix included, and values together. S3 takes 2,048 (user guide, "User-defined object metadata"); some
stores take 2,000, and count every x-amz- header of the request among them.
"""
_PREFIX = "x-amz-meta-"


def metadata_headers(about: Mapping[str, str]) -> dict[str, str]:
    return encoded(about, MAX_OCTETS, _PREFIX)


def metadata_of(headers: Mapping[str, str]) -> dict[str, str]:
    """What `metadata_headers` has made header fields of, among those of an answer."""
    return decoded(headers, _PREFIX)
