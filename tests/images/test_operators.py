from __future__ import annotations

import numpy as np
import pytest

from ace_agent.images import operators


@pytest.fixture
def square() -> np.ndarray:
    image = np.full((64, 64, 3), 200, np.uint8)
    image[16:48, 16:48] = (180, 30, 30)
    return image


def test_edges_lie_where_colours_meet(square: np.ndarray) -> None:
    edges = operators.edges(square)
    assert edges[16, 32].min() == 255
    assert edges[32, 32].max() == 0
    assert edges[4, 4].max() == 0


def test_grayscale_is_luminance(square: np.ndarray) -> None:
    gray = operators.grayscale(square)
    assert (gray[..., 0] == gray[..., 2]).all()
    assert gray[0, 0, 0] == 200
    assert abs(int(gray[32, 32, 0]) - round(0.299 * 180 + 0.587 * 30 + 0.114 * 30)) <= 1


def test_mosaic_blocks_are_of_one_colour(square: np.ndarray) -> None:
    blocks = operators.mosaic(square, 8)
    tile = blocks[8:16, 16:24]
    assert (tile == tile[0, 0]).all()


def test_outline_surrounds_without_filling() -> None:
    mask = np.zeros((32, 32), np.uint8)
    mask[8:24, 8:24] = 255
    line = operators.outline([mask])
    assert line[7, 16, 0] == 255
    assert line[16, 16, 0] == 0


def test_haze_thickens_with_distance(square: np.ndarray) -> None:
    depth = np.full((64, 64), 255, np.uint8)
    depth[:32] = 0
    hazy = operators.haze(square, depth)
    assert np.array_equal(hazy[32:], square[32:])
    assert (hazy[20, 20].astype(int) - square[20, 20]).max() > 60


def test_noise_is_of_its_seed(square: np.ndarray) -> None:
    assert np.array_equal(operators.noise(square, 4, 20), operators.noise(square, 4, 20))
    assert not np.array_equal(operators.noise(square, 4, 20), operators.noise(square, 5, 20))


@pytest.mark.parametrize("name", [*operators.FILTERS, *operators.ADJUSTMENTS])
def test_every_filter_shows_and_keeps_shape(name: str) -> None:
    ramp = np.linspace(20, 235, 64).astype(np.uint8)
    image = np.stack(
        [np.tile(ramp, (64, 1)), np.tile(ramp[:, None], (1, 64)), np.full((64, 64), 90, np.uint8)], -1
    )
    before = image.copy()
    changed = {**operators.FILTERS, **operators.ADJUSTMENTS}[name](image)
    assert changed.shape == image.shape
    assert changed.dtype == np.uint8
    assert np.array_equal(image, before)
    if name != "blurry":
        assert np.abs(changed.astype(int) - image).mean() > 4
