"""ace-agent: make and edit pictures by talking."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ace_agent.agent import Agent

__version__ = "0.1.0"
__all__ = ["Agent", "__version__"]


def __getattr__(name: str) -> object:
    # `ace --help` imports this package and must not wait for pydantic or sqlite.
    if name == "Agent":
        from ace_agent.agent import Agent

        return Agent
    raise AttributeError(f"module 'ace_agent' has no attribute {name!r}")
