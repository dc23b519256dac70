"""What a request leaves as it is."""

from __future__ import annotations

import pytest

from ace_agent.plan import Region
from ace_agent.planner.factory import make_planner
from ace_agent.planner.interface import Context, KnownImage
from ace_agent.planner.rules.limits import left_alone

PHOTO = Context((KnownImage("@1", "image", "cat.jpg", 1, width=256, height=256),), "@1", ("@1",))


@pytest.mark.parametrize(
    ("text", "thing"),
    [
        ("brighten everything but the cat", "the cat"),
        ("make everything black and white except the red car", "the red car"),
        ("darken all but the cat, please", "the cat"),
        ("brighten the picture, but leave the cat as it is", "the cat"),
        ("keep the sky, blur the rest", "the sky"),
        ("everything but the cat in black and white", "the cat"),
        ("make it warmer but not the table", "the table"),
        ("make it night", ""),
        ("nothing but blue sky", ""),
        ("put a hat on the dog and keep it", "it"),
    ],
)
def test_the_thing_that_is_left_alone(text: str, thing: str) -> None:
    assert left_alone(text) == thing


@pytest.mark.parametrize(
    "request_",
    ["brighten everything but the cat", "make it darker, but leave the cat as it is", "sepia except the cat",
     "brighten all but the cat please"],
)  # fmt: skip
@pytest.mark.parametrize("planner", ["rules", "parser", "auto"])
def test_a_step_is_kept_off_it(planner: str, request_: str) -> None:
    """ "Brighten everything but the cat" brightened the cat, too."""
    (step,) = make_planner(planner).plan(request_, PHOTO).steps
    assert step.mask == Region(words="the cat", inverted=True)
