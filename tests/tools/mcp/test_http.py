"""The HTTP server holds out against clients that say nothing, half a request, or never goodbye."""

from __future__ import annotations

import asyncio
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from mcp.server.lowlevel import Server

from ace_tools.mcp.command import bound
from ace_tools.mcp.guard import Guard
from ace_tools.mcp.http import MAX_SESSIONS, WebServer, web_server
from ace_tools.mcp.server import AceServer
from ace_tools.sessions import SessionPool

TOKEN = "a-token-of-the-tests"
HEADERS = {"Authorization": f"Bearer {TOKEN}", "Accept": "application/json, text/event-stream"}
HELLO = {
    "jsonrpc": "2.0", "id": 1, "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}
    },
}  # fmt: skip
PING = {"jsonrpc": "2.0", "id": 2, "method": "ping"}


@contextmanager
def running(web: WebServer) -> Iterator[int]:
    """The port of a server in a thread."""
    listening = bound(0)
    started = threading.Event()
    web._listening = started.set
    thread = threading.Thread(target=web.run, kwargs={"sockets": [listening]})
    thread.start()
    assert started.wait(30)
    yield listening.getsockname()[1]
    web.should_exit = True
    thread.join(20)


def closed(connection: socket.socket) -> bool:
    connection.settimeout(10)
    try:
        return connection.recv(100) == b""
    except ConnectionResetError:
        return True


@pytest.fixture
def server(pool: SessionPool) -> AceServer:
    return AceServer(pool)


def test_listening_is_announced_once_clients_can_connect(server: AceServer) -> None:
    """`ace mcp --http` printed its address before anyone could connect to it."""
    listening = bound(0)
    port = listening.getsockname()[1]
    answered: list[bool] = []

    def connect() -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=2):
            answered.append(True)
        web.should_exit = True

    web = web_server(server, TOKEN, connect)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=2)
    web.run(sockets=[listening])
    assert answered == [True]


@pytest.mark.parametrize("sent", [b"", b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "])
def test_a_connection_without_a_request_times_out(server: AceServer, sent: bytes) -> None:
    """A client that sent nothing, or half of its headers, held its connection for ever."""
    web = web_server(server, TOKEN)
    web._header_seconds = 0.5
    with running(web) as port, socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(sent)
        began = time.monotonic()
        assert closed(connection)
        assert 0.3 < time.monotonic() - began < 8


def test_a_second_request_times_out_too(server: AceServer) -> None:
    """uvicorn drops its own timeout for the next request as soon as one byte of it has come."""
    web = web_server(server, TOKEN)
    web._header_seconds = 0.5
    with running(web) as port, socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(10)
        connection.sendall(b"GET /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer x\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 401")
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            for _ in range(100):
                connection.sendall(b"X")
                time.sleep(0.1)


def test_silent_connections_do_not_keep_others_out(server: AceServer) -> None:
    """Four hundred of them blocked the server."""
    web = web_server(server, TOKEN)
    web._max_waiting = 5
    with running(web) as port:
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(40)]
        ended = select.poll()
        for connection in silent:
            ended.register(connection, select.POLLIN)
        deadline = time.monotonic() + 8
        while len(ended.poll(100)) < 35 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert 35 <= len(ended.poll(0)) < 40
        answer = httpx.post(f"http://127.0.0.1:{port}/mcp", json=HELLO, headers=HEADERS, timeout=30)
        assert answer.status_code == 200
        for connection in silent:
            connection.close()


def test_a_request_at_work_is_no_silent_connection() -> None:
    class Slow:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await asyncio.sleep(1.5)
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    import uvicorn

    config = uvicorn.Config(Guard(Slow(), TOKEN), log_level="error", lifespan="off")  # type: ignore[arg-type]
    with running(WebServer(config, header_seconds=0.3, max_waiting=0)) as port:
        assert httpx.get(f"http://127.0.0.1:{port}/", headers=HEADERS, timeout=30).status_code == 204


def test_idle_sessions_expire(server: AceServer) -> None:
    """The 65th client was refused for as long as the server ran."""
    assert isinstance(server.mcp, Server)
    with running(web_server(server, TOKEN, idle_seconds=1.0)) as port:
        url = f"http://127.0.0.1:{port}/mcp"
        with httpx.Client(headers=HEADERS, timeout=30) as client:
            opened = [client.post(url, json=HELLO) for _ in range(70)]
            assert {answer.status_code for answer in opened} == {200}
            session = {"Mcp-Session-Id": opened[-1].headers["mcp-session-id"]}
            assert client.post(url, json=PING, headers=session).status_code == 200
            time.sleep(2.5)
            assert client.post(url, json=PING, headers=session).status_code == 404
            assert client.post(url, json=HELLO).status_code == 200
    assert MAX_SESSIONS >= 1000


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("127.0.0.1", None, 204),
        ("localhost:8765", "http://localhost:8765", 204),
        ("LocalHost:8765", "HTTPS://LOCALHOST", 204),
        ("[::1]:1", "http://[::1]:1", 204),
        ("127.0.0.1:80", "http://127.0.0.1:6274", 204),
        ("", None, 421),
        ("evil.example", None, 421),
        ("localhost.evil.example", None, 421),
        ("localhost:80@evil.example", None, 421),
        ("127.0.0.1", "", 403),
        ("127.0.0.1", "null", 403),
        ("127.0.0.1", "http://evil.example", 403),
        ("127.0.0.1", "http://localhost.evil.example", 403),
        ("127.0.0.1", "http://localhost:80@evil.example", 403),
        ("127.0.0.1", "file://", 403),
    ],
)
def test_hosts_and_origins(host: str, origin: str | None, status: int) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    headers = [(b"host", host.encode()), (b"authorization", f"bearer {TOKEN}".encode())]
    headers += [] if origin is None else [(b"origin", origin.encode())]
    answers: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        answers.append(message)

    asyncio.run(Guard(app, TOKEN)({"type": "http", "headers": headers}, receive, send))
    assert answers[0]["status"] == status
