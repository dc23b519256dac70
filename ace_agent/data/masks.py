"""Masks as people draw them."""

from __future__ import annotations

import random

import numpy as np
from PIL import Image, ImageDraw

from ace_agent.data.errors import Unfit
from ace_agent.images import rank_filters
from ace_agent.images.types import Pixels


def around(rng: random.Random, region: Pixels) -> Pixels:
    """A loose mask around ``region``: a box, an oval or a thick brush stroke.

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
        # An oval around a box is wider by the square root of two.
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
    """A box or an oval somewhere in a square image, a third to two thirds of it wide, uint8 [size, size]."""
    mask = Image.new("L", (size, size))
    w, h = (rng.uniform(0.35, 0.65) * size for _ in range(2))
    x, y = rng.uniform(0, size - w), rng.uniform(0, size - h)
    pen = ImageDraw.Draw(mask)
    shape = pen.rectangle if rng.random() < 0.6 else pen.ellipse
    shape((x, y, x + w, y + h), fill=255)
    return np.asarray(mask)


def hole(rng: random.Random, width: int, height: int) -> Pixels:
    """A box, an oval or a few strokes of a brush somewhere in an image of any shape, uint8 [H, W]."""
    if rng.random() < 0.6:
        square = anywhere(rng, 256)
        return np.asarray(Image.fromarray(square).resize((width, height), Image.Resampling.NEAREST))
    return _strokes(rng, width, height)


def _strokes(rng: random.Random, width: int, height: int) -> Pixels:
    mask = Image.new("L", (width, height))
    pen = ImageDraw.Draw(mask)
    short = min(width, height)
    for _ in range(rng.randint(1, 3)):
        thick = round(rng.uniform(0.08, 0.2) * short)
        x, y = rng.uniform(0.15, 0.85) * width, rng.uniform(0.15, 0.85) * height
        for _ in range(rng.randint(2, 5)):
            to_x = min(max(x + rng.uniform(-0.3, 0.3) * width, 0), width)
            to_y = min(max(y + rng.uniform(-0.3, 0.3) * height, 0), height)
            pen.line((x, y, to_x, to_y), fill=255, width=thick)
            pen.ellipse((to_x - thick / 2, to_y - thick / 2, to_x + thick / 2, to_y + thick / 2), fill=255)
            x, y = to_x, to_y
    return np.asarray(mask)
