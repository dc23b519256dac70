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
    from ace_tools.sessions import Studio

__all__ = [
    "AceRunnable",
    "AceTool",
    "AceToolkit",
    "PlannerRunnable",
    "Studio",
    "build_server",
    "open_pictures",
]

_HOMES = {
    "AceRunnable": "runnables",
    "AceTool": "tools",
    "AceToolkit": "toolkit",
    "PlannerRunnable": "runnables",
    "Studio": "studio",
    "build_server": "serving",
    "open_pictures": "results",
}


def __getattr__(name: str) -> object:
    # LangChain's core alone takes half a second to import; whoever only looks must not wait for it.
    if name in _HOMES:
        return getattr(importlib.import_module(f"ace_tools.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'ace_tools' has no attribute {name!r}")
