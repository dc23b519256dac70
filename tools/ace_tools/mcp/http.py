"""The server as a web application: MCP's streamable HTTP at /mcp, behind the guard."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.applications import Starlette
from starlette.routing import Route

from ace_tools.mcp.guard import App, Guard
from ace_tools.mcp.server import AceServer

MAX_SESSIONS = 1024
"""Sessions that clients may leave open; an idle one takes some 50 KB."""
IDLE_SECONDS = 15 * 60.0
"""After this long without a request or an open stream a session ends, and its client has to begin another."""
HEADER_SECONDS = 10.0
"""How long a connection may take for the headers of its next request."""
MAX_WAITING = 64
CROWDED_SECONDS = 1.0
"""How long it may take where more than MAX_WAITING connections wait; the newest wait on."""


def http_app(server: AceServer, token: str, *, idle_seconds: float = IDLE_SECONDS, **limits: Any) -> App:
    """An ASGI app; `limits` as `Guard` takes them."""
    manager = StreamableHTTPSessionManager(
        server.mcp, max_sessions=MAX_SESSIONS, session_idle_timeout=idle_seconds
    )

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with manager.run():
            yield

    app = Starlette(routes=[Route("/mcp", _Endpoint(manager))], lifespan=lifespan)
    return Guard(app, token, **limits)


class WebServer(uvicorn.Server):
    """uvicorn, which says when it listens, and closes connections that wait too long for the headers of a request:
    by itself it times out only those that have had an answer."""

    def __init__(
        self,
        config: uvicorn.Config,
        listening: Callable[[], object] = lambda: None,
        header_seconds: float = HEADER_SECONDS,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        super().__init__(config)
        self._listening = listening
        self._header_seconds = header_seconds
        self._max_waiting = max_waiting
        self._waiting: dict[Any, float] = {}

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._listening()

    async def on_tick(self, counter: int) -> bool:
        now = time.monotonic()
        connections: set[Any] = set(self.server_state.connections)
        waiting = [c for c in connections if c.cycle is None or c.cycle.response_complete]
        self._waiting = {c: self._waiting.get(c, now) for c in waiting}
        newest = sorted(waiting, key=lambda c: -self._waiting[c])
        for place, connection in enumerate(newest):
            patience = self._header_seconds if place < self._max_waiting else CROWDED_SECONDS
            if now - self._waiting[connection] > patience:
                connection.transport.close()
        return await super().on_tick(counter)


def web_server(
    server: AceServer, token: str, listening: Callable[[], object] = lambda: None, **limits: Any
) -> WebServer:
    """The app on uvicorn, quiet; the caller gives it a socket of this machine's own address.

    `listening` is called when clients can connect; `limits` are those of `http_app`.
    """
    # A line for each refused or malformed request would let anyone fill the terminal.
    logging.getLogger("mcp.server.transport_security").setLevel(logging.ERROR)
    config = uvicorn.Config(
        http_app(server, token, **limits), log_level="error", access_log=False, timeout_graceful_shutdown=2,
        lifespan="on", server_header=False, http="h11", ws="none",
    )  # fmt: skip
    return WebServer(config, listening)


class _Endpoint:
    """The manager as an ASGI app; a bound method would be taken for a view of requests."""

    def __init__(self, manager: StreamableHTTPSessionManager) -> None:
        self._manager = manager

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._manager.handle_request(scope, receive, send)
