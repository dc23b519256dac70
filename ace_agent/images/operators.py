"""Operators on images: the maps of visual analysis, and degradations.

Every operator takes and gives uint8 [H, W, 3] of any size unless it says otherwise, and is deterministic. Training,
the pairs made from photographs and the product share them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from ace_agent.images import rank_filters
from ace_agent.images.types import Pixels

Floats = npt.NDArray[np.floating]
Precipitation = Literal["rain", "snow"]

_WHOLE = 1 << 20  # pixels; larger images are processed in bands
_BAND = 1 << 19  # pixels in a band


def _in_bands(operator: Callable[[Pixels], Pixels], image: Pixels, halo: int) -> Pixels:
    """Apply ``operator`` to an image, one band of rows at a time if the image is large.

    The floating-point planes of 12 megapixels would take a gigabyte. ``halo`` is how many rows above and below a
    pixel the operator reads; the result is the same to the bit.
    """
    height, width = image.shape[:2]
    if height * width <= _WHOLE:
        return operator(image)
    rows = max(1, _BAND // width)
    bands = []
    for top in range(0, height, rows):
        start, stop = max(0, top - halo), min(height, top + rows + halo)
        bands.append(operator(image[start:stop])[top - start : min(height, top + rows) - start])
    return np.concatenate(bands)


# ---- analysis


def gray(image: Pixels) -> Pixels:
    """Luminance, uint8 [H, W]."""
    return np.asarray(Image.fromarray(image).convert("L"))


def to_rgb(plane: Pixels) -> Pixels:
    """A uint8 [H, W] plane as a grey image."""
    return np.repeat(plane[..., None], 3, axis=2)


def grayscale(image: Pixels) -> Pixels:
    return to_rgb(gray(image))


def _gradient(image: Pixels) -> Floats:
    """Strongest Sobel magnitude of the channels of uint8 [H, W, C] at each pixel, in grey levels."""
    planes = [rank_filters.padded(image[..., channel], 1) for channel in range(image.shape[2])]
    p = np.stack(planes).astype(np.int16)  # integers, so that one square root serves all channels
    across, down = p[:, :, 2:] - p[:, :, :-2], p[:, 2:] - p[:, :-2]
    across = across[:, :-2] + 2 * across[:, 1:-1] + across[:, 2:]
    down = down[:, :, :-2] + 2 * down[:, :, 1:-1] + down[:, :, 2:]
    squared = np.square(across, dtype=np.float32) + np.square(down, dtype=np.float32)
    magnitude: Floats = np.sqrt(squared.max(0)) / 4
    return magnitude


def edges(image: Pixels, *, threshold: float = 10, gain: float = 6) -> Pixels:
    """White edges on black: the strongest colour gradient at each pixel, in grey levels, less ``threshold``, times
    ``gain``."""

    def drawn(part: Pixels) -> Pixels:
        return to_rgb(np.clip((_gradient(part) - threshold) * gain, 0, 255).astype(np.uint8))

    return _in_bands(drawn, image, 1)


def contours(masks: Sequence[Pixels], width: int | None = None) -> Pixels:
    """White outlines of masks on black.

    Args:
        masks: uint8 [H, W], 255 inside; at least one.
        width: an odd number of pixels; None for 3, or 5 from 384 pixels a side on, growing with larger images.
    """
    odd = _line_width(masks[0].shape) if width is None else width
    return to_rgb(np.maximum.reduce([_ring(mask > 127, odd) for mask in masks]))


def _line_width(shape: tuple[int, ...]) -> int:
    short = min(shape[:2])
    return 3 if short < 384 else max(5, short // 400 * 2 + 1)


def _ring(inside: npt.NDArray[np.bool_], width: int) -> Pixels:
    """255 around a shape, bool [H, W], half `width` pixels wide."""
    solid = np.where(inside, np.uint8(255), np.uint8(0))
    return rank_filters.maximum(solid, width) - solid


def scribble(masks: Sequence[Pixels], width: int = 5) -> Pixels:
    """Wobbly black outlines of masks on white, as a hand draws them from a coarse view.

    Args:
        masks: uint8 [H, W], 255 inside; at least one.
        width: an odd number of pixels.
    """
    high, wide = masks[0].shape
    coarse = (max(14, wide // 6), max(14, high // 6))
    rings = []
    for mask in masks:
        shape = (
            Image.fromarray(mask).resize(coarse, Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(0.6))
        )
        rings.append(_ring(np.asarray(shape.resize((wide, high), Image.Resampling.BICUBIC)) > 100, width))
    return to_rgb(255 - np.maximum.reduce(rings))


def doodle(image: Pixels, width: int = 3) -> Pixels:
    """Coloured crayon lines on white where the image has edges; ``width`` is an odd number of pixels."""

    def drawn(part: Pixels) -> Pixels:
        soft = rank_filters.median(part)
        line = rank_filters.maximum(np.clip((_gradient(soft) - 16) * 7, 0, 255).astype(np.uint8), width)
        ink = rank_filters.minimum(soft, 5).astype(np.float32) * 0.85
        share = line[..., None].astype(np.float32) / 255
        return (255 - (255 - ink) * share).round().astype(np.uint8)

    return _in_bands(drawn, image, max(3, 2 + width // 2))


def mosaic(image: Pixels, block: int) -> Pixels:
    """Squares of about ``block`` pixels, each of one colour: as many as fit whole."""
    height, width = image.shape[:2]
    small = (max(1, width // block), max(1, height // block))
    coarse = Image.fromarray(image).resize(small, Image.Resampling.BOX)
    return np.asarray(coarse.resize((width, height), Image.Resampling.NEAREST))


def paint_segments(masks: Sequence[Pixels], colors: Sequence[tuple[int, int, int] | None]) -> Pixels:
    """A segmentation map, uint8 [H, W, 3], on black.

    Args:
        masks: uint8 [H, W], 255 inside; at least one. Later ones lie over earlier ones.
        colors: of each mask; None takes the next of a series of distinct hues.
    """
    index = np.zeros(masks[0].shape, np.uint16)
    for number, mask in enumerate(masks, 1):
        index[mask > 127] = number
    table = [(0, 0, 0), *(color or _distinct(k) for k, color in enumerate(colors))]
    return np.array(table, np.uint8)[index]


@lru_cache(maxsize=256)
def _distinct(number: int) -> tuple[int, int, int]:
    hue, light = number * 0.618034 % 1, (255, 200, 150)[number % 3]
    red, green, blue = Image.new("HSV", (1, 1), (int(hue * 255), 190, light)).convert("RGB").tobytes()
    return red, green, blue


_TONES = 5  # tones that an image is quantized to
_SMALLEST_SHAPE = 0.01  # of the image
_LARGEST_SHAPE = 0.7


def tone_shapes(image: Pixels) -> list[Pixels]:
    """Masks of areas of one tone, uint8 [H, W] of 0 and 255; none if nothing stands out.

    A stand-in for a segmentation model, which would follow things rather than tones.
    """
    height, width = image.shape[:2]
    scale = max(1, min(height, width) // 128)
    small = Image.fromarray(image).reduce(scale).filter(ImageFilter.MedianFilter(5))
    tones = small.quantize(_TONES, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    # The mode of each neighbourhood removes specks.
    tones = tones.filter(ImageFilter.ModeFilter(7))
    plane = np.asarray(tones.resize((width, height), Image.Resampling.NEAREST))
    found = []
    for tone in range(_TONES):
        mask = np.where(plane == tone, np.uint8(255), np.uint8(0))
        if _SMALLEST_SHAPE < (mask > 0).mean() < _LARGEST_SHAPE:
            found.append(mask)
    return found


# ---- degradations


def blur(image: Pixels, radius: float) -> Pixels:
    """Gaussian blur with a radius in pixels."""
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius)))


def lower_resolution(image: Pixels, factor: int) -> Pixels:
    """The image reduced by ``factor`` and enlarged again."""
    height, width = image.shape[:2]
    small = (max(1, width // factor), max(1, height // factor))
    reduced = Image.fromarray(image).resize(small, Image.Resampling.BOX)
    return np.asarray(reduced.resize((width, height), Image.Resampling.BICUBIC))


def noise(image: Pixels, seed: int, strength: float) -> Pixels:
    """Gaussian noise of ``strength`` grey levels."""
    grain = np.random.default_rng(seed).standard_normal(image.shape, dtype=np.float32)
    return np.clip(image + grain * strength, 0, 255).astype(np.uint8)


_DARK = (((np.arange(256) / 255) ** 1.5) * 0.42 * 255).astype(np.uint8)


def darken(image: Pixels) -> Pixels:
    return _DARK[image]


def haze(
    image: Pixels, depth: Pixels, strength: float = 1.6, veil: tuple[int, int, int] = (216, 220, 226)
) -> Pixels:
    """Fog that thickens with distance: the light that comes through falls off exponentially.

    Args:
        image: uint8 [H, W, 3].
        depth: nearness, uint8 [H, W], 255 is nearest.
        strength: optical thickness at the farthest.
        veil: colour of the fog.
    """
    through = np.exp(-strength * (1 - np.arange(256, dtype=np.float32) / 255))[depth]
    veiled = np.empty_like(image)
    for channel, lit in enumerate(np.array(veil, np.float32)):  # a plane at a time, which is faster
        veiled[..., channel] = image[..., channel] * through + lit * (1 - through)
    return veiled


_VEILS = 24  # distinct veils of rain or snow; a seed picks one


def precipitation(image: Pixels, kind: Precipitation, seed: int) -> Pixels:
    """Rain or snow in front of an image."""
    height, width = image.shape[:2]
    drawn = (
        _veil if height * width <= _WHOLE else _veil.__wrapped__
    )  # a cache of 128 large ones would fill the memory
    color = (214, 226, 240) if kind == "rain" else (255, 255, 255)
    result = Image.fromarray(image)
    result.paste(color, (0, 0), drawn(kind, seed % _VEILS, width, height))
    return np.asarray(result)


@lru_cache(maxsize=128)
def _veil(kind: Precipitation, seed: int, width: int, height: int) -> Image.Image:
    """Opacity of falling rain or snow, "L" of the given size."""
    rng = np.random.default_rng(seed)
    veil = Image.new("L", (2 * width, 2 * height))
    pen = ImageDraw.Draw(veil)
    if kind == "rain":
        slant = float(rng.uniform(-0.3, 0.3))
        thickness = 2 * max(1, height // 1024)
        for x, y, length in rng.random((80, 3)) * (2 * width, 2 * height, 0.06 * height):
            reach = float(length) + 0.14 * height
            pen.line((x, y, x + slant * reach, y + reach), fill=190, width=thickness)
    else:
        for x, y, r in rng.random((120, 3)) * (2 * width, 2 * height, 0.022 * height):
            pen.ellipse((x - r - 1, y - r - 1, x + r + 1, y + r + 1), fill=240)
    return veil.reduce(2)
