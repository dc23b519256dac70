from __future__ import annotations

import random
from pathlib import Path

import pytest
from PIL import Image

from ace_agent.data.scenes.world import World
from ace_agent.images.photograph import looks_like_a_photograph

ROOT = Path(__file__).parents[2]


def test_photographs_in_colour_and_all_but_one_in_grey() -> None:
    """The rocket is a thing on a smooth night sky; without its colours' grain it passes for a drawing."""
    missed = [
        f"{path.stem} in {mode}"
        for path in (ROOT / "docs/photographs").glob("*.jpg")
        for mode in ("RGB", "L")
        if not looks_like_a_photograph(Image.open(path).convert(mode))
    ]
    assert missed == ["rocket in L"]


def test_drawn_scenes() -> None:
    world, rng = World(size=256), random.Random(4)
    scenes = [
        Image.fromarray(world.sample(rng, "text_to_image", "held-out").turns[-1].target) for _ in range(60)
    ]
    assert not any(map(looks_like_a_photograph, scenes))


@pytest.mark.parametrize("path", sorted((ROOT / "docs/pictures").glob("*.png")), ids=lambda path: path.stem)
def test_pictures_of_ace_mini(path: Path) -> None:
    assert not looks_like_a_photograph(Image.open(path))


@pytest.mark.parametrize("size", [(1, 1), (500, 1), (1, 500), (400, 400)])
def test_a_plain_picture_is_a_drawing(size: tuple[int, int]) -> None:
    assert not looks_like_a_photograph(Image.new("RGB", size, "teal"))
