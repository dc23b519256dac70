"""The guided filter (He et al., ECCV 2010): smoothing that keeps edges."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

Plane = npt.NDArray[np.floating]
_BAND = 1 << 21
"""Pixels that are filtered at a time."""
_SMALL = 4
"""Radius up to which sums of neighbours are quicker than running totals."""


def without_detail(image: Image.Image, radius: int, strength: float) -> Image.Image:
    """A picture of one channel, L, without the detail whose contrast is below `strength` (0..1)."""
    pixels = np.asarray(image)
    rows = max(4 * radius, _BAND // image.width)
    result = np.empty_like(pixels)
    for top in range(0, image.height, rows):
        above, below = max(0, top - 2 * radius), min(image.height, top + rows + 2 * radius)
        band = pixels[above:below].astype(np.float32) / 255
        slope, offset = linear(band, band, radius, strength**2)
        kept = slice(top - above, min(top + rows, image.height) - above)
        result[top : top + rows] = np.clip((slope * band + offset)[kept] * 255 + 0.5, 0, 255).astype(np.uint8)
    return Image.fromarray(result)


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
    padded = np.pad(plane, radius, mode="edge")
    side = 2 * radius + 1
    height, width = plane.shape
    if radius <= _SMALL:
        rows = padded[:height].copy()
        for step in range(1, side):
            rows += padded[step : step + height]
        mean = rows[:, :width].copy()
        for step in range(1, side):
            mean += rows[:, step : step + width]
        return mean / np.float32(side**2)
    total = np.pad(padded.astype(np.float64), ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    window = total[side:, side:] - total[:-side, side:] - total[side:, :-side] + total[:-side, :-side]
    return (window / side**2).astype(np.float32)
