from __future__ import annotations

import numpy as np

from ace_agent.images.skeletons import draw_skeletons, has_bone

BODY = {"neck": (40.0, 20.0), "left hip": (40.0, 60.0), "left wrist": (70.0, 30.0)}


def test_bones_have_their_colour_and_joints_are_white() -> None:
    drawn = draw_skeletons([BODY], 80, 100, joint=0.03)
    assert drawn.shape == (80, 100, 3)
    assert tuple(drawn[40, 40]) == (0, 255, 170)  # neck to left hip
    assert tuple(drawn[30, 70]) == (255, 255, 255)  # a joint without neighbours
    assert drawn[0].max() == 0


def test_large_images_are_drawn_at_the_same_places() -> None:
    """Large images are not drawn at twice the size first: for 12 megapixels that would take 144 MB."""
    large = draw_skeletons([{name: (20 * x, 20 * y) for name, (x, y) in BODY.items()}], 1600, 2000)
    assert tuple(large[800, 800]) == (0, 255, 170)
    assert tuple(large[600, 1400]) == (255, 255, 255)


def test_a_body_without_two_neighbouring_joints_has_no_bone() -> None:
    assert has_bone(BODY)
    assert not has_bone({"neck": (0, 0), "left wrist": (1, 1)})
    assert not np.any(draw_skeletons([], 8, 8))
