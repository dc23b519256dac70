"""Where words are written in a picture, by PP-OCR's detector of text."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from ace_agent.engines.experts.networks import run

LONGEST = 960
"""Longer side in pixels at which text is looked for."""
SURE = 0.3
"""How sure the network must be of a pixel."""
SURE_OF_ALL = 0.6
"""How sure it must be of an area on the whole: fur and foam look like writing here and there."""
_TALLEST = 0.35
"""Height of an area, of the picture's, from which it is no line of words."""


def text_mask(image: Image.Image) -> Image.Image:
    """An L mask of the picture's size, 255 on written words and a little around them; black if there are none."""
    scale = min(1.0, LONGEST / max(image.size))
    size = tuple(max(32, round(side * scale / 32) * 32) for side in image.size)
    small = image.convert("RGB").resize((size[0], size[1]), Image.Resampling.BILINEAR)
    pixels = (np.asarray(small, np.float32) / 255 - 0.5) / 0.5
    (found,) = run("text-detector", np.ascontiguousarray(pixels.transpose(2, 0, 1)[None]))
    return (
        _sure_areas(found[0, 0])
        .resize(image.size, Image.Resampling.BILINEAR)
        .point(lambda value: 255 if value > 60 else 0)
    )


def _sure_areas(chance: npt.NDArray[np.float32]) -> Image.Image:
    """The joined areas over `SURE` that hold on the whole, as an L mask."""
    left = Image.fromarray(np.where(chance > SURE, np.uint8(255), np.uint8(0))).copy()
    kept = np.zeros(chance.shape, np.uint8)
    while (box := left.point(lambda value: 255 if value == 255 else 0).getbbox()) is not None:
        row = np.asarray(left.crop((box[0], box[1], box[2], box[1] + 1)))[0]
        ImageDraw.floodfill(left, (box[0] + int(np.argmax(row == 255)), box[1]), 1)
        area = np.asarray(left) == 1
        rows, columns = np.flatnonzero(area.any(1)), np.flatnonzero(area.any(0))
        if chance[area].mean() > SURE_OF_ALL and rows[-1] - rows[0] < _TALLEST * chance.shape[0]:
            # The network marks lines shrunken by two fifths of their height.
            pad = 1 + round(0.5 * min(rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1))
            kept[
                max(0, rows[0] - pad) : rows[-1] + pad + 1, max(0, columns[0] - pad) : columns[-1] + pad + 1
            ] = 255
        left = left.point(lambda value: 0 if value == 1 else value)
    return Image.fromarray(kept)
