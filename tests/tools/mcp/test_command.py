"""`ace mcp` with a real client: over standard input and output, and over HTTP."""

from __future__ import annotations

import asyncio
import base64
import io
import os
import re
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from mcp import ClientSession, StdioServerParameters, types
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import McpError
from mcp.shared.memory import create_connected_server_and_client_session as connected
from PIL import Image
from pydantic import AnyUrl

from ace_agent.agent import conversations
from ace_agent.errors import AceError
from ace_tools.langchain.toolkit import AceToolkit
from ace_tools.mcp.command import bound, command
from ace_tools.mcp.guard import MAX_BODY, Guard
from ace_tools.mcp.http import web_server
from ace_tools.mcp.server import AceServer
from ace_tools.operations import OPERATIONS
from ace_tools.sessions import SessionPool

ROOT = Path(__file__).parents[3]
TOKEN = "a-token-of-the-tests"
pytestmark = pytest.mark.asyncio


def environment() -> dict[str, str]:
    path = os.pathsep.join(str(ROOT / part) for part in ("", "kernels", "memory", "tools"))
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}


def arguments(workspace: Path) -> list[str]:
    return ["-m", "tests.tools.tiny_server", "--workspace", str(workspace), "--planner", "rules"]


@asynccontextmanager
async def stdio(workspace: Path) -> AsyncIterator[ClientSession]:
    server = StdioServerParameters(
        command=sys.executable, args=arguments(workspace), cwd=ROOT, env=environment(),
    )  # fmt: skip
    async with stdio_client(server) as (incoming, outgoing), ClientSession(incoming, outgoing) as session:
        await session.initialize()
        yield session


@pytest.fixture
def http(toolkit: AceToolkit) -> Iterator[str]:
    """The address of a server that runs."""
    listening = bound(0)
    web = web_server(AceServer(toolkit.pool), TOKEN)
    thread = threading.Thread(target=web.run, kwargs={"sockets": [listening]})
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"
    web.should_exit = True
    thread.join(20)


@asynccontextmanager
async def over_http(url: str) -> AsyncIterator[ClientSession]:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        httpx.AsyncClient(headers=headers, timeout=60) as client,
        streamable_http_client(url, http_client=client) as (incoming, outgoing, _),
        ClientSession(incoming, outgoing) as session,
    ):
        await session.initialize()
        yield session


async def check_everything(session: ClientSession, workspace: Path) -> None:
    """What a client can do, on either transport."""
    listed = await session.list_tools()
    assert [tool.name for tool in listed.tools] == list(OPERATIONS)
    for tool in listed.tools:
        assert tool.annotations is not None and tool.annotations.destructiveHint is False
        assert tool.annotations.readOnlyHint == OPERATIONS[tool.name].reads

    heard: list[float] = []

    async def listen(progress: float, total: float | None, message: str | None) -> None:
        heard.append(progress)

    given = {"description": "a red car in a meadow", "seed": 7}
    made = await session.call_tool("create_image", given, progress_callback=listen)
    assert not made.isError
    text, picture = made.content
    assert text.type == "text" and text.text.startswith("Made @1 (32 x 32 pixels, seed 7, file ")
    assert picture.type == "image" and picture.mimeType == "image/png"
    assert Image.open(io.BytesIO(base64.b64decode(picture.data))).size == (32, 32)
    assert made.structuredContent is not None
    path = Path(made.structuredContent["images"][0]["path"])
    assert path.is_file() and path.is_relative_to(workspace)
    assert heard == sorted(heard) and heard[-1] == 1.0 and len(heard) >= 4

    edited = await session.call_tool("edit_image", {"instruction": "make the car green"})
    assert edited.structuredContent is not None
    assert edited.structuredContent["images"][0]["id"] == "@2"

    resources = (await session.list_resources()).resources
    assert [(str(one.uri), one.name) for one in resources] == [
        ("ace://images/1", "@1"),
        ("ace://images/2", "@2"),
    ]
    [content] = (await session.read_resource(AnyUrl("ace://images/1"))).contents
    assert content.mimeType == "image/png"
    assert base64.b64decode(content.blob) == path.read_bytes()  # type: ignore[union-attr]
    with pytest.raises(McpError, match="there is no picture ace://images/9"):
        await session.read_resource(AnyUrl("ace://images/9"))
    templates = (await session.list_resource_templates()).resourceTemplates
    assert templates[0].uriTemplate == "ace://images/{number}"

    prompts = (await session.list_prompts()).prompts
    assert [prompt.name for prompt in prompts] == ["make_picture"]
    prompt = await session.get_prompt("make_picture", {"goal": "a fox at night"})
    assert "a fox at night" in prompt.messages[0].content.text  # type: ignore[union-attr]

    for name, wrong, words in [
        ("edit_image", {"instruction": "x", "image": "/etc/passwd"}, "not a path inside the workspace"),
        ("edit_image", {"instruction": "x", "task": "edit_colour"}, "near matches: edit_color"),
        (
            "create_image",
            {"seed": "x"},
            "seed: input should be a valid integer, unable to parse string as an integer; description: is missing",
        ),
        ("paint", {}, "there is no tool 'paint'; there are create_image"),
    ]:
        refused = await session.call_tool(name, wrong)
        assert refused.isError
        assert words in refused.content[0].text  # type: ignore[union-attr]


async def test_over_standard_input_and_output(workspace: Path) -> None:
    async with stdio(workspace) as session:
        await check_everything(session, workspace)
    [row] = conversations(workspace)
    assert row.name.startswith("mcp-") and row.turns == 2


