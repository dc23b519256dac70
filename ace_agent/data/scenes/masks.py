"""Masks as a person draws them, and what truly changed."""

from __future__ import annotations

import random

import numpy as np
from PIL import Image, ImageDraw

from ace_agent.data.errors import Unfit
from ace_agent.images import rank_filters
from ace_agent.images.types import Pixels

CHANGED = 6
"""A pixel whose strongest channel moves by more grey levels than this has changed."""


def difference(before: Pixels, after: Pixels) -> Pixels:
    """Where two uint8 [H, W, 3] pictures differ, uint8 [H, W] of 0 and 255."""
    apart = np.maximum(before, after) - np.minimum(before, after)
    # Twenty times as fast as a maximum over an axis of three.
    strongest = np.maximum(np.maximum(apart[..., 0], apart[..., 1]), apart[..., 2])
    return np.where(strongest > CHANGED, np.uint8(255), np.uint8(0))


def around(rng: random.Random, region: Pixels) -> Pixels:
    """A mask that covers ``region`` loosely: a box, an oval or a thick brush stroke.

    Raises:
        Unfit: ``region`` is empty.
    """
    box = Image.fromarray(region).getbbox()
    if box is None:
        raise Unfit("nothing to cover")
    height, width = region.shape
    form = rng.random()
    if form < 0.3:
        return _brush(region)
    margin = rng.uniform(0.02, 0.06) * width
    left, top, right, bottom = box[0] - margin, box[1] - margin, box[2] + margin, box[3] + margin
    mask = Image.new("L", (width, height))
    pen = ImageDraw.Draw(mask)
    if form < 0.75:
        pen.rectangle((left, top, right, bottom), fill=255)
    else:
        # An oval around a box is wider than it by the square root of two.
        grow_x, grow_y = (right - left) * 0.21, (bottom - top) * 0.21
        pen.ellipse((left - grow_x, top - grow_y, right + grow_x, bottom + grow_y), fill=255)
    return np.maximum(np.asarray(mask), region)


def _brush(region: Pixels) -> Pixels:
    height, width = region.shape
    coarse = Image.fromarray(region).resize((width // 4, height // 4), Image.Resampling.BOX)
    solid = np.where(np.asarray(coarse) > 0, np.uint8(255), np.uint8(0))
    thick = Image.fromarray(rank_filters.maximum(solid, 5))
    grown = thick.resize((width, height), Image.Resampling.NEAREST)
    return np.maximum(np.asarray(grown), region)


def anywhere(rng: random.Random, size: int) -> Pixels:
    """A box or an oval somewhere in the picture, a quarter to half of it wide, uint8 [H, W]."""
    mask = Image.new("L", (size, size))
    w, h = (rng.uniform(0.35, 0.65) * size for _ in range(2))
    x, y = rng.uniform(0, size - w), rng.uniform(0, size - h)
    pen = ImageDraw.Draw(mask)
    shape = pen.rectangle if rng.random() < 0.6 else pen.ellipse
    shape((x, y, x + w, y + h), fill=255)
    return np.asarray(mask)


def composite(mask: Pixels, inside: Pixels, outside: Pixels) -> Pixels:
    """``inside`` where ``mask`` is 255, else ``outside``; all uint8 [H, W, ...]."""
    return np.where(mask[..., None] > 127, inside, outside)
