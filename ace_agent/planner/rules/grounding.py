"""A language model's steps grounded in the request: with the pictures, masks and settings that its words name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ace_agent.errors import PlanError
from ace_agent.plan.tasks import CATALOGUE
from ace_agent.planner.proposal import ProposedPlan, ProposedStep
from ace_agent.planner.resolver import complete
from ace_agent.planner.rules import refusals
from ace_agent.planner.rules.parsed_request import ParsedRequest
from ace_agent.planner.rules.places import outpaint_region
from ace_agent.planner.rules.rule_planner import RuleProposal
from ace_agent.planner.rules.steps import MULTI_IMAGE, ClauseStep, build


def ground(proposed: ProposedPlan, request: ParsedRequest, rules: RuleProposal | None = None) -> ProposedPlan:
    """A model's proposal with what the request says of pictures, sizes, seeds and counts.

    The model decides tasks and words. Where the rules find as many steps as the model, each step takes its pictures
    from its own clause.

    Args:
        proposed: what the model proposes.
        request: the request.
        rules: what the rules propose, if they propose anything.

    Raises:
        PlanError: the model proposes nothing, or a step that cannot run.
    """
    if not proposed.steps:
        if proposed.goto is None:
            raise refusals.nothing_found(request.text)
        return ProposedPlan(goto=proposed.goto)
    own = rules.steps if rules is not None and len(rules.steps) == len(proposed.steps) else ()
    settings, steps = request.settings, list[ClauseStep]()
    for at, step in enumerate(proposed.steps):
        clause_step = _by_clause(step, own[at], request, steps) if own else None
        steps.append(clause_step or _by_words(step, request, steps, alone=len(proposed.steps) == 1))
    return ProposedPlan(
        steps=tuple(item.step for item in steps),
        goto=rules.goto if rules is not None and own else None,
        settings=settings,
    )


def _by_clause(
    step: ProposedStep, own: ClauseStep, request: ParsedRequest, earlier: Sequence[ClauseStep]
) -> ClauseStep | None:
    """The model's task with the pictures of its clause; None if that is not one step."""
    if own.clause is None:
        return None
    if own.task == step.task:
        merged = own.step.options | step.options
        return replace(own, step=own.step.model_copy(update={"options": merged}))
    if CATALOGUE[step.task].family == "operations":
        return None
    try:
        built = build(step.task, own.clause, request.images, earlier)
    except PlanError:
        return None
    return built[0] if len(built) == 1 else None


def _by_words(
    step: ProposedStep, request: ParsedRequest, earlier: Sequence[ClauseStep], *, alone: bool
) -> ClauseStep:
    """The model's step, its pictures named once each. If the request has one step and names one picture, it is that."""
    images = tuple(dict.fromkeys(step.images))
    named = request.named
    if alone and len(named) == 1 and step.task not in MULTI_IMAGE:
        masks = {mask.id for mask in request.images.masks}
        images = (*named, *(i for i in images if i in masks))
    step = step.model_copy(update={"images": images})
    done = complete(step, request.context, [item.step for item in earlier], named)
    if done.task == "outpaint" and done.mask is None:
        done = done.model_copy(update={"mask": outpaint_region(request.mentions)})
    return ClauseStep(done, done.images[0] if done.images else None)
