from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from ace_agent.images import operators
from ace_agent.images.types import Pixels


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


def test_contours_surround_without_filling() -> None:
    mask = np.zeros((32, 32), np.uint8)
    mask[8:24, 8:24] = 255
    line = operators.contours([mask])
    assert line[7, 16, 0] == 255
    assert line[16, 16, 0] == 0


def test_haze_thickens_with_distance(square: np.ndarray) -> None:
    depth = np.full((64, 64), 255, np.uint8)
    depth[:32] = 0
    hazy = operators.haze(square, depth)
    assert np.array_equal(hazy[32:], square[32:])
    assert (hazy[20, 20].astype(int) - square[20, 20]).max() > 60


def test_noise_is_determined_by_its_seed(square: np.ndarray) -> None:
    assert np.array_equal(operators.noise(square, 4, 20), operators.noise(square, 4, 20))
    assert not np.array_equal(operators.noise(square, 4, 20), operators.noise(square, 5, 20))


@pytest.fixture
def photograph() -> np.ndarray:
    """1.6 megapixels of smooth noise, enough to be processed in bands."""
    coarse = np.random.default_rng(3).integers(0, 255, (60, 50, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((1150, 1400), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("operator", [operators.edges, operators.doodle])
def test_large_images_are_processed_in_bands_without_seams(
    operator: Callable[[Pixels], Pixels], photograph: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_bands = operator(photograph)
    monkeypatch.setattr(operators, "_WHOLE", photograph.size)
    assert np.array_equal(in_bands, operator(photograph))


def test_contours_are_thicker_in_larger_images() -> None:
    widths = []
    for side in (128, 512, 3000):
        mask = np.zeros((side, side), np.uint8)
        mask[side // 4 : side // 2, side // 4 : side // 2] = 255
        widths.append(int((operators.contours([mask])[side // 3, :, 0] > 0).sum()) // 2)
    assert widths == [1, 2, 7]  # half of 3, 5 and 15 pixels, which lie outside the mask


def test_later_segments_lie_over_earlier_ones() -> None:
    low, high = np.zeros((8, 8), np.uint8), np.zeros((8, 8), np.uint8)
    low[:6], high[4:] = 255, 255
    painted = operators.paint_segments([low, high], [(1, 2, 3), None])
    assert tuple(painted[0, 0]) == (1, 2, 3)
    assert tuple(painted[5, 0]) == tuple(painted[7, 0]) not in ((0, 0, 0), (1, 2, 3))


@pytest.mark.parametrize("kind", ["rain", "snow"])
def test_precipitation_is_determined_by_its_seed_and_fits_any_size(
    kind: operators.Precipitation, square: np.ndarray, photograph: np.ndarray
) -> None:
    for image in (square, photograph):
        falling = operators.precipitation(image, kind, 5)
        assert falling.shape == image.shape
        assert np.array_equal(falling, operators.precipitation(image, kind, 5))
        assert 0.001 < (falling != image).any(-1).mean() < 0.6


def test_tiny_images_can_lose_resolution_too() -> None:
    assert operators.lower_resolution(np.zeros((3, 2, 3), np.uint8), 4).shape == (3, 2, 3)
