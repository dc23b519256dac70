"""What is filled in of a chat model's plan, and what sends it back."""

from __future__ import annotations

from typing import Any

import pytest

from ace_agent.planner.interface import Context, KnownImage
from ace_agent.planner.llm.completion import completed, fault
from ace_agent.planner.proposal import ProposedPlan
from tests.planner.llm.scripted import FARM, step

MASKED = Context((*FARM.images, KnownImage("@10", "mask")), "@2", ("@1", "@2"))


@pytest.mark.parametrize(
    ("plan", "why"),
    [
        ({"steps": [step("add", "@9")]}, "steps[0].images: there is no @9 at this step; there are: @1, @2"),
        ({"steps": [step("add", "@1"), step("add", "$2")]}, "steps[1].images: there is no $2"),
        ({"steps": [step("add", "@10")]}, "steps[0].images: @10 is a mask; name it in mask"),
        ({"steps": [step("add", "@1", "@2")]}, "steps[0].images: add takes at most 1"),
        ({"steps": [step("text_to_image", "@1")]}, "text_to_image takes at most 0"),
        (
            {"steps": [{**step("inpaint", "@1"), "mask": "@2"}]},
            "there is no mask @2; there are: @10; or give a region",
        ),
        ({"steps": [{**step("add", "@1"), "mask": "@10", "region": "top"}]}, "not both"),
        (
            {"steps": [{**step("text_to_image"), "region": "top"}]},
            "steps[0].region: text_to_image takes none",
        ),
        ({"steps": [step("add", "@1", words="x" * 2001)]}, "steps[0].instruction: has 2001"),
        ({"steps": [step("add", "@1")], "ask": "Which?"}, "ask: give it alone"),
        ({"act": "save", "pictures": ["@7"]}, "pictures[0]: there is no @7"),
        ({"goto": "@10000"}, "goto: there is no picture"),
    ],
)
def test_the_first_field_that_cannot_be(plan: dict[str, Any], why: str) -> None:
    assert why in fault(ProposedPlan.model_validate(plan), MASKED)


def test_there_must_be_something_to_paint_in() -> None:
    plan = ProposedPlan.model_validate({"steps": [step("inpaint", "@1")]})
    assert "steps[0].mask" in fault(plan, FARM)
    assert fault(plan, MASKED) == ""


def completed_step(task: str, request: str, words: str = "", **fields: Any) -> dict[str, Any]:
    (done,) = completed({"steps": [{**step(task, "@1", words=words), **fields}]}, request)["steps"]
    return done


def test_what_is_left_out_is_filled_in() -> None:
    assert completed_step("text_to_image", "a red fox")["instruction"] == "a red fox"
    assert completed_step("flip", "flip it upside down")["options"] == {"direction": "vertical"}
    assert completed_step("outpaint", "more room on the left")["mask"] == {"side": "left"}


def test_what_is_said_stays() -> None:
    assert completed_step("flip", "flip it upside down", options={"direction": "horizontal"})["options"] == {
        "direction": "horizontal"
    }
    assert "mask" not in completed_step("outpaint", "more room on the left", region="right")


def test_the_request_says_no_options_of_one_step_among_several() -> None:
    steps = [step("flip", "@1", words=""), step("flip", "$1", words="vertical")]
    first, second = completed({"steps": steps}, "mirror it and turn it upside down")["steps"]
    assert first["options"] == {}
    assert second["options"] == {"direction": "vertical"}


@pytest.mark.parametrize(
    ("task", "words", "instruction"),
    [
        ("add", "add a red hat to the dog", "Add a red hat to the dog in {image}."),
        ("edit_style", "make it a comic", "Make it a comic in {image}."),
        ("add", "a red hat", "a red hat"),
        ("remove", "Take it from {image}", "Take it from {image}"),
    ],
)
def test_a_verb_is_not_written_twice(task: str, words: str, instruction: str) -> None:
    """It once read "Add add a red hat to the dog to {image}."."""
    assert completed_step(task, "", words)["instruction"] == instruction
