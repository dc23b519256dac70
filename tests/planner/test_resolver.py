"""What is made of a model's script: right pictures, arity, masks; nothing that could not run."""

from __future__ import annotations

import random

import pytest

from ace_agent.errors import PlanError
from ace_agent.plan import problems
from ace_agent.plan.tasks import TASKS
from ace_agent.planner.interface import Context, KnownImage
from ace_agent.planner.llm.plan_language import Line, Script
from ace_agent.planner.resolver import resolve
from ace_agent.planner.rules.rule_planner import RulePlanner


def context(*captions: str) -> Context:
    images = tuple(
        KnownImage(f"@{n}", "mask" if c.startswith("mask") else "image", c, n)
        for n, c in enumerate(captions, 1)
    )
    path = tuple(i.id for i in images if i.kind == "image")
    return Context(images, path[-1] if path else None, path)


FARM = ("a barn", "the barn at night", "a tractor")


def test_missing_pictures_are_filled_in_and_unknown_ones_dropped() -> None:
    script = Script((Line("edit_color", ("@9",), None, "make it red"), Line("add", (), None, "a cow")))
    plan = resolve(script, "make it red and add a cow", context(*FARM))
    assert [s.images for s in plan.steps] == [("@3",), ("$1",)]


def test_a_single_named_picture_wins_over_the_model_s() -> None:
    plan = resolve(Script((Line("grayscale", ("@3",)),)), "the first one without colour", context(*FARM))
    assert plan.steps[0].images == ("@1",)


def test_each_step_takes_its_pictures_from_its_own_clause() -> None:
    request = "on @1 paint the roof red, then on @2 put a moon in the sky"
    script = Script(
        (Line("edit_color", ("@2",), None, "paint the roof red"), Line("add", ("@1",), None, "a moon"))
    )
    known = context(*FARM)
    plan = resolve(script, request, known, RulePlanner().propose(request, known))
    assert [(s.task, s.images) for s in plan.steps] == [("edit_color", ("@1",)), ("add", ("@2",))]


def test_sizes_and_counts_are_read_from_the_request() -> None:
    plan = resolve(
        Script((Line("text_to_image", (), None, "a fox"),)),
        "three versions of a fox at 256x320, seed 5",
        context(),
    )
    (step,) = plan.steps
    assert (step.variations, step.size, step.seed) == (3, (256, 320), 5)


def test_a_mask_is_found_or_the_refusal_says_what_to_do() -> None:
    script = Script((Line("inpaint", ("@1",), None, "a pond"),))
    plan = resolve(script, "a pond there", context("a meadow", "mask of the grass"))
    assert plan.steps[0].mask == "@2"
    with pytest.raises(PlanError, match="mask"):
        resolve(script, "a pond there", context("a meadow"))


def test_refusals_and_goto() -> None:
    with pytest.raises(PlanError):
        resolve(Script(), "hm", context(*FARM))
    assert resolve(Script(goto="@2"), "back", context(*FARM)).goto == "@2"
    with pytest.raises(PlanError, match="@7"):
        resolve(Script(goto="@7"), "back", context(*FARM))


def test_random_scripts_make_plans_that_run_or_refusals() -> None:
    """Whatever a model writes, the plan passes every check, or there is one line saying why there is none."""
    draw = random.Random(3)
    references = ["@1", "@2", "@3", "@4", "$1", "$2", "$5", "input"]
    known = context("a barn", "mask of the door", "a tractor")
    for _ in range(400):
        lines = tuple(
            Line(
                draw.choice(sorted(TASKS)),
                tuple(draw.sample(references, draw.randint(0, 4))),
                draw.choice([None, "@2", "$1"]),
                draw.choice(["", "a red hat"]),
            )
            for _ in range(draw.randint(1, 4))
        )
        try:
            plan = resolve(Script(lines), "make the second one nicer", known)
        except PlanError as refusal:
            assert "\n" not in str(refusal)
            continue
        assert not problems(plan, images=["@1", "@2", "@3"], inputs=0, files=False)
