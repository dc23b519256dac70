"""Whatever is proposed, the plan has pictures that exist, as many as its tasks take, and masks; or there is none."""

from __future__ import annotations

import random

import pytest

from ace_agent.errors import PlanError
from ace_agent.plan import problems
from ace_agent.plan.tasks import TASKS
from ace_agent.planner.proposal import ProposedPlan, RequestSettings
from ace_agent.planner.resolver import complete, resolve
from tests.planner.proposals import conversation, proposal, step

FARM = conversation("a barn", "the barn at night", "a tractor")


def test_missing_pictures_are_filled_in_and_unknown_ones_dropped() -> None:
    plan = resolve(proposal(step("edit_color", "@9", words="make it red"), step("add", words="a cow")), FARM)
    assert [s.images for s in plan.steps] == [("@3",), ("$1",)]
    assert [s.images for s in resolve(proposal(step("fuse_layers", "@1", "$4")), FARM).steps] == [
        ("@1", "@3")
    ]


def test_pictures_that_the_request_names_are_filled_in_first() -> None:
    assert complete(step("fuse_layers"), FARM, [], ["@2"]).images == ("@2", "@3")


def test_handed_over_pictures_exist_and_come_first() -> None:
    handed = conversation("a barn", inputs=2)
    assert resolve(proposal(step("grayscale")), handed).steps[0].images == ("input",)
    assert resolve(proposal(step("fuse_layers", "input1", "input2", "@1")), handed).steps[0].images == (
        "input1",
        "@1",
    )


def test_more_pictures_than_a_task_takes_are_dropped() -> None:
    assert resolve(proposal(step("grayscale", "@2", "@1")), FARM).steps[0].images == ("@2",)


def test_too_few_pictures_are_refused() -> None:
    with pytest.raises(PlanError, match="no picture to work on"):
        resolve(proposal(step("grayscale")), conversation())
    with pytest.raises(PlanError, match="needs 2 pictures"):
        resolve(proposal(step("face_swap")), conversation("a portrait"))


def test_a_mask_is_found_or_the_refusal_says_what_to_do() -> None:
    inpaint = proposal(step("inpaint", "@1", words="a pond"))
    assert resolve(inpaint, conversation("a meadow", "mask of the grass")).steps[0].mask == "@2"
    with pytest.raises(PlanError, match="mask"):
        resolve(inpaint, conversation("a meadow"))
    segmented = resolve(proposal(step("segment", "@1"), step("inpaint", "@1")), conversation("a meadow"))
    assert segmented.steps[1].mask == "$1"


def test_words_become_an_instruction_and_an_instruction_stays() -> None:
    plan = resolve(
        proposal(step("add", "@1", words="a red hat"), step("add", "$1", words="Put a cow in {image}.")), FARM
    )
    assert [s.instruction for s in plan.steps] == ["Add a red hat to {image}.", "Put a cow in {image}."]


def test_size_goes_to_the_new_picture_and_variations_to_the_last_step() -> None:
    settings = RequestSettings(size=(256, 320), seed=5, variations=3)
    steps = (step("text_to_image", words="a fox"), step("grayscale"))
    plan = resolve(ProposedPlan(steps=steps, settings=settings), conversation())
    assert [(s.size, s.seed, s.variations) for s in plan.steps] == [((256, 320), 5, 1), (None, 5, 3)]


def test_a_goto_must_exist_and_nothing_at_all_is_refused() -> None:
    assert resolve(ProposedPlan(goto="@2"), FARM).goto == "@2"
    with pytest.raises(PlanError, match="@7"):
        resolve(ProposedPlan(goto="@7"), FARM)
    with pytest.raises(PlanError, match="names nothing"):
        resolve(ProposedPlan(), FARM)


def test_random_proposals_make_plans_that_run_or_refusals() -> None:
    draw = random.Random(3)
    references = ["@1", "@2", "@3", "@4", "$1", "$2", "$5", "$x", "input"]
    known = conversation("a barn", "mask of the door", "a tractor")
    for _ in range(400):
        steps = [
            step(
                draw.choice(sorted(set(TASKS) - {"outpaint"})),
                *draw.sample(references, draw.randint(0, 4)),
                mask=draw.choice([None, "@2", "$1"]),
                words=draw.choice(["", "a red hat"]),
            )
            for _ in range(draw.randint(1, 4))
        ]
        try:
            plan = resolve(proposal(*steps), known)
        except PlanError as refusal:
            assert "\n" not in str(refusal)
            continue
        assert not problems(plan, images=["@1", "@2", "@3"], inputs=0, files=False)
