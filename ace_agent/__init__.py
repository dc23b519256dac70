"""ace-agent: make and edit pictures by talking."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ace_agent.agent import Agent, Picture, Turn
    from ace_agent.errors import AceError
    from ace_agent.plan import Plan, Region, Step
    from ace_agent.plan.yaml_file import load_plan

__version__ = "0.1.0"
__all__ = ["AceError", "Agent", "Picture", "Plan", "Region", "Step", "Turn", "__version__", "load_plan"]

_HOMES = {
    "AceError": "errors",
    "Agent": "agent",
    "Picture": "agent",
    "Plan": "plan",
    "Region": "plan",
    "Step": "plan",
    "Turn": "agent",
    "load_plan": "plan.yaml_file",
}


def __getattr__(name: str) -> object:
    # `ace --help` imports this package and must not wait for pydantic or sqlite.
    if name in _HOMES:
        return getattr(importlib.import_module(f"ace_agent.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'ace_agent' has no attribute {name!r}")
