"""A decision service for tests: a real HTTP server that keeps what it was told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass
class Decisions:
    url: str = ""
    answers: list[Any] = field(default_factory=list)
    """For the next questions: a status, or a web.Response; then 0."""
    asked: list[dict[str, Any]] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    hold: asyncio.Event | None = None
    """While there is one, nothing is answered."""

    async def handle(self, request: web.Request) -> web.Response:
        if self.hold is not None:
            await self.hold.wait()
        self.headers.append(dict(request.headers))
        (self.asked if request.query["command"] == "allow" else self.told).append(await request.json())
        if request.query["command"] == "report":
            return web.json_response({"status": "ok"})
        answer = self.answers.pop(0) if self.answers else 0
        return answer if isinstance(answer, web.Response) else web.json_response({"status": answer, "msg": "", "x": 1})


@asynccontextmanager
async def decision_server() -> AsyncIterator[Decisions]:
    service = Decisions()
    app = web.Application()
    app.router.add_post("/", service.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    service.url = f"http://{host}:{port}/"
    try:
        yield service
    finally:
        await runner.cleanup()
