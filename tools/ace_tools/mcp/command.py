"""`ace mcp`: the tools for any MCP client, over standard input and output or HTTP on this machine."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import click

from ace_agent.cli.ui import options
from ace_agent.engines.runtime import Runtime

if TYPE_CHECKING:
    import socket

    from ace_tools.mcp.server import AceServer

PORT = 8765


@click.command("mcp", short_help="Serve the tools over MCP.")
@click.option("--http", "over_http", is_flag=True, help="Serve HTTP on 127.0.0.1 instead of standard input.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=PORT,
    show_default=True,
    help="With --http; 0: any free one.",
)
@click.option(
    "--token", envvar="ACE_MCP_TOKEN", show_envvar=True, metavar="TEXT",
    help="With --http: what a client must send; default: drawn and printed.",
)  # fmt: skip
@click.option(
    "--images", type=click.Choice(["inline", "path"]), default="inline", show_default=True,
    help="Show pictures to the client's model, or only name their files.",
)  # fmt: skip
@options.conversation
@options.workspace
@options.model
@options.runtime
@options.planner
def command(
    over_http: bool,
    port: int,
    token: str | None,
    images: str,
    conversation: str | None,
    workspace: Path | None,
    model: str,
    runtime: Runtime,
    planner: str,
) -> None:
    """Serve the tools over MCP.

    Without -c every client gets a new conversation of its own. Clients may read pictures inside the workspace
    and nothing else of this machine.
    """
    server = _server(workspace, model, runtime, planner, conversation, images)
    if not over_http:
        serve_stdio(server)
        return
    drawn = token or secrets.token_urlsafe(24)
    listening = bound(port)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"

    def announce() -> None:
        click.echo(f"ace: serving {url}", err=True)
        if not token:
            click.echo(f"ace: clients must send: Authorization: Bearer {drawn}", err=True)

    serve_http(server, drawn, listening, announce)


def _server(
    workspace: Path | None,
    model: str,
    runtime: Runtime,
    planner: str,
    conversation: str | None,
    images: str,
) -> AceServer:
    from ace_agent.errors import AceError
    from ace_tools.sessions import SessionPool

    try:
        from ace_tools.mcp.server import AceServer
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "mcp":
            raise
        raise AceError("MCP is not installed", "pip install 'ace-agent[tools]'") from None
    pool = SessionPool(workspace, model=model, runtime=runtime, planner=planner)
    return AceServer(pool, conversation=conversation, images=cast(Literal["inline", "path"], images))


def serve_stdio(server: AceServer) -> None:
    """Answer the client at the other end of standard input and output, until it closes them."""
    from io import TextIOWrapper

    import anyio
    from mcp.server.stdio import stdio_server

    # A library that prints would end up amid the protocol: the client keeps the real output, all else goes
    # to standard error.
    sys.stdout.flush()
    real = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    async def serve() -> None:
        stdout = anyio.wrap_file(TextIOWrapper(real, encoding="utf-8"))
        async with stdio_server(stdout=stdout) as (incoming, outgoing):
            await server.mcp.run(incoming, outgoing, server.options())

    anyio.run(serve)


def bound(port: int) -> socket.socket:
    """A socket on this machine's own address. Raises AceError where the port is taken."""
    import socket

    from ace_agent.errors import AceError
    from ace_tools.mcp.guard import HOST

    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except OSError as error:
        listening.close()
        raise AceError(
            f"port {port} cannot be used: {error.strerror}", "choose another with --port"
        ) from None
    return listening


def serve_http(
    server: AceServer, token: str, listening: socket.socket, announce: Callable[[], object]
) -> None:
    """Answer HTTP until Ctrl-C; `announce` is called once clients can connect."""
    from ace_tools.mcp.http import web_server

    web_server(server, token, announce).run(sockets=[listening])
