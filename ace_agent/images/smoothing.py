"""The guided filter (He et al., ECCV 2010): smoothing that keeps edges."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

Plane = npt.NDArray[np.floating]
_BAND = 1 << 21
"""Pixels that are filtered at a time."""


def smoothed(image: Image.Image, radius: int, strength: float) -> Image.Image:
    """An RGB picture without the detail whose contrast is below `strength` (0..1), by its own luminance.

    It runs in bands of rows, so that it takes a few copies of two megapixels whatever the picture's size.
    """
    pixels = np.asarray(image.convert("RGB"))
    height, width = pixels.shape[:2]
    rows = max(4 * radius, _BAND // width)
    result = np.empty_like(pixels)
    for top in range(0, height, rows):
        above, below = max(0, top - 2 * radius), min(height, top + rows + 2 * radius)
        band = pixels[above:below].astype(np.float32) / 255
        guide = band @ np.array([0.299, 0.587, 0.114], np.float32)
        kept = slice(top - above, min(top + rows, height) - above)
        for channel in range(3):
            slope, offset = linear(guide, band[..., channel], radius, strength**2)
            plane = slope * guide + offset
            result[top : top + rows, :, channel] = np.clip(plane[kept] * 255 + 0.5, 0, 255).astype(np.uint8)
    return Image.fromarray(result)


def linear(guide: Plane, target: Plane, radius: int, smooth: float) -> tuple[Plane, Plane]:
    """Slope and offset by which the guide gives the target in each neighbourhood, averaged over neighbourhoods."""
    mean_guide, mean_target = _box(guide, radius), _box(target, radius)
    covariance = _box(guide * target, radius) - mean_guide * mean_target
    slope = covariance / (_box(guide * guide, radius) - mean_guide**2 + smooth)
    return _box(slope, radius), _box(mean_target - slope * mean_guide, radius)


def _box(plane: Plane, radius: int) -> Plane:
    """Mean over squares of `2 radius + 1` pixels, edges repeated."""
    padded = np.pad(plane.astype(np.float64), radius + 1, mode="edge")
    total = padded.cumsum(0).cumsum(1)
    side = 2 * radius + 1
    height, width = plane.shape
    window = (
        total[side : side + height, side : side + width]
        - total[:height, side : side + width]
        - total[side : side + height, :width]
        + total[:height, :width]
    )
    return (window / side**2).astype(np.float32)
