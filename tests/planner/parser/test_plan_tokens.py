"""The language that the parser writes."""

from __future__ import annotations

import random

import pytest

from ace_agent.plan.tasks import CATALOGUE
from ace_agent.planner.parser.plan_tokens import IDS, MOST_STEPS, SIZE, VOCABULARY, Writer, WrittenStep, write

PICTURES, MASKS, WORDS = [20, 25, 30], [25], (1, 9)


def read(tokens: list[int], *, masked: bool = False) -> list[WrittenStep]:
    """The steps of tokens, each of which must be allowed."""
    writer = Writer(PICTURES, MASKS, WORDS, masked)
    for token in tokens:
        assert token in writer.allowed(), VOCABULARY[token] if token < SIZE else token - SIZE
        writer.take(token)
    assert writer.ended
    return writer.steps


@pytest.mark.parametrize(
    "steps",
    [
        [WrittenStep("remove", None, [20], {"words": (3, 5)})],
        [WrittenStep("text_to_image", 3, [], {"words": (1, 9)})],
        [WrittenStep("undo", 2)],
        [WrittenStep("goto", None, [30])],
        [WrittenStep("goto", None, [30]), WrittenStep("add", None, [30], {"words": (2, 2)})],
        [WrittenStep("depth", None, [20]), WrittenStep("depth_to_image", None, ["$1"], {"words": (2, 4)})],
        [WrittenStep("fuse_layers", None, [20, 30], {"words": (1, 2), "only": (4, 5), "except": (6, 6)})],
        [WrittenStep("inpaint", None, [20], {"words": (1, 2)}, mask=25)],
        [WrittenStep("answer")],
        [WrittenStep("save", None, [20])],
    ],
)
def test_what_is_written_is_read_again(steps: list[WrittenStep]) -> None:
    assert read(write(steps)) == steps


def test_a_mask_that_came_with_the_request() -> None:
    steps = [WrittenStep("inpaint", None, [20], {}, mask="masked")]
    assert read(write(steps), masked=True) == steps
    with pytest.raises(AssertionError):
        read(write(steps))


@pytest.mark.parametrize("seed", range(30))
def test_whatever_is_allowed_makes_steps_that_can_be_checked(seed: int) -> None:
    """No token leads to a dead end, to a picture that is not there, or to a result of a later step."""
    chance = random.Random(seed)
    writer = Writer(PICTURES, MASKS, WORDS, masked=bool(seed % 2))
    while not writer.ended:
        allowed = writer.allowed()
        assert allowed
        writer.take(chance.choice(allowed))
    assert 1 <= len(writer.steps) <= MOST_STEPS
    made = 0
    for step in writer.steps:
        row = CATALOGUE.get(step.name)
        if row is not None:
            assert row.min_images <= len(step.pictures) <= row.max_images
            assert set(step.pictures) <= {20, 30, *(f"${n}" for n in range(1, made + 1))}
            made += 1
        for first, last in step.spans.values():
            assert WORDS[0] <= first <= last <= WORDS[1]
        assert step.mask in (None, "masked", 25)


def test_without_pictures_a_step_that_needs_one_is_written_without() -> None:
    writer = Writer([], [], WORDS, masked=False)
    writer.take(IDS["remove"])
    assert IDS["words"] in writer.allowed() and IDS["end"] in writer.allowed()
