"""Exact operations in people's words: the task, its options, and what stays with the other tasks."""

from __future__ import annotations

from typing import Any

import pytest

from ace_agent.errors import PlanError
from ace_agent.plan import Plan, Region, problems
from ace_agent.plan.operations import OPERATIONS
from ace_agent.planner.english.tokens import tokenize
from ace_agent.planner.interface import Context, KnownImage, handed_over
from ace_agent.planner.rules.foreign import in_english
from ace_agent.planner.rules.operations import named_operation
from ace_agent.planner.rules.rule_planner import RulePlanner

CAPTIONS = ("a goat on a hill", "a green van", "a kitchen with a stove")


def context(*captions: str, inputs: int = 0) -> Context:
    images = tuple(
        KnownImage(f"@{n}", "image", caption, n, width=1600, height=1200)
        for n, caption in enumerate(captions, 1)
    )
    path = tuple(i.id for i in images)
    return Context(images, path[-1] if path else None, path, handed_over(inputs))


def plan(request: str, *captions: str, inputs: int = 0) -> Plan:
    known = context(*captions, inputs=inputs)
    made = RulePlanner().plan(request, known)
    assert not problems(made, images=[i.id for i in known.images], inputs=inputs, files=False)
    return made


def only(request: str) -> tuple[str, tuple[str, ...], dict[str, Any]]:
    made = plan(request, *CAPTIONS)
    assert len(made.steps) == 1, made
    return made.steps[0].task, made.steps[0].images, made.steps[0].options


@pytest.mark.parametrize(
    ("request_", "options"),
    [
        ("crop this to a square", {"aspect": "1:1"}),
        ("crop it to a square of 200 pixels", {"size": (200, 200)}),
        ("please crop it to 3:2", {"aspect": "3:2"}),
        ("make it square", {"aspect": "1:1"}),
        ("crop to 640x480", {"size": (640, 480)}),
        ("cut off the right third", {"cut": {"right": 0.3333}}),
        ("cut 15 % off the top", {"cut": {"top": 0.15}}),
        ("trim 160 px off the left", {"cut": {"left": 0.1}}),
        ("keep only the left half", {"box": (0.0, 0.0, 0.5, 1.0)}),
        ("trim the black bars", {"trim": True}),
    ],
)
def test_crop(request_: str, options: dict[str, Any]) -> None:
    assert only(request_) == ("crop", ("@3",), options)


@pytest.mark.parametrize(
    ("request_", "degrees"),
    [
        ("rotate it by 90 degrees clockwise", 90),
        ("rotate the photo 30 degrees", 30),
        ("rotate it 90° counterclockwise", -90),
        ("turn it upside down", 180),
        ("turn it a quarter to the right", 90),
        ("a quarter turn to the left", -90),
        ("spin it 180", 180),
        ("it has to be upside down", 180),
    ],
)
def test_rotate(request_: str, degrees: float) -> None:
    assert only(request_) == ("rotate", ("@3",), {"degrees": degrees})


