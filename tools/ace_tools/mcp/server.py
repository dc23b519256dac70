"""The operations as an MCP server: tools, the conversation's pictures as resources, and a prompt."""

from __future__ import annotations

import asyncio
import re
import uuid
import weakref
from collections.abc import Iterable
from typing import Any, Literal

import mcp.types as types
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.models import InitializationOptions
from pydantic import AnyUrl, ValidationError

from ace_agent import __version__
from ace_agent.errors import InputError
from ace_agent.execution.executor import PlanProgress
from ace_tools.arguments import explain_validation
from ace_tools.calling import ProgressRelay, acall
from ace_tools.error_text import explain
from ace_tools.operations import OPERATIONS, Operation
from ace_tools.paths import conversation_for
from ace_tools.results import Result, inline_png, origin
from ace_tools.sessions import SessionPool

MAX_JOBS = 8
"""Calls that may wait for the model or run; one more is refused in words."""

SCHEME = "ace://images/"
ABOUT = (
    "Make and edit pictures. Every picture of the conversation has an id like @3 that stays; name pictures by "
    "it. edit_image keeps the original. undo goes back and deletes nothing. A path is one inside the workspace."
)
HOW = """I want this picture: {goal}

Make it with the ace tools. Look at list_images first: there may be a picture to start from. Make or edit one \
thing at a time, look at each result, and undo what did not work out. When the picture is right, give me its id \
and its file."""


