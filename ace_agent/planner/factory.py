"""Which planner: by name."""

from __future__ import annotations

from ace_agent.errors import PlanError
from ace_agent.planner.interface import Planner

NAMES = ("auto", "rules", "parser", "both")
"""Planners of our own; ``provider:model`` names one of LangChain's."""


def make_planner(name: str = "auto") -> Planner:
    """A planner by its name.

    Args:
        name: ``rules``; ``parser``, the small model that ships with the package, alone; ``both``, the rules for plain
            requests and the parser for all others, and the rules alone, with one notice, where it cannot be loaded;
            ``auto``, the same, but quietly the rules where the package has no parser; or ``provider:model`` for any
            chat model of LangChain's ``init_chat_model``.

    Planners with a model have ``preload()``, which begins to load it in the background.

    Raises:
        PlanError: for a name that is none of these.
        ModelError: for a provider that is not installed.
    """
    if name == "auto":
        from ace_agent.planner.parser.weights import folder

        name = "rules" if folder() is None else "both"
    if name == "rules":
        from ace_agent.planner.rules.rule_planner import RulePlanner

        return RulePlanner()
    if name == "parser":
        from ace_agent.planner.parser.planner import ParserPlanner

        return ParserPlanner()
    if name == "both":
        from ace_agent.planner.parser.hybrid import HybridPlanner

        return HybridPlanner()
    if ":" in name:
        from ace_agent.planner.llm.chat_model import ChatPlanner

        return ChatPlanner(name)
    raise PlanError(f"there is no planner {name!r}", f"take one of {', '.join(NAMES)}, or provider:model")
