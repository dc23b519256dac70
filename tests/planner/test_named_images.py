"""Pictures that a caller names, whatever the words would rather have."""

from __future__ import annotations

import pytest

from ace_agent.plan import Plan
from ace_agent.planner.factory import make_planner
from ace_agent.planner.interface import Context, KnownImage
from ace_agent.planner.named_images import plan_on
from tests.tiny import plan, step

TALK = Context(
    tuple(
        KnownImage(f"@{n}", "image", text, n, made=True)
        for n, text in enumerate(
            ("a dog on a beach", "a red car in a street", "a woman in a park", "a yellow dress", "a cat on a sofa"), 1
        )
    ),
    "@5",
    ("@1", "@2", "@3", "@4", "@5"),
)  # fmt: skip

CALLS = [
    ("make the car blue", ["@1"], ("@1",)),
    ("remove the cat", ["@2"], ("@2",)),
    ("add a hat to the woman", ["@1"], ("@1",)),
    ("make the dog white", ["@3"], ("@3",)),
    ("the car looks dull, make it night", ["@1"], ("@1",)),
    ("make the first picture black and white", ["@4"], ("@4",)),
    ("crop the car picture to a square", ["@5"], ("@5",)),
    ("combine them", ["@2", "@1"], ("@2", "@1")),
    ("put the woman into the street", ["@5", "@1"], ("@5", "@1")),
    ("dress her in it", ["@1", "@2"], ("@1", "@2")),
    ("side by side", ["@4", "@1"], ("@4", "@1")),
    ("in the style of the second", ["@3", "@1"], ("@3", "@1")),
    ("a castle on a hill", ["@2"], ("@2",)),
]


@pytest.mark.parametrize(("request_", "named", "used"), CALLS)
@pytest.mark.parametrize("planner", ["rules", "auto"])
def test_named_pictures_are_the_ones_that_are_used(
    planner: str, request_: str, named: list[str], used: tuple[str, ...]
) -> None:
    made = plan_on(make_planner(planner), request_, TALK, named)
    assert made.goto is None
    assert {text for s in made.steps for text in s.images if text[0] == "@"} == set(used)
    assert made.steps[0].images[0] in used


def test_a_planner_is_shown_no_other_pictures() -> None:
    seen: list[Context] = []

    class Noting:
        def plan(self, request: str, context: Context) -> Plan:
            seen.append(context)
            return plan(step("remove", context.newest or ""))

    assert plan_on(Noting(), "remove the cat", TALK, ["@2"]).steps[0].images == ("@2",)
    assert [image.id for image in seen[0].pictures] == ["@2"]


def test_words_may_add_a_picture_by_its_id() -> None:
    class Adding:
        def plan(self, request: str, context: Context) -> Plan:
            assert [image.id for image in context.pictures] == ["@3", "@4"]
            return plan(step("try_on", "@3", "@4"))

    assert plan_on(Adding(), "dress her in @4", TALK, ["@3"]).steps[0].images == ("@3", "@4")
