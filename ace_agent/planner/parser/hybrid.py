"""Rules and parser together: short requests that the rules are sure of, and the parser for all others."""

from __future__ import annotations

import threading

from ace_agent.errors import ModelError, PlanError
from ace_agent.plan import Plan
from ace_agent.planner.english.spelling import is_english
from ace_agent.planner.interface import Act, Context, Question
from ace_agent.planner.parser.planner import ParserPlanner, proposal_of
from ace_agent.planner.resolver import resolve
from ace_agent.planner.rules.parsed_request import ParsedRequest
from ace_agent.planner.rules.refusals import NO_SENSE, UnreadLanguage
from ace_agent.planner.rules.rule_planner import RuleProposal, plan_of, propose

SHORT = 12
"""Words of the longest request that the rules plan alone; chosen on the development sets."""


SHORT_FOLLOW_UP = 16
"""The same for a follow-up, whose words were put in full by rule."""


class HybridPlanner:
    """Plans with the rules where a request is short and they are sure of every step, else with the parser.

    Such a request never waits for the parser. If it cannot be loaded, the rules plan alone, and a note says so
    once.

    Args:
        parser: the parser's planner; None: the one that ships with the package.
    """

    name = "both"

    def __init__(self, parser: ParserPlanner | None = None) -> None:
        self._parser = parser or ParserPlanner()
        self._warned = False

    def preload(self) -> threading.Thread:
        """Begins to load the parser in the background."""
        return self._parser.preload()

    def plan(self, request: str, context: Context) -> Plan:
        """The plan of a request. Raises PlanError, Act, and Question if a phrase fits several pictures."""
        parsed = ParsedRequest(request, context)
        rules: RuleProposal | None = None
        refusal: PlanError | None = None
        try:
            rules = propose(parsed)
        except (Act, Question, UnreadLanguage):
            raise
        except PlanError as error:
            refusal = error
            if error.message == NO_SENSE and parsed.language is None and is_english(parsed.asked):
                raise
        told = rules is not None and (rules.goto or rules.sure or rules.ambiguous or _describes(rules))
        if rules is not None and told and _is_short(parsed):
            return plan_of(rules)
        try:
            read = self._parser.read(parsed)
        except ModelError as error:
            if not self._warned:
                self._warned = True
                context.note(f"planning by rules alone: {error}")
            if rules is None:
                raise refusal or error from None
            return plan_of(rules)
        if rules is not None and rules.steps and [step.name for step in read.steps] == ["ask"]:
            if not rules.ambiguous:
                context.note(
                    "this may be meant in several ways; if it is wrong, undo, and name the picture or the thing"
                )
            return plan_of(rules)
        return resolve(proposal_of(read, parsed, rules), context)


_BEGINNINGS = frozenset(("a", "an", "some", "two", "three", "draw", "paint", "sketch", "create", "generate"))


def _describes(rules: RuleProposal) -> bool:
    """Whether a request is nothing but the description of a new picture."""
    first = rules.request.words[0].text
    return [step.task for step in rules.steps] == ["text_to_image"] and first in _BEGINNINGS


def _is_short(request: ParsedRequest) -> bool:
    words = SHORT_FOLLOW_UP if request.follows_up else SHORT
    return len(request.asked.split()) <= words and "?" not in request.asked
