from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ace_agent.agent import Agent
from ace_agent.evaluation.planner.authored import authored
from ace_agent.evaluation.planner.request_files import load
from ace_agent.evaluation.planner.scoring import Request, Row
from ace_agent.planner.instructions import phrase
from tests.tiny import TinyPipeline, photo, plan

ASSETS = Path(__file__).parents[3] / "assets/planner"


def row(*do: str, **fields: Any) -> dict[str, Any]:
    pictures = [
        ["@1", "photo", "IMG_1.jpg: a cat"],
        ["@2", "made", "a cat in a hat"],
        ["@3", "mask", "left half"],
    ]
    return {"id": "a", "pictures": pictures, "request": "r", "do": do, "kind": "plain", **fields}


def scored(*do: str, **fields: Any) -> Request | None:
    return authored(row(*do, **fields))[0].scored


def test_steps_with_pictures_masks_and_results_of_earlier_steps() -> None:
    request = scored("remove @2: the hat", "inpaint $1: a bow | mask: @3", "collage @1 input1: both")
    assert request is not None
    assert request.answers[0].rows == (
        Row("remove", ("@2",)),
        Row("inpaint", ("$1",), "@3"),
        Row("collage", ("@1", "input1")),
    )


def test_the_conversation_is_the_authors() -> None:
    request = scored("flip @1: ", inputs=["hat.jpg"], mask=True, current="@1")
    assert request is not None
    context = request.context
    assert (context.tip, context.path, context.inputs, context.mask) == ("@1", ("@1",), 1, True)
    assert context.handed[0].text == "hat.jpg"
    assert [image.kind for image in context.images] == ["image", "image", "mask"]


def test_going_back_refusing_and_what_no_plan_can_say() -> None:
    back = scored("undo")
    assert back is not None
    assert back.answers[0].goto == "@1"
    refused = scored("refuse: video", alt=[["answer: no"]])
    assert refused is not None
    assert all(answer.refused for answer in refused.answers)
    assert scored("again @2") is None
    assert scored("undo 5") is None


TOLD: dict[str, Any] = {
    "id": "c",
    "turns": [
        {"say": "a snowman", "do": ["text_to_image: a snowman"]},
        {"say": "a hat", "do": ["add @1: a hat"]},
        {"say": "night, sharper", "do": ["edit_scene @2: make it night"]},
        {"say": "without the night", "do": ["goto @2"]},
        {"say": "with this bird", "files": ["bird.jpg: a robin"], "do": ["fuse_layers @2 input: the bird"]},
        {"say": "undo", "do": ["undo"]},
    ],
}


def test_a_conversation_grows_by_its_right_plans() -> None:
    turns = authored(TOLD)
    last = turns[-1].context
    assert [(image.id, image.text) for image in last.images] == [
        ("@1", "a snowman"),
        ("@2", "a snowman, then: add a hat"),
        ("@3", "a snowman, then: add a hat, then: make it night"),
        ("@4", "bird.jpg: a robin"),
        ("@5", "a snowman, then: add a hat, then: fuse it with bird.jpg: a robin: the bird"),
    ]
    assert (last.tip, last.path) == ("@5", ("@1", "@2", "@5"))
    back = turns[-1].scored
    assert back is not None
    assert back.answers[0].goto == "@2"


def test_a_row_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="no task"):
        authored(row("explode @1: it"))


@pytest.mark.parametrize("file", sorted(ASSETS.glob("*.jsonl")), ids=lambda file: file.stem)
def test_every_file_of_an_author_can_be_scored(file: Path) -> None:
    requests = load(file)
    assert len(requests) > 0.9 * len(file.read_text("utf-8").splitlines())
    assert len({request.text for request in requests}) > 0.98 * len(requests)


def test_a_conversation_looks_as_the_product_would_store_it(tmp_path: Path) -> None:
    """Ids, descriptions and the way back are those of an agent that carries out the right plans."""
    agent = Agent(tmp_path / "w", pipeline=TinyPipeline())
    turns = authored(TOLD)
    for turn, told in zip(turns, TOLD["turns"], strict=True):
        stored = agent.context()
        assert [(i.id, i.made) for i in turn.context.images] == [(i.id, i.made) for i in stored.images]
        assert [i.text.replace("bird.jpg: a robin", "bird.png") for i in turn.context.images] == [
            i.text for i in stored.images
        ]
        assert (turn.context.tip, turn.context.path[-1:]) == (stored.tip, stored.path[-1:])
        steps = [one for one in turn.plans[0] if one.name not in ("goto", "undo")]
        files = [tmp_path / "bird.png"] if "files" in told else []
        for file in files:
            photo().save(file)
        if steps:
            agent.run(
                plan(
                    *(
                        {"task": s.name, "instruction": phrase(s.name, s.words, len(s.pictures)),
                         "images": list(s.pictures)}
                        for s in steps
                    )
                ),
                files,
            )  # fmt: skip
        elif turn.plans[0][0].name == "goto":
            agent.goto(turn.plans[0][0].pictures[0])
    agent.close()
