"""Windows of scenes: what an edit does to nearby pixels is learned from a quarter of the picture, at two fifths of the
cost.
"""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np

from ace_agent.data.sample import TrainingTurn
from ace_agent.images.types import Pixels
from ace_agent.references.types import Placement

WINDOW = 64
"""Side of a window in pixels."""
STEP = 16
"""Windows start at multiples of so many pixels, as do tokens and the blocks of mosaics and pixel art."""

CROP_WEIGHTS: dict[str, float] = {
    "restore": 4.0, "demosaic": 2.0, "degrade": 1.5, "grayscale": 1.0, "mosaic": 1.0,
    "remove_text": 3.0, "remove": 2.0, "add": 3.0, "extract_foreground": 1.0,
    "edit_style": 3.0, "edit_face": 4.0, "edit_color": 3.0, "edit_texture": 2.0,
    "edit_motion": 4.0, "try_on": 4.0, "face_swap": 4.0,
}  # fmt: skip
"""Weights of the tasks that windows are drawn from: those with one right answer, decided near the changed pixels."""

PIXELWISE = frozenset(
    ("restore", "demosaic", "degrade", "grayscale", "mosaic", "edit_style", "extract_foreground")
)
"""Tasks for which any window will do. For the others everything that changes must be inside, since what they copy from
outside would be hidden."""


def fits(turn: TrainingTurn) -> bool:
    """Whether a window can hold everything that the turn's answer needs."""
    return turn.task in PIXELWISE or all(
        len(changed) == 0 or changed[-1] - changed[0] < WINDOW - STEP for changed in _changed(turn)
    )


def cropped(turn: TrainingTurn, rng: random.Random) -> TrainingTurn:
    """The turn with its base image and answer cropped to a window around what changes; other frames stay whole."""
    assert turn.base is not None
    size = turn.target.shape[:2]
    top, left = (_start(changed, size[axis], rng) for axis, changed in enumerate(_changed(turn)))
    frames = list(turn.frames)
    base = frames[turn.base]
    frames[turn.base] = replace(
        base,
        image=_window(base.image, top, left),
        mask=None if base.mask is None else _window(base.mask, top, left),
        placements=tuple(_moved(place, size, top, left) for place in base.placements),
    )
    return replace(
        turn,
        frames=tuple(frames),
        target=_window(turn.target, top, left),
        region=None if turn.region is None else _window(turn.region, top, left),
        placements=tuple(_moved(place, size, top, left) for place in turn.placements),
    )


def _changed(turn: TrainingTurn) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns in which the answer differs from the base image."""
    assert turn.base is not None
    differs = (turn.frames[turn.base].image != turn.target).any(-1)
    return np.flatnonzero(differs.any(1)), np.flatnonzero(differs.any(0))


def _start(changed: np.ndarray, side: int, rng: random.Random) -> int:
    """Where a window starts along one side, so that it holds everything that changes, or else some of it."""
    last = side - WINDOW
    if len(changed) == 0:
        low, high = 0, last
    elif changed[-1] - changed[0] < WINDOW - STEP:
        low, high = int(changed[-1]) - WINDOW + 1, int(changed[0])
    else:
        pixel = int(rng.choice(changed))
        low, high = pixel - WINDOW + 1, pixel
    first, final = -(-max(low, 0) // STEP), min(high, last) // STEP
    return STEP * rng.randint(first, max(first, final))


def _window(pixels: Pixels, top: int, left: int) -> Pixels:
    return pixels[top : top + WINDOW, left : left + WINDOW]


def _moved(place: Placement, size: tuple[int, ...], top: int, left: int) -> Placement:
    """A placement in fractions of the window; it may reach beyond it."""
    height, width = size
    return replace(
        place,
        x=(place.x * width - left) / WINDOW,
        y=(place.y * height - top) / WINDOW,
        w=place.w * width / WINDOW,
        h=place.h * height / WINDOW,
        parts=tuple(_moved(part, size, top, left) for part in place.parts),
    )
