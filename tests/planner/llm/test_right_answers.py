"""A chat model that answers rightly gets exactly its plan through, whatever the rules think of the request."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ace_agent.plan import Plan, Region
from ace_agent.planner.interface import Context, KnownImage, handed_over
from ace_agent.planner.llm.chat_model import ChatPlanner
from tests.planner.llm.scripted import Scripted

EMPTY = Context()
GARDEN = Context((KnownImage("@1", "image", "a snowman in a garden", 1, made=True),), "@1", ("@1",))
TALK = Context(
    (
        KnownImage("@1", "image", "a dog on a beach", 1, made=True),
        KnownImage("@2", "image", "a red car in a street", 2, made=True),
        KnownImage("@3", "image", "a woman in a park", 3),
        KnownImage("@4", "image", "a yellow dress", 3),
        KnownImage("@5", "image", "a cat on a sofa", 4, made=True, on_path=False),
        KnownImage("@6", "mask", "", 5),
        KnownImage("@7", "image", "a red car in a street, then: make it night", 6, made=True),
    ),
    "@7",
    ("@1", "@2", "@7"),
)
TWO = Context(handed=handed_over(2))
FILES = Context(TALK.images, TALK.tip, TALK.path, handed_over(2))
PAINTED = Context(TALK.images, TALK.tip, TALK.path, mask=True)


def s(task: str, *images: str, words: str = "", **fields: Any) -> dict[str, Any]:
    return {"task": task, "images": list(images), "instruction": words, **fields}


# The request, what the conversation holds, the right steps, and what else the plan has.
CASES: list[tuple[str, Context, list[dict[str, Any]], dict[str, Any]]] = [
    ("a red fox in the snow", EMPTY, [s("text_to_image", words="a red fox in the snow")], {}),
    (
        "two boats, 640 by 480, three versions, seed 5",
        EMPTY,
        [s("text_to_image", words="two boats")],
        {"settings": {"size": [640, 480], "variations": 3, "seed": 5}},
    ),
    ("lend him some headgear", GARDEN, [s("add", "@1", words="a top hat on the snowman")], {}),
    ("it melts in spring", GARDEN, [s("edit_scene", "@1", words="spring, the snowman half melted")], {}),
    ("nuke the bin", TALK, [s("remove", "@7", words="the bin")], {}),
    ("the other car, I mean before the night", TALK, [s("edit_color", "@2", words="make the car blue")], {}),
    ("make it blue, no, I mean green", TALK, [s("edit_color", "@7", words="make the car green")], {}),
    ("dress her in it", TALK, [s("try_on", "@3", "@4", words="the yellow dress")], {}),
    ("put the cat on the car", TALK, [s("fuse_layers", "@7", "@5", words="the cat on the roof of the car")], {}),
    ("and now him into her park", TALK, [s("fuse_layers", "@3", "@1", words="the dog beside the woman")], {}),
    ("as it was by day, please", TALK, [], {"goto": "@2"}),
    ("back to the dog and give it a hat", TALK, [s("add", "@1", words="a hat on the dog")], {"goto": "@1"}),
    ("only the sky darker", TALK, [s("adjust", "@7", options={"exposure": -0.5}, region="the sky")], {}),
    (
        "grey, but not the car",
        TALK,
        [s("filter", "@7", options={"name": "black and white"}, region="everything but the car")],
        {},
    ),
    ("smudge the left half", TALK, [s("blur_region", "@7", options={"radius": 0.03}, region="the left half")], {}),
    ("fill the mask with ivy", TALK, [s("inpaint", "@7", words="ivy", mask="@6")], {}),
    ("ivy there", PAINTED, [s("inpaint", "@7", words="ivy")], {}),
    ("a tree where the lamp stands", TALK, [s("inpaint", "@7", words="a tree", region="the lamp")], {}),
    ("more street to the right", TALK, [s("outpaint", "@7", words="more street", region="right")], {}),
    (
        "mirror it, then a quarter turn left",
        TALK,
        [s("flip", "@7", options={"direction": "horizontal"}), s("rotate", "$1", options={"degrees": -90})],
        {},
    ),
    (
        "depth of the dog and the car, both into a new one with robots",
        TALK,
        [s("depth", "@1"), s("edge", "@7"), s("multi_control", "$1", "$2", words="robots in a street")],
        {},
    ),
    (
        "four prints side by side: dog, car, woman, cat",
        TALK,
        [s("collage", "@1", "@7", "@3", "@5", options={"columns": 4, "gap": 0.02})],
        {},
    ),
    ("this on her", TWO, [s("try_on", "input1", "input", words="the coat")], {}),
    ("my face on that one", TWO, [s("face_swap", "input1", "input")], {}),
    ("the second in the manner of the first", TWO, [s("style_reference", "input1", "input", words="in oils")], {}),
    ("ours as watermark on it", FILES, [s("watermark", "@7", "input1", options={"place": "top"})], {}),
    ("swap what's behind the dog", FILES, [s("background", "@1", "input", options={"fill": "image"})], {}),
    ("write Van Gogh across the top", TALK, [s("render_text", "@7", words='"Van Gogh" across the top')], {}),
    ("the hat is too big", GARDEN, [s("edit_motion", "@1", words="make the hat smaller")], {}),
    ("mach es etwas wärmer", TALK, [s("adjust", "@7", options={"warmth": 0.2})], {}),
    ("给车涂成金色", TALK, [s("edit_color", "@7", words="make the car gold")], {}),
    (
        "Instagram square of the woman, 1080 wide, then a polaroid of that",
        TALK,
        [
            s("crop", "@3", options={"aspect": "1:1"}),
            s("resize", "$1", options={"width": 1080}),
            s("frame", "$2", options={"style": "polaroid"}),
        ],
        {},
    ),
    (
        "her as an astronaut, five takes",
        TALK,
        [s("face_reference", "@3", words="an astronaut")],
        {"settings": {"variations": 5}},
    ),
    ("turn it half as far, and do not crop", TALK, [s("rotate", "@7", options={"degrees": 45})], {}),
]  # fmt: skip
REGIONS = {
    "the sky": Region(words="the sky"),
    "everything but the car": Region(words="the car", inverted=True),
    "the left half": Region(side="left"),
    "the lamp": Region(words="the lamp"),
    "right": Region(side="right"),
}


@pytest.mark.parametrize("form", ["tool", "json", "prose"])
@pytest.mark.parametrize(
    ("request_", "context", "steps", "more"), CASES, ids=[case[0][:24] for case in CASES]
)
def test_exactly_its_plan(
    request_: str, context: Context, steps: list[dict[str, Any]], more: dict[str, Any], form: str
) -> None:
    answer = {"steps": steps, **more}
    text = json.dumps(answer, ensure_ascii=False)
    said = {"tool": answer, "json": text, "prose": f"Here you are.\n```json\n{text}\n```"}[form]
    chat = Scripted(answers=[said], seen=[])
    plan = ChatPlanner(chat).plan(request_, context)
    assert len(chat.seen) == 1
    _is(plan, steps, more)


def _is(plan: Plan, steps: list[dict[str, Any]], more: dict[str, Any]) -> None:
    assert plan.goto == more.get("goto")
    assert [(p.task, list(p.images), p.options) for p in plan.steps] == [
        (q["task"], q["images"], q.get("options", {})) for q in steps
    ]
    for p, q in zip(plan.steps, steps, strict=True):
        assert q["instruction"].lower() in p.instruction.lower()
        wanted = REGIONS[q["region"]] if "region" in q else q.get("mask")
        assert p.mask == wanted
    settings = more.get("settings", {})
    if plan.steps:
        assert plan.steps[-1].variations == settings.get("variations", 1)
        assert plan.steps[0].seed == settings.get("seed")
        assert plan.steps[0].size == (tuple(settings["size"]) if "size" in settings else None)
