"""Regions of things in drawn scenes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ace_agent.engines.mini.scene_regions import thing_in_scene
from ace_agent.engines.registry import load_pipeline
from ace_agent.engines.router import Engines
from ace_agent.engines.runtime import Runtime
from ace_agent.errors import InputError
from ace_agent.plan import Region, Step

SCENE = Path(__file__).parent / "dog_tree_beach.png"


@pytest.fixture(scope="module")
def engines() -> Engines:
    mini = load_pipeline("ace-mini", Runtime())
    return Engines(lambda: mini, lambda: "ace-mini")


def inside(mask: Image.Image, box: tuple[int, int, int, int]) -> float:
    """The share of a mask that lies in a box."""
    pixels = np.asarray(mask, np.float64)
    left, top, right, bottom = box
    return float(pixels[top:bottom, left:right].sum() / pixels.sum())


@pytest.mark.parametrize(("words", "box"), [("the dog", (0, 56, 62, 128)), ("the tree", (60, 56, 128, 128))])
def test_a_thing_is_where_it_stands(engines: Engines, words: str, box: tuple[int, int, int, int]) -> None:
    """A mask of a thing used to be everything that was not the picture's corner."""
    picture = Image.open(SCENE).convert("RGB")
    mask = engines.find_region(picture, Region(words=words)).mask
    assert mask.size == picture.size
    assert inside(mask, box) > 0.95
    assert 0.05 < np.asarray(mask).mean() / 255 < 0.3
    rest = engines.find_region(picture, Region(words=words, inverted=True)).mask
    assert np.asarray(rest).mean() / 255 == pytest.approx(1 - np.asarray(mask).mean() / 255, abs=0.01)


@pytest.mark.parametrize("words", ["cat", "house", "gizmo"])
def test_what_is_not_there_is_refused(engines: Engines, words: str) -> None:
    """Asked to remove a cat, the model takes the dog away."""
    with pytest.raises(InputError, match=words):
        thing_in_scene(engines.named("ace-mini"), Image.open(SCENE).convert("RGB"), words)


def test_sides_and_the_sky_need_no_model(engines: Engines) -> None:
    picture = Image.open(SCENE).convert("RGB")
    half = engines.find_region(picture, Region(words="the left half")).mask
    assert inside(half, (0, 0, 64, 128)) == 1
    assert inside(engines.find_region(picture, Region(words="the sky")).mask, (0, 0, 128, 80)) > 0.9


def test_a_thing_that_is_not_seen_is_said_before_it_is_changed(engines: Engines) -> None:
    known = {"@1": Image.open(SCENE).convert("RGB")}
    steps = [
        Step(task="remove", instruction=f"Remove the {name} from {{image}}.", images=("@1",))
        for name in ("dog", "cat", "sky")
    ]
    assert engines.doubts(steps, known) == ["no cat is seen in @1: something else may change"]
