"""Rules and language model together: the model proposes tasks and words where the rules are not sure."""

from __future__ import annotations

import threading

from ace_agent.errors import ModelError, PlanError
from ace_agent.plan import Plan
from ace_agent.planner.interface import Context
from ace_agent.planner.llm.embedded import LanguageModelPlanner
from ace_agent.planner.proposal import ProposedPlan
from ace_agent.planner.resolver import resolve
from ace_agent.planner.rules.grounding import ground
from ace_agent.planner.rules.parsed_request import ParsedRequest
from ace_agent.planner.rules.refusals import FOUND_NOTHING
from ace_agent.planner.rules.rule_planner import RuleProposal, is_plain, plan_of, propose


class HybridPlanner:
    """Plans with the rules, and asks the language model where they are not sure.

    A plain instruction never waits for the model. If the model cannot be loaded, the rules plan alone, and a note says
    so once.

    Args:
        language: the language model's planner.
    """

    name = "both"

    def __init__(self, language: LanguageModelPlanner) -> None:
        self._language = language
        self._warned = False

    def preload(self) -> threading.Thread:
        """Begins to load the model in the background."""
        return self._language.preload()

    def plan(self, request: str, context: Context) -> Plan:
        """The plan of a request. Raises PlanError, and Question if a phrase fits several pictures."""
        parsed = ParsedRequest(request, context)
        try:
            rules = propose(parsed)
        except PlanError as refusal:
            if refusal.message != FOUND_NOTHING:
                raise
            proposed = self._ask(parsed)
            if proposed is None:
                raise
            try:
                return resolve(ground(proposed, parsed), context)
            except PlanError:
                raise refusal from None
        if rules.exact or ((rules.goto or rules.sure) and is_plain(parsed)):
            return plan_of(rules)
        proposed = self._ask(parsed)
        if proposed is None or rules.sure or not rules.steps or not _adds(proposed, rules):
            return plan_of(rules)
        try:
            return resolve(ground(_keep_sure(proposed, rules), parsed, rules), context)
        except PlanError:
            return resolve(rules.plan, context)

    def _ask(self, request: ParsedRequest) -> ProposedPlan | None:
        """What the model proposes; None if it cannot be asked."""
        try:
            return self._language.propose(request)
        except PlanError:
            return None
        except ModelError as error:
            if not self._warned:
                self._warned = True
                request.context.note(f"planning by rules alone: {error}")
            return None


def _keep_sure(proposed: ProposedPlan, rules: RuleProposal) -> ProposedPlan:
    """The model's proposal with the tasks and pictures that the rules are sure of, if both have as many steps."""
    if len(proposed.steps) != len(rules.steps):
        return proposed
    steps = tuple(
        step.model_copy(update={"task": own.task, "images": own.step.images, "mask": None})
        if own.sure
        else step
        for step, own in zip(proposed.steps, rules.steps, strict=True)
    )
    return proposed.model_copy(update={"steps": steps})


def _adds(proposed: ProposedPlan, rules: RuleProposal) -> bool:
    """Whether the model has other tasks, as many as the rules, or the rules' tasks in order and more.

    A model this small leaves steps out more often than the rules invent one: on the development sets it had left one
    out each time that it wrote fewer.
    """
    written, found = [step.task for step in proposed.steps], [item.task for item in rules.steps]
    if len(written) == len(found):
        return written != found
    rest = iter(written)
    return all(task in rest for task in found)
