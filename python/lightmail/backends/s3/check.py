"""Whether a store can be worked with, said in sentences: for the command line, and whoever sets a bucket up."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from time import monotonic

import msgspec

from lightmail.backends.s3.blobs import S3Blobs
from lightmail.config.addresses import S3Url
from lightmail.config.sections import S3
from lightmail.errors import Unavailable
from lightmail.ports.blobs import BlobNotFound

_PROBE_OCTETS = 4096


async def check(url: S3Url, options: S3) -> AsyncIterator[str]:
    """What was found, a sentence for each step, as it is done; it writes, reads and deletes an object of its own.

    Raises Unavailable with what is wrong, ConfigError. Somebody waits: one request takes no longer than one attempt.
    """
    blobs = await S3Blobs.open(url, msgspec.structs.replace(options, total_timeout_s=options.attempt_timeout_s))
    try:
        begun_s = monotonic()
        async for _found in blobs.objects():
            break
        yield f"bucket {url.bucket} can be listed ({_ms(begun_s)})"
        key = f"probe/{os.urandom(16).hex()}"
        octets = os.urandom(_PROBE_OCTETS)
        begun_s = monotonic()
        await blobs.put(key, octets, about={"probe": "may be deleted"})
        yield f"an object can be written ({_ms(begun_s)})"
        try:
            begun_s = monotonic()
            try:
                if await blobs.read(key, 1000, 100) != octets[1000:1100]:
                    raise Unavailable("the body store (a range of an object is not what was written)")
            except BlobNotFound:
                raise Unavailable("the body store (an object that it took is not there)") from None
            yield f"a range of it can be read ({_ms(begun_s)})"
        finally:
            await blobs.delete([key])
        yield "it can be deleted"
    finally:
        await blobs.close()


def _ms(begun_s: float) -> str:
    return f"{(monotonic() - begun_s) * 1000:.0f} ms"