@pytest.mark.parametrize(
    ("request_", "task", "options"),
    [
        ("straighten the horizon", "straighten", {}),
        ("it's crooked, straighten it", "straighten", {}),
        ("deskew the scan", "straighten", {}),
        ("straighten it by 5 degrees", "straighten", {"degrees": 5.0}),
        ("straight please, it hangs 2 degrees to the left", "straighten", {"degrees": 2.0}),
        ("flip it", "flip", {"direction": "horizontal"}),
        ("mirror the picture", "flip", {"direction": "horizontal"}),
        ("flip it vertically", "flip", {"direction": "vertical"}),
        ("flip it so you can read the sign", "flip", {"direction": "horizontal"}),
        ("resize it to 900 px wide", "resize", {"width": 900}),
        ("make it 700 pixels tall", "resize", {"height": 700}),
        ("resize it to 1080x1080", "resize", {"width": 1080, "height": 1080}),
        ("scale it down to 40 %", "resize", {"scale": 0.4}),
        ("make it half the size", "resize", {"scale": 0.5}),
        ("upscale it 3x", "upscale", {"factor": 3}),
        ("enlarge the picture", "upscale", {"factor": 2}),
        ("double the resolution", "upscale", {"factor": 2}),
        ("put it on a black 16:9 canvas", "canvas", {"aspect": "16:9", "color": "black"}),
        ("make it square without cropping", "canvas", {"aspect": "1:1"}),
        ("add a white margin of 5 % around it", "canvas", {"margin": 0.05, "color": "white"}),
        ("add a frame", "frame", {"width": 0.04}),
        ("put a thin black border around it", "frame", {"width": 0.02, "color": "black"}),
        ("a white frame of 32 px", "frame", {"width": 0.02}),
        ("make it a polaroid", "frame", {"style": "polaroid"}),
        ("round the corners", "frame", {"style": "rounded"}),
    ],
)
def test_shape_size_and_edge(request_: str, task: str, options: dict[str, Any]) -> None:
    assert only(request_) == (task, ("@3",), options)


@pytest.mark.parametrize(
    ("request_", "options"),
    [
        ("brighten it", {"brightness": 0.3}),
        ("make it a bit brighter", {"brightness": 0.15}),
        ("make it much darker", {"brightness": -0.6}),
        ("it's too dark", {"brightness": 0.3}),
        ("more contrast and less saturation", {"contrast": 0.3, "saturation": -0.3}),
        ("brightness +20", {"brightness": 0.2}),
        ("contrast -10", {"contrast": -0.1}),
        ("increase the saturation by 25 %", {"saturation": 0.25}),
        ("warm it up a little", {"warmth": 0.15}),
        ("make the colours cooler", {"warmth": -0.3}),
        ("sharpen it", {"sharpness": 0.3}),
        ("lift the shadows", {"shadows": 0.3}),
        ("exposure +0.5", {"exposure": 0.5}),
        ("add a vignette", {"vignette": 0.3}),
        ("auto levels", {"levels": True}),
    ],
)
def test_adjust(request_: str, options: dict[str, Any]) -> None:
    assert only(request_) == ("adjust", ("@3",), options)


@pytest.mark.parametrize(
    ("request_", "options"),
    [
        ("make it sepia", {"name": "sepia"}),
        ("sepia at 50 %", {"name": "sepia", "strength": 0.5}),
        ("apply a vintage filter", {"name": "vintage"}),
        ("invert the colours", {"name": "invert"}),
        ("posterize it", {"name": "posterize"}),
        ("a cartoon filter please", {"name": "cartoon"}),
    ],
)
def test_filter(request_: str, options: dict[str, Any]) -> None:
    assert only(request_) == ("filter", ("@3",), options)


@pytest.mark.parametrize(
    ("request_", "images", "options"),
    [
        ("put @1 and @3 side by side", ("@1", "@3"), {}),
        ("make a collage of all of them", ("@1", "@2", "@3"), {}),
        ("all three in a row with no gaps", ("@1", "@2", "@3"), {"gap": 0.0}),
        ("a 2x2 grid of all of them", ("@1", "@2", "@3"), {"columns": 2}),
    ],
)
def test_collage(request_: str, images: tuple[str, ...], options: dict[str, Any]) -> None:
    assert only(request_) == ("collage", images, options)


def test_a_collage_of_the_pictures_that_come_with_the_request() -> None:
    assert plan("put them side by side", inputs=2).steps[0].images == ("input", "input1")


@pytest.mark.parametrize(
    ("request_", "task", "options"),
    [
        ('watermark it with "proof"', "watermark", {"text": "proof"}),
        (
            'put "Ana" as a watermark in the top left, 30 % opacity',
            "watermark",
            {"text": "Ana", "place": "top left", "opacity": 0.3},
        ),
        ("make the background transparent", "background", {"fill": "transparent"}),
        ("blur the background", "background", {"fill": "blur"}),
        ("change the background to light grey", "background", {"fill": "color", "color": "lightgray"}),
        ("blur it", "blur_region", {}),
    ],
)
def test_words_background_and_blur(request_: str, task: str, options: dict[str, Any]) -> None:
    assert only(request_) == (task, ("@3",), options)


