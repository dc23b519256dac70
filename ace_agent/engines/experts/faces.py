"""Faces in a picture, by BlazeFace (arXiv 1907.05047): in the whole picture, and in the upper part of every person."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from ace_agent.engines.experts.detector import Detection, detect, overlap
from ace_agent.engines.experts.networks import run

SIDE = 128
SURE = 0.6
"""Score from which a face counts."""
SAME = 0.3
"""Boxes that overlap more are of one face."""


def faces(image: Image.Image) -> list[Detection]:
    """The faces in a picture of any size, the surest first."""
    width, height = image.size
    views = [(0, 0, width, height)]
    for person in detect(image):
        if person.name == "person":
            left, top, right, bottom = person.box
            side = max(right - left, (bottom - top) // 2) * 1.15
            middle = (left + right) / 2
            start = top - 0.08 * side
            views.append(
                (round(middle - side / 2), round(start), round(middle + side / 2), round(start + side))
            )
    found = sorted((face for view in views for face in _in_view(image, view)), key=lambda one: -one.score)
    kept: list[Detection] = []
    for one in found:
        if all(overlap(np.array(one.box), np.array(other.box)) < SAME for other in kept):
            kept.append(one)
    return kept


def face_mask(image: Image.Image, found: list[Detection]) -> Image.Image:
    """An L mask of the heads' ovals, with soft edges."""
    mask = Image.new("L", image.size)
    draw = ImageDraw.Draw(mask)
    for one in found:
        left, top, right, bottom = one.box
        across, down = (right - left) * 0.06, (bottom - top) * 0.22
        draw.ellipse((left - across, top - down, right + across, bottom + down / 2), fill=255)
    return mask.filter(ImageFilter.GaussianBlur(max(image.size) / 600))


def _in_view(image: Image.Image, view: tuple[int, int, int, int]) -> list[Detection]:
    """The faces in a box of the picture, which may reach over its edge."""
    left, top, right, bottom = view
    side = max(right - left, bottom - top, 8)
    left, top = left - (side - (right - left)) // 2, top - (side - (bottom - top)) // 2
    small = image.convert("RGB").crop((left, top, left + side, top + side))
    pixels = np.asarray(small.resize((SIDE, SIDE), Image.Resampling.BILINEAR), np.float32) / 127.5 - 1
    boxes, scores = run("blazeface", np.ascontiguousarray(pixels.transpose(2, 0, 1)[None]))
    chance = 1 / (1 + np.exp(-np.clip(scores.reshape(-1), -50, 50)))
    found = []
    for row in np.flatnonzero(chance > SURE):
        x, y, across, down = boxes.reshape(-1, 16)[row, :4] / SIDE + np.array([*_anchors()[row], 0, 0])
        corners = np.array([x - across / 2, y - down / 2, x + across / 2, y + down / 2]) * side
        corners += np.array([left, top, left, top])
        box = np.clip(corners, 0, [*image.size, *image.size]).round().astype(int)
        if box[2] - box[0] > 4 and box[3] - box[1] > 4:
            found.append(
                Detection(
                    "face", round(float(chance[row]), 4), (int(box[0]), int(box[1]), int(box[2]), int(box[3]))
                )
            )
    return found


@cache
def _anchors() -> npt.NDArray[np.float64]:
    """Centre of every prediction's anchor, in fractions of the square: two on a 16 x 16 grid, six on 8 x 8."""
    rows = [
        ((x + 0.5) / cells, (y + 0.5) / cells)
        for cells, each in ((16, 2), (8, 6))
        for y in range(cells)
        for x in range(cells)
        for _ in range(each)
    ]
    return np.array(rows)
