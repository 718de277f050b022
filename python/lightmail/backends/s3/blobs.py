"""The BlobStore over a bucket. A message of ordinary size is one PUT on its way in, a range of it one GET."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence

import structlog

from lightmail._core.frames import Keyring
from lightmail.backends.s3.client import S3Client
from lightmail.backends.s3.counts import S3Counts
from lightmail.backends.s3.credentials import credentials_for
from lightmail.backends.s3.faults import Refused, unavailable
from lightmail.backends.s3.objects import DELETE_AT_ONCE, Objects
from lightmail.backends.s3.places import place_of
from lightmail.backends.s3.room import Room
from lightmail.backends.s3.writing import S3BlobWriter, verify
from lightmail.config.addresses import S3Url
from lightmail.config.sections import S3
from lightmail.errors import ConfigError
from lightmail.obs.metrics import counts
from lightmail.ports.blobs import NO_KEYS, NOTHING, BlobNotFound, StoredObject

_REGION = "us-east-1"
"""Where nobody names one; most stores that are not AWS take any."""
_DELETE_ROUNDS = 3
"""Keys that could not be deleted for a reason that passes are tried again."""

_log = structlog.get_logger("lightmail.s3")


class S3Blobs:
    """Implements `ports.blobs.BlobStore`. Several processes may use one bucket and prefix."""

    def __init__(self, client: S3Client, options: S3, keyring: Keyring) -> None:
        """Called by `open`."""
        self.keyring = keyring
        self._client = client
        self._objects = Objects(client, options)
        self._part_octets = options.part_octets
        self._verify = options.verify_writes
        self._room = Room(max(1, options.upload_octets // options.part_octets), options.total_timeout_s)

    @classmethod
    async def open(cls, url: S3Url, options: S3, keyring: Keyring = NO_KEYS) -> S3Blobs:
        """Asks nobody anything: a store that is away does not keep the server from starting. Raises ConfigError."""
        blobs = cls(open_client(url, options), options, keyring)
        blobs.counts.told_with(counts)
        return blobs

    @property
    def counts(self) -> S3Counts:
        return self._client.counts

    @property
    def requests(self) -> Counter[str]:
        """Sent so far, by operation: `counts.OPERATIONS`."""
        return self._client.counts.requests

    async def create(self, key: str, *, about: Mapping[str, str] = NOTHING, account: int = 0) -> S3BlobWriter:
        return S3BlobWriter(
            self._objects,
            key,
            about=about,
            account=account,
            part_octets=self._part_octets,
            verify=self._verify,
            room=self._room,
        )

    async def put(self, key: str, octets: bytes, *, about: Mapping[str, str] = NOTHING, account: int = 0) -> None:
        """After a failure the object may be there all the same, as its answer may have been lost: the sweep's work."""
        etag = await self._objects.put(key, octets, about, account)
        if self._verify:
            await verify(self._objects, key, len(octets), etag, account)

    async def read(self, key: str, start: int, octets: int, *, account: int = 0) -> bytes:
        return await self._objects.get(key, start, octets, account) if octets else b""

    def read_nowait(self, key: str, start: int, octets: int) -> bytes | None:
        return None

    async def delete(self, keys: Sequence[str]) -> None:
        left = list(dict.fromkeys(keys))
        for last in range(1 - _DELETE_ROUNDS, 1):
            if not left:
                return
            batches = [left[at : at + DELETE_AT_ONCE] for at in range(0, len(left), DELETE_AT_ONCE)]
            refusals = [refusal for batch in await self._all(batches) for refusal in batch]
            lasting = [refusal for refusal in refusals if not refusal[1].passing]
            if lasting or (refusals and not last):
                key, refusal = (lasting or refusals)[0]
                _log.error("objects not deleted", keys=len(refusals), first=key, detail=str(refusal))
                raise unavailable(refusal)
            left = [key for key, _ in refusals]

    async def _all(self, batches: list[list[str]]) -> list[list[tuple[str, Refused]]]:
        return await asyncio.gather(*(self._objects.delete(batch) for batch in batches))

    async def objects(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        page = await self._objects.page(prefix, "")
        for found in page.objects:
            yield found
        while page.next:
            page = await self._objects.page(prefix, page.next)
            for found in page.objects:
                yield found

    async def about(self, key: str) -> Mapping[str, str]:
        found = await self._objects.head(key, 0)
        if found is None:
            raise BlobNotFound(key)
        return found.about

    async def close(self) -> None:
        """What is under way fails. Safe to call twice."""
        await self._client.close()


def open_client(url: S3Url, options: S3) -> S3Client:
    """Needs a running loop. Raises ConfigError."""
    credentials = credentials_for(options)
    region = options.region or credentials.region or _REGION
    try:
        place = place_of(url.bucket, url.prefix, options, region)
    except ValueError as error:
        raise ConfigError("the configuration", "s3.endpoint", str(error)) from error
    try:
        return S3Client(place, credentials, region, options)
    except OSError as error:
        raise ConfigError("the configuration", "s3.ca", f"{options.ca}: {error.strerror or error}") from error