@pytest.mark.parametrize(
    ("request_", "task", "region"),
    [
        ("brighten the left half", "adjust", Region(side="left")),
        ("blur the lower half", "blur_region", Region(side="bottom")),
        ("pixelate the top half", "pixelate_region", Region(side="top")),
        ("blur the right third", "blur_region", Region(box=(0.6667, 0, 1, 1))),
    ],
)
def test_a_side_of_the_picture_is_the_step_s_region(request_: str, task: str, region: Region) -> None:
    step = plan(request_, *CAPTIONS).steps[0]
    assert (step.task, step.mask) == (task, region)


@pytest.mark.parametrize(
    ("request_", "steps"),
    [
        (
            "crop it to a square, brighten it a bit and add a white frame",
            [("crop", "@3"), ("adjust", "$1"), ("frame", "$2")],
        ),
        ("flip the first one and then make it sepia", [("flip", "@1"), ("filter", "$1")]),
        ("remove the stove and sharpen it", [("remove", "@3"), ("adjust", "$1")]),
        ("rotate @2 by 90 degrees", [("rotate", "@2")]),
        ("make the goat picture warmer", [("adjust", "@1")]),
        ("it's too dark, brighten it up", [("adjust", "@3")]),
    ],
)
def test_operations_among_other_steps(request_: str, steps: list[tuple[str, str]]) -> None:
    assert [(s.task, s.images[0]) for s in plan(request_, *CAPTIONS).steps] == steps


@pytest.mark.parametrize(
    "request_",
    [
        "make it black and white", "pixelate it", "make it night", "turn it into an oil painting",
        "turn it into a watercolour", "a pencil drawing of it", "add a mirror to the wall", "flip the pancake",
        "put a picture frame on the wall", "rotate the van", "turn his head to the left", "straighten his tie",
        "make the stove darker", "brighten the goat",
        "sharpen this blurry photo", "change the background to a beach", "remove the background",
        "extend the canvas to the left", "don't blur the background", "add a brighter lamp",
        "paint a sepia fox", "remove the watermark", "make the goat bigger", "lower the quality",
    ],
)  # fmt: skip
def test_what_stays_with_the_other_tasks(request_: str) -> None:
    try:
        steps = plan(request_, *CAPTIONS).steps
    except PlanError:
        return
    assert not {s.task for s in steps} & OPERATIONS.keys()


@pytest.mark.parametrize(
    ("request_", "limit", "inverted"),
    [("brighten the goat", "the goat", False), ("sepia except the van", "the van", True)],
)
def test_a_thing_that_limits_an_operation_is_named_for_a_region_by_words(
    request_: str, limit: str, inverted: bool
) -> None:
    found = named_operation(tokenize(request_))
    assert found is not None
    assert (found.limit, found.inverted) == (limit, inverted)


@pytest.mark.parametrize(
    ("request_", "task", "words", "inverted"),
    [
        ("blur the van", "blur_region", "the van", False),
        ("make it brighter except the stove", "adjust", "the stove", True),
        ("sepia except the sky", "filter", "the sky", True),
        ("brighten only the dog", "adjust", "the dog", False),
        ("darken the sky", "adjust", "the sky", False),
        ("crop it around the dog", "crop", "the dog", False),
    ],
)
def test_words_limit_an_operation_to_a_region(request_: str, task: str, words: str, inverted: bool) -> None:
    (made,) = plan(request_, *CAPTIONS).steps
    assert made.task == task
    assert made.mask == Region(words=words, inverted=inverted)