class AceServer:
    """The conversations of a pool, served to any number of MCP sessions.

    All sessions share `conversation`; with None, each session gets a new one.
    `images="path"` omits image blocks from results.
    """

    def __init__(
        self,
        pool: SessionPool,
        *,
        conversation: str | None = None,
        images: Literal["path", "inline"] = "inline",
        max_jobs: int = MAX_JOBS,
    ) -> None:
        self.pool = pool
        self.images = images
        self.max_jobs = max_jobs
        self.mcp: Server[Any, Any] = Server("ace", version=__version__, instructions=ABOUT)
        self._conversation = None if conversation is None else conversation_for(conversation)
        self._own: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()
        self._jobs = 0
        self._register()

    def options(self) -> InitializationOptions:
        """The server's capabilities, for the client."""
        return self.mcp.create_initialization_options(NotificationOptions(resources_changed=True))

    def conversation(self) -> str:
        """The conversation of the session whose request is being answered."""
        if self._conversation is not None:
            return self._conversation
        return self._own.setdefault(self.mcp.request_context.session, f"mcp-{uuid.uuid4().hex[:12]}")

    async def call(self, name: str, arguments: dict[str, Any]) -> types.CallToolResult:
        """A tool's result; a failed call returns one with `isError`."""
        operation = OPERATIONS.get(name)
        if operation is None:
            return _refused(f"there is no tool {name!r}; there are {', '.join(OPERATIONS)}")
        waits = not operation.reads
        if waits and self._jobs >= self.max_jobs:
            return _refused(f"{self._jobs} calls are waiting already; try again when one of them is done")
        self._jobs += waits
        try:
            return await self._carry_out(operation, arguments)
        except ValidationError as error:
            return _refused(explain_validation(error))
        except Exception as error:
            return _refused(explain(error, self.pool.workspace))
        finally:
            self._jobs -= waits

    async def _carry_out(self, operation: Operation, arguments: dict[str, Any]) -> types.CallToolResult:
        context = self.mcp.request_context
        token = None if context.meta is None else context.meta.progressToken

        async def send(progress: PlanProgress) -> None:
            await context.session.send_progress_notification(
                token or 0, progress.fraction, 1.0, progress.message, str(context.request_id)
            )

        relay = ProgressRelay(send)
        report = None if token is None else relay.report
        result = await acall(self.pool, self.conversation(), operation, arguments, report)
        await relay.finished()
        if operation.paints:
            await context.session.send_resource_list_changed()
        content = await asyncio.to_thread(self._content, result)
        return types.CallToolResult(content=content, structuredContent=result.artifact())

    def _content(self, result: Result) -> list[types.ContentBlock]:
        blocks: list[types.ContentBlock] = [types.TextContent(type="text", text=result.text)]
        for image in result.images:
            if image.path is not None and self.images == "inline":
                data = inline_png(image)
                blocks.append(types.ImageContent(type="image", data=data, mimeType="image/png"))
        return blocks

    def _register(self) -> None:
        server = self.mcp

        @server.list_tools()
        async def list_tools() -> list[types.Tool]:
            return [_tool(operation) for operation in OPERATIONS.values()]

        @server.list_resources()
        async def list_resources() -> list[types.Resource]:
            conversation = self.conversation()
            return await asyncio.to_thread(self._resources, conversation)

        @server.list_resource_templates()
        async def list_resource_templates() -> list[types.ResourceTemplate]:
            return [
                types.ResourceTemplate(
                    uriTemplate=f"{SCHEME}{{number}}",
                    name="picture",
                    description="a picture of this conversation: @3 is ace://images/3",
                    mimeType="image/png",
                )
            ]

        @server.read_resource()
        async def read_resource(uri: AnyUrl) -> Iterable[ReadResourceContents]:
            conversation = self.conversation()
            png = await asyncio.to_thread(self._read, conversation, str(uri))
            return [ReadResourceContents(content=png, mime_type="image/png")]

        @server.list_prompts()
        async def list_prompts() -> list[types.Prompt]:
            goal = types.PromptArgument(name="goal", description="what the picture is to show", required=True)
            return [
                types.Prompt(
                    name="make_picture", description="Make a picture step by step.", arguments=[goal]
                )
            ]

        @server.get_prompt()
        async def get_prompt(name: str, arguments: dict[str, str] | None) -> types.GetPromptResult:
            goal = (arguments or {}).get("goal", "").strip()
            if name != "make_picture":
                raise ValueError(f"there is no prompt {name!r}; there is make_picture")
            if not goal:
                raise ValueError("make_picture needs its goal: what the picture is to show")
            text = types.TextContent(type="text", text=HOW.format(goal=goal))
            return types.GetPromptResult(messages=[types.PromptMessage(role="user", content=text)])

        async def call_tool(request: types.CallToolRequest) -> types.ServerResult:
            return types.ServerResult(await self.call(request.params.name, request.params.arguments or {}))

        # The SDK's decorator would reject a wrong argument with the schema validator's message instead of ours.
        server.request_handlers[types.CallToolRequest] = call_tool

    def _resources(self, conversation: str) -> list[types.Resource]:
        with self.pool.session(conversation) as session:
            return [
                types.Resource(
                    uri=AnyUrl(f"{SCHEME}{picture.row.number}"),
                    name=picture.id,
                    description=origin(picture),
                    mimeType="image/png",
                )
                for picture in session.agent.pictures()
                if not picture.forgotten
            ]

    def _read(self, conversation: str, uri: str) -> bytes:
        found = re.fullmatch(rf"{SCHEME}(\d{{1,9}})", uri)
        with self.pool.session(conversation) as session:
            for picture in session.agent.pictures():
                if found and picture.row.number == int(found[1]) and not picture.forgotten:
                    return picture.png()
        raise InputError(f"there is no picture {uri} in this conversation", "list the resources")


def build_server(pool: SessionPool, **options: Any) -> AceServer:
    """A server for a pool; `options` as `AceServer` takes them. `ace mcp` runs one."""
    return AceServer(pool, **options)


def _tool(operation: Operation) -> types.Tool:
    return types.Tool(
        name=operation.name,
        title=operation.title,
        description=operation.description,
        inputSchema=operation.arguments.model_json_schema(),
        annotations=types.ToolAnnotations(
            title=operation.title,
            readOnlyHint=operation.reads,
            destructiveHint=False,
            idempotentHint=operation.reads,
            openWorldHint=False,
        ),
    )


def _refused(text: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], isError=True)
