"""Styles, hours, weather and mending of photographs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ace_agent.engines.experts.looks import Looks
from ace_agent.errors import ModelError
from ace_agent.images.smoothing import smoothed
from ace_agent.plan.filter_words import named_filter

FOLDER = Path(__file__).parents[3] / "docs/photographs"
COFFEE = Image.open(FOLDER / "coffee.jpg").convert("RGB")
ROCKET = Image.open(FOLDER / "rocket.jpg").convert("RGB")
RUN = Looks()


def done(
    task: str, instruction: str, image: Image.Image = COFFEE, mask: Image.Image | None = None
) -> Image.Image:
    return RUN(instruction, [image], [mask], task=task, seed=1).images[0]


def mean(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB"), np.float32).mean((0, 1))


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("make it look like a watercolour painting", "watercolor"),
        ("turn it into an oil painting", "oil"),
        ("a pencil sketch of it", "pencil"),
        ("make a comic out of it", "comic"),
        ("in the style of Van Gogh", None),
    ],
)
def test_the_filter_that_a_style_means(words: str, name: str | None) -> None:
    assert named_filter(words) == name


def test_a_style_is_a_filter_and_says_so() -> None:
    output = RUN("Make {image} a comic.", [COFFEE], task="edit_style", seed=1)
    assert output.images[0].size == COFFEE.size
    assert output.notes == ["the style is the filter 'comic'"]
    with pytest.raises(ModelError, match="of styles it knows"):
        done("edit_style", "Make {image} a Van Gogh.")


def test_hours_and_weather_move_light_and_colour() -> None:
    plain = mean(COFFEE)
    assert mean(done("edit_scene", "Make {image} night.")).sum() < 0.6 * plain.sum()
    evening, fog = mean(done("edit_scene", "Like sunset.")), done("edit_scene", "Make {image} foggy.")
    assert evening[0] / evening[2] > plain[0] / plain[2]
    assert np.asarray(fog, np.float32).std() < 0.8 * np.asarray(COFFEE, np.float32).std()
    green = Image.new("RGB", (32, 32), (60, 140, 50))
    autumn = mean(done("edit_scene", "Make {image} autumn.", green))
    assert autumn[0] > autumn[1]
    with pytest.raises(ModelError, match="it grades light and colour"):
        done("edit_scene", "Put {image} on the moon.")


def test_mending_does_what_is_asked() -> None:
    noise = np.random.default_rng(0).normal(0, 18, (*COFFEE.size[::-1], 3))
    noisy = Image.fromarray(np.clip(np.asarray(COFFEE) + noise, 0, 255).astype(np.uint8))

    def error(image: Image.Image) -> float:
        return float(np.abs(np.asarray(image, np.float32) - np.asarray(COFFEE, np.float32)).mean())

    assert error(done("restore", "Remove the noise from {image}.", noisy)) < 0.75 * error(noisy)
    dark = COFFEE.point(lambda value: value // 5)
    assert 80 < np.median(np.asarray(done("restore", "Brighten this dark photo.", dark).convert("L"))) < 150
    with pytest.raises(ModelError, match="mark damage with a mask"):
        done("restore", "Remove the scratches.")


def test_a_mask_limits_a_look() -> None:
    mask = Image.new("L", COFFEE.size)
    mask.paste(255, (0, 0, 100, 100))
    night = np.asarray(done("edit_scene", "Make {image} night.", mask=mask))
    same = (night == np.asarray(COFFEE)).all(-1)
    assert same[np.asarray(mask) == 0].all()
    assert not same[:100, :100].all()


def test_smoothing_keeps_edges_and_bands_are_not_seen() -> None:
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:, 32:] = 200
    pixels += np.random.default_rng(1).integers(0, 12, pixels.shape, np.uint8)
    flat = np.asarray(smoothed(Image.fromarray(pixels), 3, 0.06), np.float32)
    assert flat[:, 4:28].std() < 0.5 * pixels[:, 4:28].std()
    assert flat[:, 34:60].mean() - flat[:, 4:30].mean() > 190
    import ace_agent.images.smoothing as module

    whole, band = smoothed(ROCKET, 2, 0.05), module._BAND
    try:
        module._BAND = ROCKET.width * 40
        assert np.abs(np.asarray(smoothed(ROCKET, 2, 0.05), int) - np.asarray(whole, int)).max() <= 1
    finally:
        module._BAND = band
