"""Which planner: by name."""

from __future__ import annotations

from ace_agent.errors import PlanError
from ace_agent.planner import Planner

NAMES = ("auto", "rules", "embedded", "both")
"""Planners of our own; ``provider:model`` names one of LangChain's."""


def make_planner(name: str = "auto") -> Planner:
    """A planner by its name.

    Args:
        name: ``rules``; ``embedded``, the language model with the rules' references; ``both``, the two halves together;
            ``auto``, both where the language model is at hand and else the rules; or ``provider:model`` for any chat
            model of LangChain's ``init_chat_model``.

    Raises:
        PlanError: for a name that is none of these, or a provider that is not installed.
    """
    if name in ("rules", "auto"):
        from ace_agent.planner.rules import RulePlanner

        return RulePlanner()
    raise PlanError(f"there is no planner {name!r}", f"take one of {', '.join(NAMES)}, or provider:model")
