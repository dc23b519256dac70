"""Specialists on a photograph that the repository may show: by pixels, not by eye."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ace_agent.engines.experts.detector import detect
from ace_agent.engines.experts.local import _CUT, _RECOLORED, _REMOVED, PhotoEdits, thing_in
from ace_agent.engines.experts.networks import NETWORKS, session
from ace_agent.engines.experts.regions import find_region
from ace_agent.errors import AceError, InputError

FOLDER = Path(__file__).parents[3] / "docs/photographs"
COFFEE = Image.open(FOLDER / "coffee.jpg").convert("RGB")
ROCKET = Image.open(FOLDER / "rocket.jpg").convert("RGB")
RUN = PhotoEdits()


def share(mask: Image.Image) -> float:
    return float((np.asarray(mask) > 127).mean())


def edited(
    task: str, instruction: str, image: Image.Image, mask: Image.Image | None = None, **options: object
) -> Image.Image:
    return RUN(instruction, [image], [mask], task=task, seed=3, options=options).images[0]


@pytest.mark.parametrize(
    ("instruction", "pattern", "thing"),
    [
        ("Remove the cup from {image}.", _REMOVED, "the cup"),
        ("Take the man on the left out of {image}.", _REMOVED, "the man on the left"),
        ("Cut the dog out from {image}.", _CUT, "the dog"),
        ("Cut the statue out of {image}.", _CUT, "the statue"),
        ("Make the motorcycle green in {image}.", _RECOLORED, "the motorcycle"),
        ("Make the car in {image} green.", _RECOLORED, "the car"),
        ("Paint the left wall in {image} to blue.", _RECOLORED, "the left wall"),
        ("Do something to {image}.", _RECOLORED, None),
    ],
)
def test_the_thing_that_an_instruction_speaks_of(
    instruction: str, pattern: object, thing: str | None
) -> None:
    assert thing_in(instruction, pattern) == thing  # type: ignore[arg-type]


def test_the_networks_that_ship_are_whole_and_small() -> None:
    assert sum(network.path.stat().st_size for network in NETWORKS.values()) < 20_000_000
    for name in NETWORKS:
        session(name)


def test_things_are_found_by_the_words_that_people_use() -> None:
    assert detect(COFFEE)[0].name == "cup"
    mug = find_region(COFFEE, "my mug")
    assert mug.taken_for == "the cup"
    assert 0.05 < share(mug.mask) < 0.5
    rest = find_region(COFFEE, "everything but the cup")
    assert share(rest.mask) == pytest.approx(1 - share(mug.mask), abs=0.02)


def test_what_is_not_there_is_refused_with_what_is() -> None:
    with pytest.raises(InputError, match="no dog was found") as caught:
        find_region(COFFEE, "the dog")
    assert "cup" in caught.value.hint
    with pytest.raises(InputError, match="can find 'gnome'"):
        find_region(COFFEE, "gnome")
    with pytest.raises(InputError, match="which region"):
        find_region(COFFEE, " ")


@pytest.mark.parametrize(("words", "part"), [("the left half", 0.5), ("top", 0.5), ("the middle", 0.25)])
def test_sides_need_no_network(words: str, part: float) -> None:
    assert share(find_region(COFFEE, words).mask) == pytest.approx(part, abs=0.02)


def test_the_sky_is_the_upper_part_of_a_rocket_launch() -> None:
    sky = np.asarray(find_region(ROCKET, "the sky").mask) > 127
    assert sky[: len(sky) // 3].mean() > 0.7
    with pytest.raises(InputError, match="no sky"):
        find_region(Image.new("RGB", (200, 200), (30, 120, 30)), "sky")


def test_a_removal_changes_the_hole_alone_and_is_the_same_again() -> None:
    mask = Image.new("L", COFFEE.size)
    mask.paste(255, (20, 20, 60, 60))
    once = edited("remove", "Remove it.", COFFEE, mask)
    outside = np.asarray(mask) == 0
    assert np.array_equal(np.asarray(once)[outside], np.asarray(COFFEE)[outside])
    inside = ~outside
    assert not np.array_equal(np.asarray(once)[inside], np.asarray(COFFEE)[inside])
    assert np.array_equal(np.asarray(once), np.asarray(edited("remove", "Remove it.", COFFEE, mask)))


def test_a_cut_out_is_clear_around_its_subject() -> None:
    cut = np.asarray(edited("extract_foreground", "Cut the subject out of {image}.", ROCKET))
    assert cut.shape[2] == 4
    assert cut[:40, :40, 3].max() < 30
    assert 0.005 < (cut[..., 3] > 127).mean() < 0.5


def test_a_recoloured_thing_keeps_its_light_and_shade() -> None:
    blue = np.asarray(edited("edit_color", "Make the cup in {image} blue.", COFFEE)).astype(float)
    before = np.asarray(COFFEE).astype(float)
    changed = np.abs(blue - before).max(2) > 30
    assert 0.02 < changed.mean() < 0.5
    assert (blue[changed][:, 2] > blue[changed][:, 0]).mean() > 0.9
    light, shade = before[changed].mean(1), blue[changed].mean(1)
    assert np.corrcoef(light, shade)[0, 1] > 0.7


def test_backgrounds(tmp_path: Path) -> None:
    plain = np.asarray(edited("background", "", ROCKET, fill="color", color="red"))
    assert tuple(plain[5, 5]) == (255, 0, 0)
    assert edited("background", "", ROCKET, fill="transparent").mode == "RGBA"
    other = RUN(
        "", [ROCKET, COFFEE], [None, None], task="background", seed=0, options={"fill": "image"}
    ).images[0]
    assert other.size == ROCKET.size
    with pytest.raises(InputError, match="which picture"):
        edited("background", "", ROCKET, fill="image")


def test_what_needs_new_content_is_refused() -> None:
    with pytest.raises(AceError, match="paints nothing new"):
        edited("inpaint", 'Fill the mask of {image} with "a pond".', COFFEE, Image.new("L", COFFEE.size, 255))
    with pytest.raises(AceError, match="no colour"):
        edited("edit_color", "Make the cup in {image} nicer.", COFFEE)
    with pytest.raises(InputError, match="no outline was found"):
        edited(
            "extract_foreground", "Cut the dog out of {image}.", Image.open(FOLDER / "cat.jpg").convert("RGB")
        )
    with pytest.raises(InputError, match="nearly all of the picture"):
        edited("remove", "Remove it.", COFFEE, Image.new("L", COFFEE.size, 255))
