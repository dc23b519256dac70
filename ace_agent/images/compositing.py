"""Compositing two images by a mask, and finding where they differ."""

from __future__ import annotations

import numpy as np

from ace_agent.images.types import Pixels

CHANGED = 6
"""A pixel whose strongest channel moves by more grey levels than this has changed."""
_BLANK = 128


def changed_mask(before: Pixels, after: Pixels) -> Pixels:
    """Where two uint8 [H, W, 3] images differ, uint8 [H, W] of 0 and 255."""
    apart = np.maximum(before, after) - np.minimum(before, after)
    # Twenty times as fast as a maximum over an axis of three.
    strongest = np.maximum(np.maximum(apart[..., 0], apart[..., 1]), apart[..., 2])
    return np.where(strongest > CHANGED, np.uint8(255), np.uint8(0))


def composite(mask: Pixels, inside: Pixels, outside: Pixels) -> Pixels:
    """``inside`` where ``mask``, uint8 [H, W], is more than half white, else ``outside``; both uint8 [H, W, 3]."""
    return np.where(mask[..., None] > 127, inside, outside)


def blank_out(image: Pixels, mask: Pixels) -> Pixels:
    """The image, uint8 [H, W, 3], with mid-grey where ``mask`` is white and it is to be repainted."""
    return composite(mask, np.full_like(image, _BLANK), image)
