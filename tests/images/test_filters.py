from __future__ import annotations

import numpy as np
import pytest

from ace_agent.images import filters


@pytest.mark.parametrize("name", [*filters.FILTERS, *filters.ADJUSTMENTS])
def test_every_filter_changes_the_image_and_keeps_its_shape(name: str) -> None:
    ramp = np.linspace(20, 235, 64).astype(np.uint8)
    image = np.stack(
        [np.tile(ramp, (64, 1)), np.tile(ramp[:, None], (1, 64)), np.full((64, 64), 90, np.uint8)], -1
    )
    before = image.copy()
    changed = {**filters.FILTERS, **filters.ADJUSTMENTS}[name](image)
    assert changed.shape == image.shape
    assert changed.dtype == np.uint8
    assert np.array_equal(image, before)
    if name != "blurry":
        assert np.abs(changed.astype(int) - image).mean() > 4
