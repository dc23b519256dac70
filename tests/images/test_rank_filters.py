"""Rank filters give Pillow's results."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from ace_agent.images import rank_filters


@pytest.mark.parametrize("shape", [(17, 23, 3), (12, 9), (3, 3), (5, 128, 3)])
def test_results_are_those_of_pillow(shape):
    rng = np.random.default_rng(0)
    for levels in (256, 4):
        image = rng.integers(0, levels, shape, dtype=np.uint8)
        picture = Image.fromarray(image)
        for side in (3, 5):
            wanted = picture.filter(ImageFilter.MaxFilter(side))
            assert np.array_equal(rank_filters.maximum(image, side), np.asarray(wanted))
            wanted = picture.filter(ImageFilter.MinFilter(side))
            assert np.array_equal(rank_filters.minimum(image, side), np.asarray(wanted))
        assert np.array_equal(
            rank_filters.median(image), np.asarray(picture.filter(ImageFilter.MedianFilter(3)))
        )
