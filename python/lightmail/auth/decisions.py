"""An outside service decides who may log in, by the protocol of Dovecot's auth-policy server, which weakforced speaks.

Questions and reports are POSTs of one JSON object, to URL?command=allow and URL?command=report. The answer to the first is
{"status": N, "msg": "…"}: below 0 refused, 0 allowed, above 0 allowed after so many seconds.
Source: doc.dovecot.org, "Authentication policy support".
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import msgspec
import structlog

from lightmail.config import AuthPolicy
from lightmail.errors import Unavailable
from lightmail.obs.metrics import Counts, counts
from lightmail.obs.troubles import troubles

if TYPE_CHECKING:
    import aiohttp

MAX_ANSWER_OCTETS = 65_536
MAX_DELAY_S = 30.0
"""Longer ones are cut: the time to log in is limited."""
MOST_REPORTS = 1_000
"""On their way; more are dropped."""
CONNECTIONS = 100

_log = structlog.get_logger("lightmail.auth")


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is told of a login."""

    login: str
    password: bytes = field(repr=False)
    """b"": the mechanism shows none."""
    remote: str
    protocol: str
    tls: bool
    session_id: str
    device_id: str
    """What the client has said of itself (ID), as IMAP strings."""


class _Answer(msgspec.Struct):
    status: int
    msg: str = ""


class DecisionService:
    """One per process; use it from one loop."""

    def __init__(self, policy: AuthPolicy, *, ca: str = "", counted: Counts = counts) -> None:
        """ca: PEM file; "": what the system trusts."""
        self.policy = policy
        self._ca = ca
        self._counts = counted
        self._session: aiohttp.ClientSession | None = None
        self._reports: set[asyncio.Task[None]] = set()

    async def allow(self, attempt: Attempt) -> int:
        """The status. When there is no answer: what `auth_policy.fail` says."""
        try:
            status = (await self._ask("allow", self._told(attempt))).status
        except Unavailable as error:
            troubles.met(error, "the decision service cannot be asked", then=self.policy.fail)
            self._counts.decisions["none"] += 1
            return -1 if self.policy.fail == "closed" else 0
        self._counts.decisions["refused" if status < 0 else "delayed" if status else "allowed"] += 1
        return status

    def report(self, attempt: Attempt, *, success: bool, policy_reject: bool = False) -> None:
        """Nobody waits for it."""
        if len(self._reports) >= MOST_REPORTS:
            self._counts.decisions["report dropped"] += 1
            return
        told = {**self._told(attempt), "success": success, "policy_reject": policy_reject}
        task = asyncio.get_running_loop().create_task(self._report(told))
        self._reports.add(task)
        task.add_done_callback(self._reports.discard)

    async def close(self) -> None:
        """Reports on their way are dropped."""
        for task in self._reports:
            task.cancel()
        await asyncio.gather(*self._reports, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _report(self, told: dict[str, Any]) -> None:
        try:
            await self._ask("report", told, answered=False)
        except Unavailable as error:
            troubles.met(error, "the decision service cannot be told")

    async def _ask(self, command: str, told: dict[str, Any], *, answered: bool = True) -> _Answer:
        """Raises Unavailable."""
        import aiohttp

        try:
            session = self._session or self._open()
            async with session.post(self._url(command), data=msgspec.json.encode(told)) as response:
                if response.status // 100 != 2:
                    raise Unavailable(f"the decision service (HTTP status {response.status})")
                octets = await _whole(response.content) if answered else b""
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Unavailable(f"the decision service ({type(error).__name__})") from error
        if not answered:
            return _Answer(0)
        try:
            return msgspec.json.decode(octets, type=_Answer)
        except msgspec.DecodeError as error:
            raise Unavailable("the decision service (its answer is not understood)") from error

    def _open(self) -> aiohttp.ClientSession:
        import aiohttp

        name, colon, value = self.policy.api_header_secret.partition(":")
        headers = {"Content-Type": "application/json"}
        if colon:
            headers[name.strip()] = value.strip()
        elif name:
            headers["X-API-Key"] = name
        context = ssl.create_default_context(cafile=self._ca or None) if self.policy.url.startswith("https") else True
        self._session = aiohttp.ClientSession(
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=self.policy.timeout_s),
            connector=aiohttp.TCPConnector(limit=CONNECTIONS, ssl=context),
            auto_decompress=False,
        )
        return self._session

    def _url(self, command: str) -> str:
        parts = urlsplit(self.policy.url)
        query = f"{parts.query.rstrip('&')}&command={command}" if parts.query else f"command={command}"
        return urlunsplit(parts._replace(query=query))

    def _told(self, attempt: Attempt) -> dict[str, Any]:
        """With the names that `auth_policy.attributes` gives; "attrs/x" is x within attrs."""
        known: dict[str, Any] = {
            "login": attempt.login,
            "pwhash": self.password_hash(attempt),
            "remote": attempt.remote,
            "protocol": attempt.protocol,
            "tls": attempt.tls,
            "session_id": attempt.session_id,
            "device_id": attempt.device_id,
        }
        told: dict[str, Any] = {}
        for name, value in self.policy.attributes.items():
            within = told
            *outer, inner = name.split("/")
            for each in outer:
                within = within.setdefault(each, {})
            within[inner] = known.get(value, value)
        return told

    def password_hash(self, attempt: Attempt) -> str:
        """Some bits of a hash, by which the service tells that a wrong password is the same one again, and no more."""
        policy = self.policy
        digest = hashlib.new(policy.hash_mechanism, policy.hash_nonce_secret.encode(), usedforsecurity=False)
        digest.update(attempt.login.encode("utf-8", "surrogateescape") + b"\0" + attempt.password)
        octets = digest.digest()
        bits = policy.hash_truncate_bits
        if not bits:
            return octets.hex()
        kept = octets[: (bits + 7) // 8]
        return (int.from_bytes(kept, "big") >> (len(kept) * 8 - bits)).to_bytes(len(kept), "big").hex()


async def _whole(content: aiohttp.StreamReader) -> bytes:
    """Raises Unavailable: there is too much of it."""
    octets = b""
    async for chunk in content.iter_any():
        octets += chunk
        if len(octets) > MAX_ANSWER_OCTETS:
            raise Unavailable("the decision service (its answer is too long)")
    return octets
