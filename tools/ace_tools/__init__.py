"""Tools that let another agent make and edit pictures: LangChain tools and runnables, and an MCP server."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ace_tools.langchain.runnables import AceRunnable, PlannerRunnable
    from ace_tools.langchain.toolkit import AceToolkit
    from ace_tools.langchain.tools import AceTool
    from ace_tools.mcp.server import build_server
    from ace_tools.results import open_pictures
    from ace_tools.sessions import SessionPool

__all__ = [
    "AceRunnable",
    "AceTool",
    "AceToolkit",
    "PlannerRunnable",
    "SessionPool",
    "build_server",
    "open_pictures",
]

_HOMES = {
    "AceRunnable": "langchain.runnables",
    "AceTool": "langchain.tools",
    "AceToolkit": "langchain.toolkit",
    "PlannerRunnable": "langchain.runnables",
    "SessionPool": "sessions",
    "build_server": "mcp.server",
    "open_pictures": "results",
}


def __getattr__(name: str) -> object:
    # LangChain's core alone takes half a second to import; whoever only looks must not wait for it.
    if name in _HOMES:
        return getattr(importlib.import_module(f"ace_tools.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'ace_tools' has no attribute {name!r}")
