"""The operations of S3 that are needed, each one request; what they mean for a mail store is in blobs.py and writing.py.

Source: "Amazon S3 API reference", one page for each operation; their names stand in the docstrings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import aiohttp

from lightmail.backends.s3 import answers
from lightmail.backends.s3.about import metadata_headers, metadata_of
from lightmail.backends.s3.client import Request, S3Client, headers_of, octets_of
from lightmail.backends.s3.faults import Broken, Refused
from lightmail.config.sections import S3
from lightmail.ports.blobs import BlobNotFound, StoredObject

DELETE_AT_ONCE = 1000
"""Keys in one DeleteObjects."""


@dataclass(frozen=True, slots=True)
class Found:
    octets: int
    etag: str
    about: Mapping[str, str]


class Objects:
    """Every method raises Unavailable."""

    def __init__(self, client: S3Client, options: S3) -> None:
        self._client = client
        self._place = client.place
        self._kept = {"content-type": "application/octet-stream"}
        """How the store is asked to keep an object."""
        for header, value in (
            ("x-amz-server-side-encryption", options.encryption),
            ("x-amz-server-side-encryption-aws-kms-key-id", options.kms_key),
            ("x-amz-storage-class", options.storage_class),
        ):
            if value:
                self._kept[header] = value

    async def put(self, key: str, octets: bytes, about: Mapping[str, str], account: int) -> str:
        """PutObject. Returns the ETag. May be repeated: a key has one content for ever."""
        headers = {**self._kept, **metadata_headers(about)}
        request = Request("put", "PUT", self._place.path(key), headers=headers, body=octets, account=account)
        return (await self._client.send(request, headers_of)).get("ETag", "")

    async def get(self, key: str, start: int, octets: int, account: int) -> bytes:
        """GetObject: a range, shorter only at the object's end; octets: at least 1. Raises BlobNotFound."""

        async def take(response: aiohttp.ClientResponse) -> bytes:
            taken = await _range_of(response, start, octets)
            self._client.counts.octets_in += len(taken)
            return taken

        request = Request(
            "get",
            "GET",
            self._place.path(key),
            headers={"range": f"bytes={start}-{start + octets - 1}"},
            account=account,
            answers=_missing_or_beyond,
        )
        try:
            return await self._client.send(request, take)
        except Refused as answer:
            if answer.missing:
                raise BlobNotFound(key) from None
            return b""

    async def head(self, key: str, account: int) -> Found | None:
        """HeadObject."""

        async def take(response: aiohttp.ClientResponse) -> Found:
            headers = response.headers
            return Found(response.content_length or 0, headers.get("ETag", ""), metadata_of(headers))

        request = Request("head", "HEAD", self._place.path(key), account=account, answers=_missing)
        try:
            return await self._client.send(request, take)
        except Refused:
            return None

    async def create_upload(self, key: str, about: Mapping[str, str], account: int) -> str:
        """CreateMultipartUpload. Returns its id."""

        async def take(response: aiohttp.ClientResponse) -> str:
            return answers.upload_id(await octets_of(response))

        headers = {**self._kept, **metadata_headers(about)}
        path = self._place.path(key)
        request = Request("create_multipart", "POST", path, (("uploads", ""),), headers, account=account)
        return await self._client.send(request, take)

    async def upload_part(self, key: str, upload: str, number: int, octets: bytes, account: int) -> str:
        """UploadPart; number: from 1. Returns the part's ETag."""
        query = (("partNumber", str(number)), ("uploadId", upload))
        request = Request("upload_part", "PUT", self._place.path(key), query, body=octets, account=account)
        return (await self._client.send(request, headers_of)).get("ETag", "")

    async def complete_upload(self, key: str, upload: str, etags: Sequence[str], account: int) -> bool:
        """CompleteMultipartUpload. False: there is no such upload, or not any more: an earlier attempt, whose answer
        was lost, may have completed it.
        """

        async def take(response: aiohttp.ClientResponse) -> bool:
            answers.completed(await octets_of(response))
            return True

        body = answers.completion(etags)
        path = self._place.path(key)
        request = Request(
            "complete_multipart", "POST", path, (("uploadId", upload),), _XML, body, account, answers=_no_upload
        )
        try:
            return await self._client.send(request, take)
        except Refused:
            return False

    async def abort_upload(self, key: str, upload: str, account: int) -> None:
        """AbortMultipartUpload; one attempt."""
        path = self._place.path(key)
        request = Request(
            "abort_multipart", "DELETE", path, (("uploadId", upload),), account=account, answers=_no_upload
        )
        try:
            await self._client.send(request, headers_of, attempts=1)
        except Refused:
            return

    async def delete(self, keys: Sequence[str], *, attempts: int = 0) -> list[tuple[str, Refused]]:
        """DeleteObjects; keys: at most DELETE_AT_ONCE, each once. Returns those that could not be deleted, and why;
        one that was not there is no such.
        """

        async def take(response: aiohttp.ClientResponse) -> list[tuple[str, Refused]]:
            return answers.not_deleted(await octets_of(response))

        prefix = self._place.prefix
        body = answers.deletion([prefix + key for key in keys])
        request = Request("delete", "POST", self._place.bucket_path, (("delete", ""),), _XML, body)
        refusals = await self._client.send(request, take, attempts=attempts)
        return [(key.removeprefix(prefix), refusal) for key, refusal in refusals if refusal.code != "NoSuchKey"]

    async def page(self, beginning: str, token: str, at_most: int = 1000) -> answers.Page:
        """ListObjectsV2: objects whose key begins so; token: "" for the first page. Keys are without the place's prefix."""

        async def take(response: aiohttp.ClientResponse) -> answers.Page:
            return answers.page(await octets_of(response))

        prefix = self._place.prefix
        query = [("encoding-type", "url"), ("list-type", "2"), ("max-keys", str(at_most))]
        if prefix + beginning:
            query.append(("prefix", prefix + beginning))
        if token:
            query.append(("continuation-token", token))
        page = await self._client.send(Request("list", "GET", self._place.bucket_path, tuple(query)), take)
        objects = [StoredObject(each.key.removeprefix(prefix), each.octets, each.modified_s) for each in page.objects]
        return answers.Page(objects, page.next)


