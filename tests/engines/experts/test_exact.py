from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from ace_agent import Agent
from ace_agent.engines.experts.exact import ExactOperations
from ace_agent.engines.experts.registry import expert, expert_names
from ace_agent.errors import AceError, InputError
from ace_agent.plan import Plan
from tests.tiny import TinyPipeline, photo

RUN = ExactOperations()


def result(task: str, image: Image.Image, mask: Image.Image | None = None, **options: Any) -> Image.Image:
    return RUN("", [image], [mask], task=task, seed=0, options=options).images[0]


@pytest.mark.parametrize(
    ("task", "options", "size"),
    [
        ("crop", {"aspect": "1:1"}, (80, 80)),
        ("crop", {"size": [50, 40]}, (50, 40)),
        ("crop", {"cut": {"left": 0.25, "top": 0.5}}, (90, 40)),
        ("crop", {"box": [0, 0, 0.5, 0.25]}, (60, 20)),
        ("rotate", {"degrees": -90}, (80, 120)),
        ("resize", {"width": 60}, (60, 40)),
        ("resize", {"longest": 240}, (240, 160)),
        ("resize", {"width": 30, "height": 30}, (30, 30)),
        ("resize", {"scale": 0.5}, (60, 40)),
        ("canvas", {"aspect": "1:1"}, (120, 120)),
        ("canvas", {"margin": 0.25}, (180, 140)),
        ("canvas", {"size": [60, 60]}, (60, 60)),
        ("frame", {"width": 0.1}, (144, 104)),
        ("flip", {}, (120, 80)),
        ("upscale", {"factor": 3}, (360, 240)),
    ],
)
def test_sizes(task: str, options: dict[str, Any], size: tuple[int, int]) -> None:
    assert result(task, photo(120, 80), **options).size == size


def test_a_crop_takes_the_very_pixels() -> None:
    image = photo(120, 80)
    cut = result("crop", image, cut={"left": 0.5})
    assert np.array_equal(np.asarray(cut), np.asarray(image)[:, 60:])


def test_a_mask_says_what_to_crop_to_and_what_to_adjust() -> None:
    image, mask = photo(120, 80), Image.new("L", (120, 80))
    mask.paste(255, (40, 20, 60, 40))
    assert result("crop", image, mask, margin=0).size == (20, 20)
    assert result("crop", image, mask, margin=0, aspect="2:1").size == (40, 20)
    lit = np.asarray(result("adjust", image, mask, exposure=1))
    outside = np.asarray(mask) == 0
    assert np.array_equal(lit[outside], np.asarray(image)[outside])
    assert not np.array_equal(lit, np.asarray(image))


@pytest.mark.parametrize(
    ("task", "options", "message"),
    [
        ("crop", {}, "what should be kept"),
        ("crop", {"size": [500, 20]}, "does not fit"),
        ("crop", {"cut": {"left": 0.999}}, "nothing would be left"),
        ("straighten", {}, "no tilted lines"),
        ("watermark", {}, "what should the watermark be"),
        ("resize", {"width": 20000, "height": 20000}, "megapixels"),
        ("remove", {}, "task: wanted one of"),
    ],
)
def test_what_cannot_be_done_is_one_line(task: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(AceError, match=message) as caught:
        result(task, Image.new("RGB", (120, 80)), **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1)])
def test_the_thinnest_pictures(size: tuple[int, int]) -> None:
    for task, options in (
        ("rotate", {"degrees": 90}),
        ("filter", {"name": "oil"}),
        ("frame", {}),
        ("resize", {"scale": 2}),
        ("adjust", {"vignette": 1, "sharpness": 1}),
        ("pixelate_region", {}),
        ("canvas", {"margin": 0.1}),
        ("straighten", {"degrees": 3}),
    ):
        assert result(task, photo(*size), **options).width >= 1


def test_operations_in_a_plan_need_no_model_and_are_made_again_to_the_bit(tmp_path: Path) -> None:
    """A chain over a handed picture; the model is not asked, the recipe names the engine and holds the options."""
    pipeline = TinyPipeline()
    agent = Agent(tmp_path, pipeline=pipeline)
    plan = Plan.parse(
        {
            "steps": [
                {"task": "crop", "images": ["input"], "options": {"aspect": "1:1"}},
                {"task": "filter", "images": ["$1"], "options": {"name": "sepia"}},
                {"task": "collage", "images": ["input", "$2"]},
            ]
        }
    )
    turn = agent.run(plan, [photo(120, 80)])
    assert pipeline.calls == []
    (sheet,) = turn.images
    recipe = turn.made[1].recipe
    assert recipe is not None
    assert (recipe["model"], recipe["options"]) == ("exact", {"name": "sepia"})
    assert all(agent.rerun(picture.id).identical for picture in turn.made)
    assert sheet.size[0] > 240


def test_an_engine_that_is_not_there_is_refused_before_any_work(tmp_path: Path) -> None:
    agent = Agent(tmp_path, pipeline=TinyPipeline())
    plan = Plan.parse(
        {"steps": [{"task": "flip", "images": ["input"], "engine": "photoshop"}]},
    )
    with pytest.raises(InputError, match="no engine 'photoshop'"):
        agent.run(plan, [photo()])
    assert agent.turns() == []


def test_every_expert_says_what_it_is() -> None:
    for name in expert_names():
        one = expert(name)
        assert one.name == name
        assert one.tasks
        assert one.licence


def test_a_small_picture_is_enlarged_with_clean_edges() -> None:
    small = Image.new("RGB", (250, 60), "white")
    ImageDraw.Draw(small).ellipse((20, 10, 230, 50), fill="black")
    sharp = Image.new("RGB", (1000, 240), "white")
    ImageDraw.Draw(sharp).ellipse((80, 40, 922, 202), fill="black")
    run = ExactOperations()
    large = run("", [small], task="upscale", options={"factor": 4}).images[0]
    plain = small.resize(large.size, Image.Resampling.BICUBIC)

    def error(image: Image.Image) -> float:
        return float(np.abs(np.asarray(image, float) - np.asarray(sharp, float)).mean())

    assert large.size == (1000, 240)
    assert error(large) < 0.9 * error(plain)
    seam = np.abs(np.diff(np.asarray(large.convert("L"), float), axis=1))[5]
    assert seam[760:776].max() < 4  # where two tiles meet
