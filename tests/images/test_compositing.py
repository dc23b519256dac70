from __future__ import annotations

import numpy as np

from ace_agent.images.compositing import CHANGED, blank_out, changed_mask, composite


def test_a_pixel_changes_if_one_channel_moves_by_a_few_levels() -> None:
    before = np.full((2, 2, 3), 100, np.uint8)
    after = before.copy()
    after[0, 0, 1] += CHANGED
    after[1, 1, 2] -= CHANGED + 1
    assert changed_mask(before, after).tolist() == [[0, 0], [0, 255]]


def test_composites_and_blanks_follow_the_mask() -> None:
    mask = np.array([[255, 0]], np.uint8)
    inside, outside = np.full((1, 2, 3), 9, np.uint8), np.full((1, 2, 3), 7, np.uint8)
    assert composite(mask, inside, outside)[..., 0].tolist() == [[9, 7]]
    assert blank_out(outside, mask)[..., 0].tolist() == [[128, 7]]
