"""Options are checked when a plan is read, long before a picture is."""

from __future__ import annotations

import pytest

from ace_agent.errors import PlanError
from ace_agent.plan import Plan
from ace_agent.plan.operations import OPERATIONS, Crop, options_of, ratio
from ace_agent.plan.tasks import CATALOGUE, TASKS


def test_every_operation_of_the_catalogue_has_options() -> None:
    assert set(OPERATIONS) == set(CATALOGUE) - set(TASKS)


@pytest.mark.parametrize(("text", "value"), [("16:9", 16 / 9), ("square", 1), ("3/2", 1.5), ("4x5", 0.8)])
def test_aspect_ratios_as_people_write_them(text: str, value: float) -> None:
    assert ratio(text) == pytest.approx(value)


@pytest.mark.parametrize(
    ("task", "options", "message"),
    [
        ("crop", {"aspct": "1:1"}, "aspct.*crop takes box, aspect"),
        ("crop", {"aspect": "tall"}, "no aspect ratio"),
        ("crop", {"box": [0.5, 0, 0.2, 1]}, "x0 < x1"),
        ("crop", {"cut": {"left": 0.6, "right": 0.5}}, "nothing would be left"),
        ("resize", {}, "width and height"),
        ("resize", {"scale": 2, "longest": 100}, "width and height"),
        ("rotate", {}, "degrees"),
        ("frame", {"color": "grenn"}, "'grenn' is no colour"),
        ("adjust", {}, "give one of brightness"),
        ("filter", {"name": "lomo"}, "name.*sepia"),
        ("upscale", {"factor": 5}, "factor"),
        ("remove", {"strength": 1}, "remove takes no options"),
    ],
)
def test_wrong_options_are_one_line_that_names_them(
    task: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        options_of(task, options)
    assert "\n" not in str(caught.value)
    with pytest.raises(PlanError):
        Plan.parse({"steps": [{"task": task, "images": ["input"], "options": options}]})


def test_a_plan_keeps_its_options_and_a_variable_may_stand_for_one() -> None:
    plan = Plan.parse(
        {
            "vars": {"shape": "1:1"},
            "steps": [{"task": "crop", "images": ["input"], "options": {"aspect": "${shape}"}}],
        }
    ).with_variables({"shape": "16:9"})
    assert Plan.from_json(plan.to_json()).steps[0].options == {"aspect": "16:9"}
    assert options_of("crop", plan.steps[0].options) == Crop(aspect="16:9")
