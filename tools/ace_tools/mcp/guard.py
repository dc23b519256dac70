"""The checks before the server on HTTP: who may ask, how much, and how many at once."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from starlette.requests import HTTPConnection

HOST = "127.0.0.1"
NAMES = ("127.0.0.1", "localhost", "[::1]")
THIS_MACHINE = TransportSecuritySettings(
    allowed_hosts=[f"{name}{port}" for name in NAMES for port in ("", ":*")],
    allowed_origins=[
        f"{scheme}://{name}{port}" for scheme in ("http", "https") for name in NAMES for port in ("", ":*")
    ],
)
"""Hosts and origins that are answered, on any port: ports are forwarded, and tools of this machine have their own."""
MAX_BODY = 1_000_000
"""Bytes of a request: the longest plan is far smaller, and pictures come by path."""
MAX_REQUESTS = 32
"""Requests at once, streams that wait for news included."""
MAX_DRAINED = 16_000_000
"""Bytes of a refused request that are read and dropped."""
BODY_SECONDS = 10.0
"""How long a request may take to arrive."""

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Guard:
    """An ASGI app before another.

    Any page of the user's browser can reach a port of this machine, so a request must name this machine
    (against DNS rebinding), come from no other origin and bear the token.
    """

    def __init__(
        self, app: App, token: str, *, max_body: int = MAX_BODY, max_requests: int = MAX_REQUESTS
    ) -> None:
        self._app = app
        self._security = TransportSecurityMiddleware(THIS_MACHINE)
        self._token = token.encode()
        self._max_body = max_body
        self._max_requests = max_requests
        self._requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        refused = await self._refused({key.lower(): value for key, value in scope["headers"]})
        if refused is not None:
            await _drain(receive)
            await _answer(send, *refused)
            return
        if self._requests >= self._max_requests:
            await _answer(send, 503, f"{self._requests} requests are open already; try again in a moment")
            return
        self._requests += 1
        try:
            await self._pass_on(scope, receive, send)
        finally:
            self._requests -= 1

    async def _refused(self, headers: dict[bytes, bytes]) -> tuple[int, str] | None:
        """Status and reason of a request that is not let in."""
        where = await self._security.validate_request(_claims(headers))
        if where is not None and where.status_code == 421:
            return 421, f"this server answers to {HOST} and localhost only"
        if where is not None:
            return 403, "requests from web pages of other origins are not answered"
        scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() != b"bearer" or not hmac.compare_digest(token.strip(), self._token):
            return 401, "send the token that the server printed: Authorization: Bearer TOKEN"
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > self._max_body:
            return 413, f"a request may have {self._max_body:,} bytes"
        return None

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the whole body, which need not be what its header says, then hand it on."""
        body = b""
        more = True
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while more:
                    message = await receive()
                    if message["type"] != "http.request":
                        return
                    body += message.get("body", b"")
                    more = message.get("more_body", False)
                    if len(body) > self._max_body:
                        if more:
                            await _drain(receive)
                        await _answer(send, 413, f"a request may have {self._max_body:,} bytes")
                        return
        except TimeoutError:
            await _answer(send, 408, f"the request took longer than {BODY_SECONDS:.0f} seconds to arrive")
            return
        given = [body]

        async def again() -> Message:
            if given:
                return {"type": "http.request", "body": given.pop(), "more_body": False}
            return await receive()

        await self._app(scope, again, send)


def _claims(headers: dict[bytes, bytes]) -> HTTPConnection:
    """The host and origin that a request names, as the SDK's check reads them: it compares letter by letter, takes
    whatever follows a colon for a port, and an empty origin for none."""
    claims = []
    for key in (b"host", b"origin"):
        if key in headers:
            value = headers[key].lower()
            claims.append((key, value if value and b"@" not in value else b"null"))
    return HTTPConnection({"type": "http", "headers": claims})


async def _drain(receive: Receive) -> None:
    """Read the rest of a request that is refused, within reason: a client that is still sending when the
    connection closes sees a broken pipe and never the reason."""
    left = MAX_DRAINED
    with suppress(TimeoutError):
        async with asyncio.timeout(BODY_SECONDS):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return


async def _answer(send: Send, status: int, reason: str) -> None:
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if status == 503:
        headers.append((b"retry-after", b"2"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"error": reason}).encode()})
