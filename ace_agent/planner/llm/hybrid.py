"""Both halves together: the rules where they are sure, the language model's tasks and words where they are not."""

from __future__ import annotations

import threading

from ace_agent.errors import ModelError, PlanError
from ace_agent.plan import Plan
from ace_agent.planner.interface import Context, Question
from ace_agent.planner.llm.embedded import LanguageModelPlanner
from ace_agent.planner.llm.plan_language import Script
from ace_agent.planner.resolver import resolve
from ace_agent.planner.rules import refusals
from ace_agent.planner.rules.rule_planner import Proposal, RulePlanner, finish, needs_planning


class HybridPlanner:
    """Rules and language model together.

    One plain instruction never waits for the model. Where the model cannot be loaded, the rules answer alone and say
    so once.

    Args:
        language: the language model's planner.
    """

    name = "both"

    def __init__(self, language: LanguageModelPlanner) -> None:
        self._rules = RulePlanner()
        self._language = language
        self._told = False

    def preload(self) -> threading.Thread:
        """Begins to load the model in the background."""
        return self._language.preload()

    def plan(self, request: str, context: Context) -> Plan:
        """The plan of a request. Raises PlanError, and Question when a phrase fits several pictures."""
        text = refusals.check_text(request)
        refusals.check_purpose(text)
        proposal, refusal = self._propose(request, context)
        if proposal is not None and (proposal.goto or proposal.sure) and not needs_planning(request):
            return self._rules.plan(request, context)
        if refusal is not None and not _soft(refusal):
            raise refusal
        try:
            script = self._language.script(request, context)
        except (ModelError, PlanError) as error:
            if isinstance(error, ModelError) and not self._told:
                self._told = True
                context.note(f"planning by rules alone: {error}")
            return self._rules.plan(request, context)
        return self._combined(script, proposal, refusal, request, context)

    def _propose(self, request: str, context: Context) -> tuple[Proposal | None, PlanError | None]:
        try:
            return self._rules.propose(request, context), None
        except Question:
            raise
        except PlanError as refusal:
            return None, refusal

    def _combined(
        self,
        script: Script,
        proposal: Proposal | None,
        refusal: PlanError | None,
        request: str,
        context: Context,
    ) -> Plan:
        if proposal is None:
            try:
                return resolve(script, request, context)
            except PlanError:
                raise (refusal or refusals.refuse(request)) from None
        found, written = [d.task for d in proposal.drafts], [line.task for line in script.lines]
        if proposal.sure or not found or not _adds(written, found):
            return self._rules.plan(request, context)
        if len(proposal.drafts) == len(script.lines):
            # keep the tasks that the rules are sure of, take the model's for the others
            lines = [
                line if not own.sure else type(line)(own.task, own.images, None, line.text)
                for line, own in zip(script.lines, proposal.drafts, strict=True)
            ]
            script = Script(tuple(lines))
        try:
            return resolve(script, request, context, proposal)
        except PlanError:
            return finish(proposal.drafts, proposal.goto, proposal.settings, context)


def _adds(written: list[str], found: list[str]) -> bool:
    """Whether the model's tasks are others, as many as the rules found, or theirs in order and more.

    A model this small leaves wishes out more often than the rules invent one: on the development sets it had left
    out one each time that it wrote fewer.
    """
    if len(written) == len(found):
        return written != found
    rest = iter(written)
    return all(task in rest for task in found)


def _soft(refusal: PlanError) -> bool:
    """Whether a refusal only means that the rules found nothing, which the model may still do."""
    return refusal.message.startswith("the request names nothing")
