"""One request to the store: its turn, its signature, its attempts, its deadlines, and what is counted of it.

aiohttp carries it. botocore's own client takes five times the processor time for the same request (docs/adr/0006).
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import ssl
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar

import aiohttp
import structlog

from lightmail.backends.certificates import certificate_problem
from lightmail.backends.s3.answers import refused
from lightmail.backends.s3.counts import S3Counts
from lightmail.backends.s3.credentials import Credentials
from lightmail.backends.s3.faults import CERTIFICATE, Broken, Refused, unavailable
from lightmail.backends.s3.places import Place
from lightmail.backends.s3.shares import Shares
from lightmail.backends.s3.signing import NO_OCTETS, Query, Signer
from lightmail.config.sections import S3

T = TypeVar("T")
Take = Callable[[aiohttp.ClientResponse], Awaitable[T]]

_SLOWEST_OCTETS_PER_S = 1_048_576
"""A deadline grows by a second for each of these: a part of 8 MiB may take longer than a question."""
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 3.0
_ATTEMPTS_WHILE_AWAY = 2
"""When the store has been silent for a whole deadline already; two, as the first may have met a stale connection."""
_DOCUMENT_OCTETS = 16_777_216
_ERROR_OCTETS = 65_536
_READ_BUFFER_OCTETS = 524_288
_IN_THREAD_OCTETS = 262_144
"""Hashing more than this would hold up the loop for about a millisecond."""
_SEND_OCTETS = 262_144
_SILENT = "it does not answer in time"

_log = structlog.get_logger("lightmail.s3")


def _nothing(_fault: Refused) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Request:
    operation: str
    """One of `counts.OPERATIONS`."""
    method: str
    path: str
    query: Query = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    account: int = 0
    answers: Callable[[Refused], bool] = _nothing
    """Which refusals are an answer to the question."""


class S3Client:
    def __init__(self, place: Place, credentials: Credentials, region: str, options: S3) -> None:
        """Needs a running loop. Opens nothing yet. Raises OSError when the CA file cannot be read."""
        self.place = place
        self.counts = S3Counts()
        self._credentials = credentials
        self._signer = Signer(region)
        self._attempt_s = options.attempt_timeout_s
        self._total_s = options.total_timeout_s
        self._shares = Shares(options.requests)
        self._away = False
        self._complaint = ""
        trust = ssl.create_default_context(cafile=options.ca or None) if place.scheme == "https" else False
        self._http = aiohttp.ClientSession(
            connector=_Connector(limit=0, ssl=trust, ttl_dns_cache=30),
            cookie_jar=aiohttp.DummyCookieJar(),
            # Octets come as they are stored: no encoding is offered and none is undone.
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
            auto_decompress=False,
            # The deadlines are ours: one for an attempt, one for all.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            read_bufsize=_READ_BUFFER_OCTETS,
        )

    async def close(self) -> None:
        """What is under way fails. Safe to call twice."""
        await self._http.close()

    async def send(self, request: Request, take: Take[T], *, attempts: int = 0) -> T:
        """What `take` makes of the answer, of any status below 300.

        take: called for each attempt; may raise Broken for another one. attempts: 0 as many as the deadline allows.
        Raises Refused where `request.answers` says that it is an answer; otherwise Unavailable.
        """
        if asyncio.current_task() is None:
            # A first step outside any task (net/eager.py): deadlines need one.
            await asyncio.sleep(0)
        payload = await _payload_of(request.body)
        now_s = asyncio.get_running_loop().time
        more_s = len(request.body) / _SLOWEST_OCTETS_PER_S
        end_s = now_s() + self._total_s + more_s
        for attempt in count(1):
            try:
                taken = await self._attempt(request, payload, take, self._attempt_s + more_s, end_s)
            except (Refused, Broken) as error:
                fault = error
            else:
                self._answered()
                return taken
            if isinstance(fault, Refused) and request.answers(fault):
                self._answered()
                raise fault
            self.counts.errors[request.operation] += 1
            pause_s = random.uniform(0, min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2**attempt))
            last = attempts or (_ATTEMPTS_WHILE_AWAY if self._away else attempt + 1)
            if not fault.passing or attempt >= last or now_s() + pause_s >= end_s:
                self._failed(request, fault)
                raise unavailable(fault) from fault
            self.counts.retries[request.operation] += 1
            await asyncio.sleep(pause_s)
        raise AssertionError("unreachable")

    async def _attempt(self, request: Request, payload: _Payload, take: Take[T], attempt_s: float, end_s: float) -> T:
        """Raises Refused, Broken."""
        loop = asyncio.get_running_loop()
        if not self._shares.try_enter():
            try:
                async with asyncio.timeout_at(end_s):
                    await self._shares.enter(request.account)
            except TimeoutError:
                raise Broken(_SILENT) from None
        begun_s = loop.time()
        self.counts.requests[request.operation] += 1
        try:
            async with asyncio.timeout_at(min(begun_s + attempt_s, end_s)):
                return await self._exchange(request, payload, take)
        except TimeoutError:
            raise Broken(_SILENT) from None
        except aiohttp.ClientSSLError as error:
            cause = certificate_problem(error) or "TLS with it fails"
            raise Broken(cause, hopeless=True, way_out=CERTIFICATE) from error
        except aiohttp.ClientConnectorError as error:
            raise Broken(f"no connection: {_reason(error.os_error)}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise Broken("the connection broke") from error
        finally:
            self.counts.seconds[request.operation] += loop.time() - begun_s
            self._shares.leave()

    async def _exchange(self, request: Request, payload: _Payload, take: Take[T]) -> T:
        if self._http.closed:
            raise Broken("closed", hopeless=True)
        headers = dict(request.headers)
        headers["host"] = self.place.host
        if payload.md5:
            headers["content-md5"] = payload.md5
        keys = await self._credentials.keys()
        self._signer.sign(keys, request.method, request.path, request.query, headers, payload.sha256, time.time())
        body = request.body
        # aiohttp cannot know it of slices, and most stores insist.
        headers["content-length"] = str(len(body))
        self.counts.octets_out += len(body)
        used: list[asyncio.Transport] = []
        _used.set(used)
        try:
            async with self._http.request(
                request.method,
                self.place.url(request.path, request.query),
                headers=headers,
                data=body if len(body) <= _SEND_OCTETS else _Slices(body),
                allow_redirects=False,
            ) as response:
                if response.status < 300:
                    return await take(response)
                fault = refused(response.status, await octets_of(response, _ERROR_OCTETS))
        except BaseException:
            for transport in used:
                transport.abort()
            raise
        finally:
            used.clear()
        if fault.code == "ExpiredToken":
            self._credentials.expired()
        raise fault

    def _answered(self) -> None:
        if self._complaint:
            _log.info("S3 can be used again", problem=self._complaint)
        self._away, self._complaint = False, ""

    def _failed(self, request: Request, fault: Refused | Broken) -> None:
        self._away = self._away or fault.passing
        # Once for each trouble, not for each request that meets it.
        if self._complaint != fault.cause:
            self._complaint = fault.cause
            _log.error(
                "S3 cannot be used",
                problem=fault.cause,
                way_out=fault.way_out,
                detail=str(fault if isinstance(fault, Refused) else fault.__cause__ or ""),
                operation=request.operation,
                host=self.place.host,
                path=request.path,
            )


_used: ContextVar[list[asyncio.Transport]] = ContextVar("s3-connections")
"""What carries the request that is being made."""


class _Connector(aiohttp.TCPConnector):
    """Tells which connection a request got. One whose request fails is reset: aiohttp would close it in good order, which
    takes until a silent peer has read all that was written, or for ever.
    """

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[aiohttp.tracing.Trace], timeout: aiohttp.ClientTimeout
    ) -> aiohttp.connector.Connection:
        connection = await super().connect(req, traces, timeout)
        if connection.transport is not None:
            _used.get().append(connection.transport)
        return connection


async def octets_of(response: aiohttp.ClientResponse, at_most: int = _DOCUMENT_OCTETS) -> bytes:
    """A body that is not a message. Raises Broken when it is longer."""
    chunks = []
    octets = 0
    while chunk := await response.content.readany():
        chunks.append(chunk)
        octets += len(chunk)
        if octets > at_most:
            raise Broken("its answer is too long")
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def headers_of(response: aiohttp.ClientResponse) -> Mapping[str, str]:
    return response.headers


@dataclass(frozen=True, slots=True)
class _Payload:
    sha256: str
    md5: str
    """Base64; "" for no body. Two sums, as some stores check only one of them."""


_NO_PAYLOAD = _Payload(NO_OCTETS, "")


class _Slices:
    """A large body, sent slice by slice as the peer takes them; every iteration begins anew, for aiohttp may repeat it."""

    def __init__(self, body: bytes) -> None:
        self._body = memoryview(body)

    async def __aiter__(self) -> AsyncIterator[memoryview]:
        for start in range(0, len(self._body), _SEND_OCTETS):
            yield self._body[start : start + _SEND_OCTETS]


def _hashed(body: bytes) -> _Payload:
    md5 = hashlib.md5(body, usedforsecurity=False).digest()
    return _Payload(hashlib.sha256(body).hexdigest(), b64encode(md5).decode())


async def _payload_of(body: bytes) -> _Payload:
    if not body:
        return _NO_PAYLOAD
    if len(body) <= _IN_THREAD_OCTETS:
        return _hashed(body)
    return await asyncio.get_running_loop().run_in_executor(None, _hashed, body)


def _reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
