"""An MCP client of `ace mcp`: any other client does the same.

python examples/mcp_client.py [COMMAND ...]         # default: ace mcp --workspace ace-pictures
"""

from __future__ import annotations

import asyncio
import base64
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from pydantic import AnyUrl


async def show_progress(progress: float, total: float | None, message: str | None) -> None:
    print(f"{progress:.0%} {message}")


async def main(command: list[str]) -> None:
    server = StdioServerParameters(command=command[0], args=command[1:])
    async with stdio_client(server) as (incoming, outgoing), ClientSession(incoming, outgoing) as session:
        await session.initialize()
        print("tools:", ", ".join(tool.name for tool in (await session.list_tools()).tools))
        made = await session.call_tool(
            "create_image",
            {"description": "a red car in a meadow", "seed": 7},
            progress_callback=show_progress,
        )
        for block in made.content:
            print(block.text if block.type == "text" else f"a block of {block.type}")
        wrong = await session.call_tool("edit_image", {"instruction": "make it blue", "image": "@99"})
        print("error" if wrong.isError else "done", wrong.content[0].text)
        [content] = (await session.read_resource(AnyUrl("ace://images/1"))).contents
        print(f"ace://images/1 is {len(base64.b64decode(content.blob)):,} bytes of {content.mimeType}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:] or ["ace", "mcp", "--workspace", "ace-pictures"]))