async def test_a_named_conversation_goes_on_and_answers_without_pictures(pool: SessionPool) -> None:
    for number in (1, 2):
        server = AceServer(pool, conversation="mine", images="path")
        async with connected(server.mcp) as session:
            made = await session.call_tool("create_image", {"description": "a red car"})
            assert [block.type for block in made.content] == ["text"]
            assert made.content[0].text.startswith(f"Made @{number} ")  # type: ignore[union-attr]


async def test_a_cancelled_request_stops_and_the_next_one_runs(pool: SessionPool, pipeline: Any) -> None:
    pipeline.seconds_per_step = 0.05
    begun = asyncio.Event()

    async def listen(progress: float, total: float | None, message: str | None) -> None:
        begun.set()

    async with connected(AceServer(pool, conversation="mine").mcp) as session:
        given = {"description": "a red car", "steps": 1000}
        call = asyncio.create_task(session.call_tool("create_image", given, progress_callback=listen))
        await asyncio.wait_for(begun.wait(), 60)
        request = types.CancelledNotificationParams(requestId=session._request_id - 1, reason="enough")
        await session.send_notification(types.ClientNotification(types.CancelledNotification(params=request)))
        with pytest.raises(McpError):
            await asyncio.wait_for(call, 60)
        made = await asyncio.wait_for(session.call_tool("create_image", {"description": "a blue car"}), 60)
        assert not made.isError
    with pool.session("mine") as session:
        assert [turn.status for turn in session.agent.turns(everything=True)] == ["stopped", "done"]


async def test_over_http_each_client_has_a_conversation_of_its_own(workspace: Path, http: str) -> None:
    assert http.startswith("http://127.0.0.1:")
    async with over_http(http) as session:
        await check_everything(session, workspace)
        async with over_http(http) as other:
            made = await other.call_tool("create_image", {"description": "a blue car"})
            assert made.structuredContent is not None
            assert made.structuredContent["images"][0]["id"] == "@1"
    assert sorted(row.turns for row in conversations(workspace)) == [1, 2]
    await check_the_guard(http)


async def check_the_guard(url: str) -> None:
    """Everything that is to stay outside, against the server itself."""
    hello = {
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}
        },
    }  # fmt: skip
    good = {"Authorization": f"Bearer {TOKEN}", "Accept": "application/json, text/event-stream"}
    async with httpx.AsyncClient() as client:

        async def status(**headers: str) -> int:
            return (await client.post(url, json=hello, headers={**good, **headers})).status_code

        assert await status() == 200
        port = url.split(":")[2].split("/")[0]
        assert await status(Origin=f"http://localhost:{port}") == 200
        assert await status(Origin="https://evil.example") == 403
        assert await status(Origin="null") == 403
        assert await status(Origin="http://127.0.0.1.evil.example") == 403
        assert await status(Host=f"evil.example:{port}") == 421
        assert await status(Authorization="Bearer wrong") == 401
        assert await status(Authorization="") == 401
        large = await client.post(url, content=b"x" * (MAX_BODY + 1), headers=good)
        assert large.status_code == 413 and "1,000,000 bytes" in large.json()["error"]

        async def unmeasured() -> AsyncIterator[bytes]:
            for _ in range(MAX_BODY // 1000 + 1):
                yield b"x" * 1000

        assert (await client.post(url, content=unmeasured(), headers=good)).status_code == 413
        assert await status() == 200
    with socket.socket() as probe, pytest.raises(OSError):
        probe.settimeout(2)
        probe.connect((_other_address(), int(port)))


def _other_address() -> str:
    """An address of this machine that is not the one that is served; 127.0.0.2 is one on Linux."""
    return "127.0.0.2"


async def test_no_more_requests_than_allowed() -> None:
    inside, leave = asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        inside.set()
        await leave.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    transport = httpx.ASGITransport(app=Guard(app, TOKEN, max_requests=1))  # type: ignore[arg-type]
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as client:
        first = asyncio.create_task(client.get("/mcp"))
        await inside.wait()
        refused = await client.get("/mcp")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
        leave.set()
        assert (await first).status_code == 204
        assert (await client.get("/mcp")).status_code == 204


async def test_no_more_jobs_than_allowed(pool: SessionPool) -> None:
    server = AceServer(pool, max_jobs=0)
    refused = await server.call("create_image", {"description": "a red car"})
    assert refused.isError
    assert "calls are waiting already" in refused.content[0].text  # type: ignore[union-attr]


async def test_a_taken_port_is_refused_in_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(AceError, match=f"port {port} cannot be used: Address already in use: choose"):
            bound(port)


@pytest.mark.parametrize("given", [None, "", "a-token-of-my-own"])
async def test_the_command_draws_a_token_unless_it_is_given_one(
    monkeypatch: pytest.MonkeyPatch, workspace: Path, given: str | None
) -> None:
    served: list[tuple[AceServer, str]] = []

    def serve(server: AceServer, token: str, at: socket.socket, announce: Callable[[], object]) -> None:
        served.append((server, token))
        announce()

    monkeypatch.setattr("ace_tools.mcp.command.serve_http", serve)
    options = ["--http", "--port", "0", "--workspace", str(workspace)]
    options += [] if given is None else ["--token", given]
    done = CliRunner().invoke(command, options, catch_exceptions=False)
    [(server, token)] = served
    assert server.pool.workspace == workspace
    assert re.search(r"serving http://127\.0\.0\.1:\d+/mcp", done.output)
    assert (token == given) if given else len(token) >= 32
    assert (token in done.output) is not bool(given), "a token from elsewhere is not printed"
