"""Follow-ups of a few words mean what the last turn left them."""

from __future__ import annotations

import pytest

from ace_agent.plan.wording import described
from ace_agent.planner.interface import Context, KnownImage, handed_over
from ace_agent.planner.rules.follow_ups import in_full
from ace_agent.planner.rules.rule_planner import RulePlanner


def after(task: str, instruction: str, *, files: int = 0) -> Context:
    """The conversation after a step on a picture of a garden."""
    changed = described(task, instruction, ["a garden"])
    return Context(
        (
            KnownImage("@1", "image", "a garden", 1, "a garden", "text_to_image", made=True),
            KnownImage("@2", "image", instruction, 2, instruction, task, description=changed, made=True),
        ),
        "@2",
        ("@1", "@2"),
        handed_over(files),
    )


SCARF = after("add", "Add a red scarf to {image}.")


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("hmm, green rather", "make the scarf green"),
        ("dark blue?", "make the scarf dark blue"),
        ("in white please", "make the scarf white"),
        ("no wait, I mean purple", "make the scarf purple"),
        ("a bit bigger", "make the scarf a bit bigger"),
        ("longer", "make the scarf longer"),
        ("make it green", "make it green"),  # names what it means
        ("the sky green", "the sky green"),
        ("sunset", "sunset"),
    ],
)
def test_a_bare_colour_or_size_is_of_the_thing_of_the_last_step(said: str, meant: str) -> None:
    assert in_full(said, SCARF) == meant


@pytest.mark.parametrize(
    ("task", "instruction", "said", "meant"),
    [
        ("adjust", "Brighten {image} a bit.", "more", "brighten it a bit, a bit more"),
        ("adjust", "Brighten {image} a bit, a bit more.", "even more!", "brighten it a bit, a bit more"),
        (
            "adjust",
            "Brighten {image} a bit.",
            "a little less please",
            "in @1, brighten it a bit, very slightly",
        ),
        (
            "adjust",
            "Make the sky darker in {image}.",
            "that's too much",
            "in @1, make the sky darker, very slightly",
        ),
        ("edit_face", "Make him smile in {image}.", "sorry, I meant laugh", "in @1, make him laugh"),
        (
            "edit_color",
            "Make the car blue in {image}.",
            "not the car, the meadow",
            "in @1, make the meadow blue",
        ),
        (
            "edit_color",
            "Make the car blue in {image}.",
            "the truck, not the car",
            "in @1, make the truck blue",
        ),
        (
            "edit_style",
            "Turn {image} into a watercolour.",
            "the same as a sketch",
            "in @1, turn it into a sketch",
        ),
        ("render_text", "Write THE END in {image}.", "bigger", "make the lettering bigger"),
    ],
)
def test_a_follow_up_of_another_step(task: str, instruction: str, said: str, meant: str) -> None:
    assert in_full(said, after(task, instruction)) == meant


@pytest.mark.parametrize(
    ("said", "files", "meant"),
    [
        ("do the same to @1", 0, "in @1, add a red scarf"),
        ("do that to the first one too", 0, "in the first one, add a red scarf"),
        ("now the same for this one please", 1, "add a red scarf"),
        ("do the same to this one", 0, "do the same to this one"),  # it has the scarf
    ],
)
def test_the_same_for_another_picture(said: str, files: int, meant: str) -> None:
    assert in_full(said, after("add", "Add a red scarf to {image}.", files=files)) == meant


def test_all_steps_of_the_last_turn_are_done_again() -> None:
    first, second = SCARF.images
    third = KnownImage("@3", "image", "", 2, "Make {image} grey.", "grayscale", made=True)
    context = Context((first, second, third), "@3", ("@1", "@3"))
    assert in_full("apply the same to @1", context) == "in @1, add a red scarf, then make it grey"


def test_with_nothing_done_yet_a_request_stays_as_it_is() -> None:
    for context in (Context(), Context((KnownImage("@1", "image", "a photo", 1),), "@1", ("@1",))):
        for said in ("more", "green", "less", "do the same to @1", "not the car, the meadow"):
            assert in_full(said, context) == said


def test_less_is_half_of_it_on_the_picture_before() -> None:
    (step,) = RulePlanner().plan("less", after("adjust", "Make the picture brighter: {image}.")).steps
    (full,) = RulePlanner().plan("make the picture brighter", SCARF).steps
    assert step.images == ("@1",)
    assert 0 < step.options["brightness"] < full.options["brightness"]


def test_before_a_thing_is_before_it_came() -> None:
    words = ("a wizard", "add a beard", "make the beard longer")
    text = [", then: ".join(words[: count + 1]) for count in range(3)]
    images = [
        KnownImage(f"@{n}", "image", w, n, w, description=t)
        for n, (w, t) in enumerate(zip(words, text, strict=True), 1)
    ]
    context = Context(tuple(images), "@3", ("@1", "@2", "@3"))
    assert RulePlanner().plan("as it was before the beard", context).goto == "@1"
