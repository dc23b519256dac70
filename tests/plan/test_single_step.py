"""The plan of one task that the caller chose."""

from __future__ import annotations

import pytest

from ace_agent.errors import PlanError
from ace_agent.plan.single_step import single_step_plan


@pytest.mark.parametrize(
    ("instruction", "images", "wanted"),
    [
        ("a red fox", (), "a red fox"),
        ("make it blue.", ("@3",), "make it blue: {image}."),
        ("Paint {image} blue", ("@3",), "Paint {image} blue"),
    ],
)
def test_indicators_are_added_where_they_are_left_out(
    instruction: str, images: tuple[str, ...], wanted: str
) -> None:
    task = "edit_color" if images else "text_to_image"
    [step] = single_step_plan(task, instruction, images).steps
    assert (step.images, step.instruction) == (images, wanted)


def test_without_words_the_catalogue_has_an_example() -> None:
    [step] = single_step_plan("edit_color", "", ("@3",)).steps
    assert "{image}" in step.instruction


@pytest.mark.parametrize(
    ("task", "hint"),
    [
        ("edit_colour", r"near matches: edit_color"),
        ("depth map please", r"near matches: .*depth"),
        ("qqqq", r"or take one of text_to_image"),
    ],
)
def test_a_wrong_task_names_the_ones_that_may_be_meant(task: str, hint: str) -> None:
    with pytest.raises(PlanError, match=hint):
        single_step_plan(task, "x", ("@1",))
