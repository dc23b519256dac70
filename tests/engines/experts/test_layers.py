"""Things of photographs put into others, moved and resized."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ace_agent.engines.experts.layers import Layers
from ace_agent.engines.experts.regions import find_region
from ace_agent.errors import InputError, ModelError

FOLDER = Path(__file__).parents[3] / "docs/photographs"
COFFEE = Image.open(FOLDER / "coffee.jpg").convert("RGB")
ROCKET = Image.open(FOLDER / "rocket.jpg").convert("RGB")
PHOTOGRAPHER = Image.open(FOLDER / "photographer.jpg").convert("RGB")
RUN = Layers()


def center(mask: np.ndarray) -> tuple[float, float]:
    rows, columns = np.nonzero(mask)
    return float(columns.mean()), float(rows.mean())


def test_the_subject_of_one_picture_goes_into_the_other_and_the_rest_stays() -> None:
    output = RUN("Put the man of {image1} into {image}.", [ROCKET, PHOTOGRAPHER], task="fuse_layers", seed=1)
    changed = output.regions[0]
    assert changed is not None
    assert output.images[0].size == ROCKET.size
    assert 0.03 < (changed > 0.5).mean() < 0.6
    assert (np.asarray(output.images[0]) == np.asarray(ROCKET))[changed == 0].all()


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_side_that_is_named_is_where_it_goes(side: str) -> None:
    output = RUN(
        f"Put the man of {{image1}} on the {side} of {{image}}.",
        [ROCKET, PHOTOGRAPHER],
        task="fuse_layers",
        seed=1,
    )
    x, _ = center(np.asarray(output.regions[0]) > 0.5)
    assert (x < ROCKET.width / 2) == (side == "left")


def test_what_is_cut_out_already_is_taken_as_it_is() -> None:
    sprite = Image.new("RGBA", (40, 40))
    sprite.paste((255, 0, 0, 255), (10, 10, 30, 30))
    output = RUN("Put {image1} into {image}.", [COFFEE, sprite], task="fuse_layers", seed=1)
    region = np.asarray(output.regions[0]) > 0.5
    rows, columns = np.nonzero(region)
    assert abs((rows.max() - rows.min()) - (columns.max() - columns.min())) < 4  # a square stays one


def test_a_thing_that_is_not_there_is_the_subject_and_that_is_said() -> None:
    output = RUN(
        "Put the bicycle of {image1} into {image}.", [ROCKET, PHOTOGRAPHER], task="fuse_layers", seed=1
    )
    assert output.notes == ["no bicycle was found there: the subject was taken"]


def test_a_thing_moves_and_its_place_is_filled() -> None:
    scene = Image.new("RGB", (400, 260), (120, 160, 210))
    scene.paste((90, 130, 70), (0, 180, 400, 260))
    scene.paste(PHOTOGRAPHER.resize((1, 1)), (0, 0))
    mask = Image.new("L", scene.size)
    mask.paste(255, (180, 120, 220, 200))
    scene.paste((200, 30, 30), (180, 120, 220, 200))
    output = RUN("Move the box to the left in {image}.", [scene], [mask], task="edit_motion", seed=1)
    red = np.asarray(output.images[0])[..., 0].astype(int) - np.asarray(output.images[0])[..., 1] > 90
    x, y = center(red)
    assert x < 150
    assert abs(y - 160) < 4
    larger = RUN("Make the box bigger in {image}.", [scene], [mask], task="edit_motion", seed=1).images[0]
    grown = np.asarray(larger)[..., 0].astype(int) - np.asarray(larger)[..., 1] > 90
    assert grown.sum() > 1.5 * red.sum()


def test_what_it_cannot_do_is_said_before_any_work() -> None:
    with pytest.raises(ModelError, match="moves a thing to a side"):
        RUN("Make the man wave in {image}.", [PHOTOGRAPHER], task="edit_motion", seed=1)
    with pytest.raises(ModelError, match="needs the picture to put things into"):
        RUN("Put the man in.", [PHOTOGRAPHER], task="fuse_layers", seed=1)
    with pytest.raises(InputError, match="no zebra was found"):
        RUN("Move the zebra to the left in {image}.", [COFFEE], task="edit_motion", seed=1)


def test_a_name_beyond_the_detectors_is_the_subject_where_the_classifier_agrees() -> None:
    rocket = find_region(ROCKET, "the rocket")
    assert rocket.taken_for == "the subject, which may be a rocket"
    assert 0.002 < (np.asarray(rocket.mask) > 127).mean() < 0.4
    for words in ("the lion", "the volcano", "the sofa"):
        with pytest.raises(InputError, match=r"was found|can find"):
            find_region(COFFEE, words)


def test_faces_and_writing_are_regions() -> None:
    face = np.asarray(find_region(Image.open(FOLDER / "astronaut.jpg"), "her face").mask) > 127
    x, y = center(face)
    assert 85 < x < 140
    assert 25 < y < 95
    for words, message in (("the faces", "no face"), ("the text", "no text")):
        with pytest.raises(InputError, match=message):
            find_region(COFFEE, words)


def test_sky_behind_a_tower_is_sky_on_both_sides() -> None:
    scene = Image.new("RGB", (200, 160), (110, 160, 210))
    scene.paste((90, 70, 40), (0, 120, 200, 160))
    scene.paste((60, 40, 30), (120, 0, 140, 160))
    scene.paste((60, 40, 30), (120, 0, 200, 12))  # a branch cuts the right side off from the top
    mask = np.asarray(find_region(scene, "the sky").mask) > 127
    assert mask[20:110, 10:110].mean() > 0.95
    assert mask[25:110, 150:195].mean() > 0.9
    assert mask[125:].mean() < 0.05
