"""What S3 answers, in XML and in headers, as values; and the XML that is sent to it. Pure.

Whatever cannot be understood is Broken: a proxy's or a half answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import unquote_plus
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from lightmail.backends.s3.faults import Broken, Refused
from lightmail.ports.blobs import StoredObject

_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


@dataclass(frozen=True, slots=True)
class Page:
    objects: list[StoredObject]
    next: str
    """Asks for the page after this; "" when this is the last."""


def refused(status: int, body: bytes) -> Refused:
    """body: the error document, or what a proxy says instead; may be empty."""
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError:
        return Refused(status, "", body[:200].decode("utf-8", "replace"))
    message = _text(root, "Message")
    region = _text(root, "Region") or _text(root, "Endpoint")
    return Refused(status, _text(root, "Code"), f"{message} ({region})" if region else message)


def page(body: bytes) -> Page:
    """ListObjectsV2 with encoding-type=url."""
    root = _document(body, "ListBucketResult")
    quoted = _text(root, "EncodingType") == "url"
    objects = [_listed(element, quoted=quoted) for element in root.iterfind("{*}Contents")]
    more = _text(root, "IsTruncated") == "true"
    token = _text(root, "NextContinuationToken")
    if more and not token:
        raise Broken("it lists objects, and does not say how to go on")
    return Page(objects, token if more else "")


def not_deleted(body: bytes) -> list[tuple[str, Refused]]:
    """DeleteObjects, quiet: the keys that are still there, each with the reason."""
    root = _document(body, "DeleteResult")
    return [
        (_text(error, "Key"), Refused(200, _text(error, "Code"), _text(error, "Message")))
        for error in root.iterfind("{*}Error")
    ]


def upload_id(body: bytes) -> str:
    """CreateMultipartUpload. The document's name is not looked at: rclone has one of its own."""
    found = _text(_element(body), "UploadId")
    if not found:
        raise Broken("it began an upload without a name")
    return found


def completed(body: bytes) -> None:
    """CompleteMultipartUpload says no with status 200 when it has begun to answer already. Raises Refused."""
    if _name(_element(body)) == "Error":
        raise refused(200, body.strip())


def range_start(content_range: str) -> int:
    """The first octet of a ranged answer (RFC 9110 §14.4)."""
    found = _CONTENT_RANGE.fullmatch(content_range)
    if not found:
        raise Broken("it answers with a range that makes no sense")
    return int(found[1])


def range_total(content_range: str) -> int | None:
    """The octets of the whole object. None: not told."""
    found = _CONTENT_RANGE.fullmatch(content_range)
    return int(found[3]) if found and found[3] != "*" else None


def deletion(keys: Sequence[str]) -> bytes:
    """Asks to delete these; the answer names only those that could not be."""
    objects = "".join([f"<Object><Key>{escape(key)}</Key></Object>" for key in keys])
    return f"<Delete><Quiet>true</Quiet>{objects}</Delete>".encode()


def completion(etags: Sequence[str]) -> bytes:
    """etags: of parts 1, 2, …, as they were answered."""
    parts = "".join(
        [
            f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(etag)}</ETag></Part>"
            for number, etag in enumerate(etags, 1)
        ]
    )
    return f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()


def _listed(element: ElementTree.Element, *, quoted: bool) -> StoredObject:
    key = _text(element, "Key")
    try:
        modified = datetime.fromisoformat(_text(element, "LastModified"))
        octets = int(_text(element, "Size"))
    except ValueError:
        raise Broken("it lists an object whose size or age makes no sense") from None
    modified_s = int((modified if modified.tzinfo else modified.replace(tzinfo=UTC)).timestamp())
    return StoredObject(unquote_plus(key) if quoted else key, octets, modified_s)


def _document(body: bytes, name: str) -> ElementTree.Element:
    root = _element(body)
    if _name(root) != name:
        raise Broken(f"it answers with {_name(root)} where {name} was expected")
    return root


def _element(body: bytes) -> ElementTree.Element:
    try:
        # Spaces keep a connection open while an upload is put together.
        return ElementTree.fromstring(body.strip())
    except ElementTree.ParseError:
        raise Broken("its answer is no XML") from None


def _name(element: ElementTree.Element) -> str:
    """Without its namespace."""
    return element.tag.rpartition("}")[2]


def _text(element: ElementTree.Element, name: str) -> str:
    return element.findtext(f"{{*}}{name}", "")
