"""A language model's proposal takes the pictures, masks and settings that the request itself names."""

from __future__ import annotations

import random

import pytest

from ace_agent.errors import PlanError
from ace_agent.plan import Plan, Region, problems
from ace_agent.plan.tasks import TASKS
from ace_agent.planner.interface import Context
from ace_agent.planner.proposal import ProposedPlan, ProposedStep
from ace_agent.planner.resolver import resolve
from ace_agent.planner.rules.grounding import ground
from ace_agent.planner.rules.parsed_request import ParsedRequest
from ace_agent.planner.rules.rule_planner import propose
from tests.planner.proposals import conversation, proposal, step

FARM = conversation("a barn", "the barn at night", "a tractor")


def grounded(request: str, *steps: ProposedStep, context: Context = FARM) -> Plan:
    return resolve(ground(proposal(*steps), ParsedRequest(request, context)), context)


def test_a_single_named_picture_wins_over_the_model_s() -> None:
    assert grounded("the first one without colour", step("grayscale", "@3")).steps[0].images == ("@1",)


def test_each_step_takes_its_pictures_from_its_own_clause() -> None:
    request = ParsedRequest("on @1 paint the roof red, then on @2 put a moon in the sky", FARM)
    proposed = proposal(
        step("edit_color", "@2", words="paint the roof red"), step("add", "@1", words="a moon")
    )
    plan = resolve(ground(proposed, request, propose(request)), FARM)
    assert [(s.task, s.images) for s in plan.steps] == [("edit_color", ("@1",)), ("add", ("@2",))]


def test_sizes_and_counts_are_read_from_the_request() -> None:
    (made,) = grounded(
        "three versions of a fox at 256x320, seed 5",
        step("text_to_image", words="a fox"),
        context=conversation(),
    ).steps
    assert (made.variations, made.size, made.seed) == (3, (256, 320), 5)


def test_widening_takes_its_side_from_the_request() -> None:
    assert grounded("make it wider on the left", step("outpaint")).steps[0].mask == Region(side="left")


def test_a_refusal_and_a_goto() -> None:
    request = ParsedRequest("back to the barn", FARM)
    with pytest.raises(PlanError):
        ground(ProposedPlan(), request)
    assert ground(ProposedPlan(goto="@2"), request) == ProposedPlan(goto="@2")


def test_random_proposals_make_plans_that_run_or_refusals() -> None:
    """Whatever a model writes, the plan passes every check, or there is one line that says why there is none."""
    draw = random.Random(3)
    references = ["@1", "@2", "@3", "@4", "$1", "$2", "$5", "input"]
    known = conversation("a barn", "mask of the door", "a tractor")
    request = ParsedRequest("make the second one nicer", known)
    for _ in range(400):
        steps = [
            step(
                draw.choice(sorted(TASKS)),
                *draw.sample(references, draw.randint(0, 4)),
                mask=draw.choice([None, "@2", "$1"]),
                words=draw.choice(["", "a red hat"]),
            )
            for _ in range(draw.randint(1, 4))
        ]
        try:
            plan = resolve(ground(proposal(*steps), request), known)
        except PlanError as refusal:
            assert "\n" not in str(refusal)
            continue
        assert not problems(plan, images=["@1", "@2", "@3"], inputs=0, files=False)