_XML = {"content-type": "application/xml"}


def _missing(refusal: Refused) -> bool:
    return refusal.missing


def _missing_or_beyond(refusal: Refused) -> bool:
    """416: the range begins at or after the end (RFC 9110 §15.5.17)."""
    return refusal.missing or refusal.status == 416


def _no_upload(refusal: Refused) -> bool:
    return refusal.status == 404 and refusal.code in ("", "NoSuchUpload")


async def _range_of(response: aiohttp.ClientResponse, start: int, octets: int) -> bytes:
    """The octets that were asked for, of a 206, of a 200 with Content-Range (some stores), or of a whole object from a
    store that takes no ranges; never more is kept. Raises Broken when there are fewer than there should be.
    """
    told = response.headers.get("Content-Range", "")
    if told:
        if answers.range_start(told) != start:
            raise Broken("it answers with another range")
        skip, total = 0, answers.range_total(told)
    elif response.status == 206:
        raise Broken("it answers with a range and does not say which")
    else:
        skip, total = start, response.content_length
    chunks: list[bytes] = []
    left = octets
    # Up to the end where there is one, so that the connection can be used again; and not further where there is more.
    while left >= 0 and (chunk := await response.content.readany()):
        if skip:
            skip, chunk = max(0, skip - len(chunk)), chunk[skip:]
        chunks.append(chunk if len(chunk) <= left else chunk[:left])
        left = left - len(chunk) if len(chunk) <= left else -1
    taken = chunks[0] if len(chunks) == 1 else b"".join(chunks)
    if total is not None and len(taken) < min(octets, total - start):
        raise Broken("its answer is short")
    return taken
