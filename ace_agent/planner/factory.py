"""Which planner: by name."""

from __future__ import annotations

from ace_agent.errors import PlanError
from ace_agent.planner.interface import Planner

NAMES = ("auto", "rules", "embedded", "both")
"""Planners of our own; ``provider:model`` names one of LangChain's."""


def make_planner(name: str = "auto") -> Planner:
    """A planner by its name.

    Args:
        name: ``rules``; ``embedded``, the language model with the rules' references; ``both``, the two halves
            together, and the rules alone, with one notice, where its weights are missing; ``auto``, the same, but
            quietly the rules where the package ships no adapter; or ``provider:model`` for any chat model of
            LangChain's ``init_chat_model``.

    Planners with a language model have ``preload()``, which begins to load it in the background.

    Raises:
        PlanError: for a name that is none of these.
        ModelError: for a provider that is not installed.
    """
    if name == "auto":
        from ace_agent.planner.llm.weights import adapter_folder

        name = "rules" if adapter_folder() is None else "both"
    if name == "rules":
        from ace_agent.planner.rules.rule_planner import RulePlanner

        return RulePlanner()
    if name in ("embedded", "both"):
        from ace_agent.planner.llm.embedded import LanguageModelPlanner

        if name == "embedded":
            return LanguageModelPlanner()
        from ace_agent.planner.llm.hybrid import HybridPlanner

        return HybridPlanner(LanguageModelPlanner())
    if ":" in name:
        from ace_agent.planner.llm.chat_model import ChatPlanner

        return ChatPlanner(name)
    raise PlanError(f"there is no planner {name!r}", f"take one of {', '.join(NAMES)}, or provider:model")
