"""The server as a web application: MCP's streamable HTTP at /mcp, behind the guard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.applications import Starlette
from starlette.routing import Route

from ace_tools.mcp.guard import App, Guard
from ace_tools.mcp.server import AceServer

MAX_SESSIONS = 64


def http_app(server: AceServer, token: str, **limits: Any) -> App:
    """An ASGI app; `limits` as `Guard` takes them."""
    manager = StreamableHTTPSessionManager(server.mcp, max_sessions=MAX_SESSIONS)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with manager.run():
            yield

    app = Starlette(routes=[Route("/mcp", _Endpoint(manager))], lifespan=lifespan)
    return Guard(app, token, **limits)


def web_server(server: AceServer, token: str) -> uvicorn.Server:
    """The app on uvicorn, quiet. The caller gives it a socket of this machine's own address."""
    config = uvicorn.Config(
        http_app(server, token), log_level="warning", access_log=False, timeout_graceful_shutdown=2,
        lifespan="on", server_header=False,
    )  # fmt: skip
    return uvicorn.Server(config)


class _Endpoint:
    """The manager as an ASGI app; a bound method would be taken for a view of requests."""

    def __init__(self, manager: StreamableHTTPSessionManager) -> None:
        self._manager = manager

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._manager.handle_request(scope, receive, send)
