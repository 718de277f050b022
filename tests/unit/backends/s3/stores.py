"""Stores for tests: S3Blobs on a real server, directly or through something that does it harm."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from lightmail.backends.s3 import S3Blobs
from lightmail.config.addresses import S3Url
from lightmail.config.sections import S3
from tests.support.backends import s3_options
from tests.support.faults.proxy import Proxy
from tests.support.services import S3Server

BUCKET = "mail"


@asynccontextmanager
async def blobs_on(server: S3Server, bucket: str = "", **options: Any) -> AsyncIterator[S3Blobs]:
    """In a new bucket; options: as in `config.S3`."""
    blobs = await S3Blobs.open(S3Url(bucket or server.new_bucket(), ""), s3_options(server, **options))
    try:
        yield blobs
    finally:
        await blobs.close()


@asynccontextmanager
async def blobs_behind(server: S3Server, **options: Any) -> AsyncIterator[tuple[S3Blobs, Proxy]]:
    with Proxy(server.port) as proxy:
        quick = {"endpoint": f"http://127.0.0.1:{proxy.port}", "attempt_timeout_s": 1.0, "total_timeout_s": 10.0}
        async with blobs_on(server, **{**quick, **options}) as blobs:
            yield blobs, proxy


Answer = Callable[[str, str, dict[str, str], bytes], bytes]
"""(method, target, headers by lower-case name, body) → the whole answer, from its status line on."""


@asynccontextmanager
async def blobs_answered(answer: Answer, **options: Any) -> AsyncIterator[S3Blobs]:
    """A server that gives answers which a real one gives on its bad days only: faults, no mock of what works."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                method, target, _ = line.decode().split(" ", 2)
                headers = {}
                while (field := (await reader.readline()).decode().rstrip("\r\n")) != "":
                    name, _, value = field.partition(":")
                    headers[name.lower()] = value.strip()
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                answered = answer(method, target, headers, body)
                writer.write(answered)
                await writer.drain()
                if b"\r\nConnection: close" in answered:
                    return
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    given = {"endpoint": f"http://127.0.0.1:{port}", "access_key": "A", "secret_key": "S", "total_timeout_s": 2.0}
    blobs = await S3Blobs.open(S3Url(BUCKET, ""), S3(**{**given, **options}))
    try:
        yield blobs
    finally:
        await blobs.close()
        server.close()
        await server.wait_closed()


def answer(status: str, body: bytes = b"", *headers: str) -> bytes:
    """status: "200 OK"."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def keys_of(blobs: S3Blobs) -> list[str]:
    return [found.key async for found in blobs.objects()]