@pytest.mark.parametrize(
    ("request_", "line"),
    [
        ("crop it", "a crop needs to say what is kept"),
        ("resize it", "a resize needs a size"),
        ("add a watermark", "a watermark needs its words or a second picture"),
        ("animate it", "videos and animations cannot be made here"),
        ("make a gif of it", "videos and animations cannot be made here"),
        ("save it as an SVG", "vector files cannot be made here"),
        ("make a 3d model of it", "3-D models cannot be made here"),
        ("print it on A3", "printing cannot be made here"),
        ("add some music", "sound cannot be made here"),
        ("send it to my landlord", "sending and posting cannot be made here"),
    ],
)
def test_refused_by_name_with_the_way_out(request_: str, line: str) -> None:
    with pytest.raises(PlanError) as refusal:
        plan(request_, *CAPTIONS)
    assert refusal.value.message == line
    assert refusal.value.hint


@pytest.mark.parametrize(
    "request_",
    ["a cat playing a video game", "a 3d render of a castle", "a printing press", "a band playing music",
     "a movie poster"],
)  # fmt: skip
def test_scenes_with_such_things_are_drawn(request_: str) -> None:
    assert [s.task for s in plan(request_).steps] == ["text_to_image"]


@pytest.mark.parametrize(
    ("request_", "task", "options"),
    [
        ("mach es ein bisschen heller", "adjust", {"brightness": 0.15}),
        ("drehe das Bild um 90 Grad nach links", "rotate", {"degrees": -90.0}),
        ("bitte spiegeln", "flip", {"direction": "horizontal"}),
        ("tourne la photo de 90 degrés vers la droite", "rotate", {"degrees": 90.0}),
        ("plus de contraste", "adjust", {"contrast": 0.3}),
        ("hazla más oscura", "adjust", {"brightness": -0.3}),
        ("gira la foto 90 grados a la izquierda", "rotate", {"degrees": -90.0}),
        ("corte a imagem em quadrado", "crop", {"aspect": "1:1"}),
        ("mais contraste", "adjust", {"contrast": 0.3}),
    ],
)
def test_plain_operations_in_other_languages(request_: str, task: str, options: dict[str, Any]) -> None:
    assert only(request_) == (task, ("@3",), options)


@pytest.mark.parametrize("request_", ["mach den Himmel heller", "rotate it", "a rota of cooks", "horizontal"])
def test_a_request_with_other_words_is_not_translated(request_: str) -> None:
    assert in_english(request_) == request_


@pytest.mark.parametrize(
    ("request_", "options"),
    [
        ("put it on white", {"fill": "color", "color": "white"}),
        ("put the goat on a plain light blue", {"fill": "color", "color": "lightblue"}),
        ("replace the background with a light blue", {"fill": "color", "color": "lightblue"}),
        ("replace the checkered background with green", {"fill": "color", "color": "green"}),
    ],
)
def test_a_plain_background(request_: str, options: dict[str, Any]) -> None:
    assert only(request_) == ("background", ("@3",), options)


def test_a_look_and_an_adjustment_in_one_clause_are_two_steps() -> None:
    made = plan("make a black and white version with more contrast", *CAPTIONS)
    assert [(step.task, step.images) for step in made.steps] == [("filter", ("@3",)), ("adjust", ("$1",))]
    assert made.steps[0].options == {"name": "black and white"}
    assert made.steps[1].options["contrast"] > 0


def test_a_possessive_names_the_part() -> None:
    (step,) = plan("blur the man's face", *CAPTIONS).steps
    assert isinstance(step.mask, Region)
    assert step.mask.words == "the man's face"


def test_words_in_capitals_stay_as_they_are_written() -> None:
    assert [t.surface for t in tokenize("write GROOT below")][1] == "GROOT"
    assert next(t.text for t in tokenize("MAKE IT BLAK AND WHITE")) == "make"


def test_an_outpaint_to_a_ratio_has_its_size() -> None:
    (step,) = plan("widen it to 16:9", *CAPTIONS).steps
    assert (step.task, step.size) == ("outpaint", (2133, 1200))
