"""Rank filters of uint8 images, [H, W] or [H, W, C]: Pillow's results, several times as fast.

Edge pixels are repeated outwards.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import numpy as np

from ace_agent.images.types import Pixels


def maximum(image: Pixels, side: int) -> Pixels:
    """The maximum of the `side` x `side` pixels around each; `side` is odd."""
    return _along_both(image, side, np.maximum)


def minimum(image: Pixels, side: int) -> Pixels:
    """The minimum of the `side` x `side` pixels around each; `side` is odd."""
    return _along_both(image, side, np.minimum)


def median(image: Pixels) -> Pixels:
    """The median of the three by three pixels around each."""
    # Columns of three are sorted once for the three places that they take part in; the median of nine is that of the
    # largest of the small ones, the middle of the middle ones and the smallest of the large ones.
    around = padded(image, 1)
    low, middle, high = around[:-2], around[1:-1], around[2:]
    low, middle = np.minimum(low, middle), np.maximum(low, middle)
    middle, high = np.minimum(middle, high), np.maximum(middle, high)
    low, middle = np.minimum(low, middle), np.maximum(low, middle)
    smalls = np.maximum(np.maximum(low[:, :-2], low[:, 1:-1]), low[:, 2:])
    middles = _middle(middle[:, :-2], middle[:, 1:-1], middle[:, 2:])
    larges = np.minimum(np.minimum(high[:, :-2], high[:, 1:-1]), high[:, 2:])
    return _middle(smalls, middles, larges)


def _middle(a: Pixels, b: Pixels, c: Pixels) -> Pixels:
    result: Pixels = np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), c))
    return result


def padded(image: Pixels, margin: int) -> Pixels:
    """The image with its edge pixels repeated `margin` times; takes a third of the time of `np.pad`."""
    height, width = image.shape[:2]
    result = np.empty((height + 2 * margin, width + 2 * margin, *image.shape[2:]), image.dtype)
    result[margin : margin + height, margin : margin + width] = image
    result[:margin, margin : margin + width] = image[:1]
    result[margin + height :, margin : margin + width] = image[-1:]
    result[:, :margin] = result[:, margin : margin + 1]
    result[:, margin + width :] = result[:, margin + width - 1 : margin + width]
    return result


def _along_both(image: Pixels, side: int, of: Callable[[Pixels, Pixels], Pixels]) -> Pixels:
    around = padded(image, side // 2)
    height, width = image.shape[:2]
    rows = reduce(of, (around[k : k + height] for k in range(side)))
    return reduce(of, (rows[:, k : k + width] for k in range(side)))
