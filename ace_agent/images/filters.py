"""Filters on whole images: styles, and adjustments of tone and colour.

Every filter takes and gives uint8 [H, W, 3] of any size, and is deterministic.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageChops, ImageOps

from ace_agent.images import rank_filters
from ace_agent.images.operators import Floats, blur, edges, gray, grayscale, mosaic, to_rgb
from ace_agent.images.types import Pixels


def pixel_art(image: Pixels) -> Pixels:
    coarse = Image.fromarray(mosaic(image, max(2, image.shape[1] // 40)))
    few = coarse.quantize(24, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    return np.asarray(few.convert("RGB"))


def pencil_sketch(image: Pixels) -> Pixels:
    """Colour dodge of the image with its blurred negative."""
    plane = gray(image)
    soft = blur(255 - plane, image.shape[1] / 42).astype(np.float32)
    return to_rgb(np.clip(plane * 255.0 / np.maximum(255 - soft, 1), 0, 255).astype(np.uint8))


def sepia(image: Pixels) -> Pixels:
    tone = gray(image).astype(np.float32)[..., None] * np.array([1.07, 0.86, 0.64], np.float32)
    return np.clip(tone, 0, 255).astype(np.uint8)


def poster(image: Pixels) -> Pixels:
    return np.asarray(ImageOps.posterize(Image.fromarray(image), 2)) | np.uint8(0x20)


def watercolor(image: Pixels) -> Pixels:
    """Washed, pale colours with darker rims where they meet."""
    washed = blur(image, image.shape[1] / 90)
    rims = blur(edges(washed), 0.7) // 6
    paper = np.clip(saturate(washed, 1.25) * 0.74 + 62, 0, 255).astype(np.uint8)
    return np.asarray(ImageChops.subtract(Image.fromarray(paper), Image.fromarray(rims)))


def neon(image: Pixels) -> Pixels:
    return np.clip(edges(image) * (0.35 + image / 255.0 * 0.9), 0, 255).astype(np.uint8)


def comic(image: Pixels) -> Pixels:
    """A few bright tones with inked outlines; the median keeps rain and stars from being inked."""
    ink = np.clip(edges(rank_filters.median(image))[..., :1].astype(np.int16) - 70, 0, 110) * 2
    tones = saturate((image // 52 * 52 + 34).astype(np.uint8), 1.3).astype(np.int16)
    return np.clip(tones - ink, 0, 255).astype(np.uint8)


def negative(image: Pixels) -> Pixels:
    return 255 - image


FILTERS: dict[str, Callable[[Pixels], Pixels]] = {
    "pixel art": pixel_art,
    "pencil sketch": pencil_sketch,
    "sepia": sepia,
    "poster": poster,
    "watercolor": watercolor,
    "neon": neon,
    "comic": comic,
    "negative": negative,
    "black and white": grayscale,
}


def _curve(image: Pixels, table: Floats) -> Pixels:
    return np.clip(table, 0, 255).astype(np.uint8)[image]


_LEVELS = np.arange(256, dtype=np.float32)


def saturate(image: Pixels, amount: float) -> Pixels:
    plane = gray(image)[..., None].astype(np.float32)
    return np.clip(plane + (image - plane) * amount, 0, 255).astype(np.uint8)


def warm(image: Pixels, amount: float) -> Pixels:
    """Shift towards red for a positive ``amount``, towards blue for a negative one."""
    gains = np.array([1 + amount, 1, 1 - amount], np.float32)
    return np.clip(image * gains, 0, 255).astype(np.uint8)


ADJUSTMENTS: dict[str, Callable[[Pixels], Pixels]] = {
    "brighter": lambda image: _curve(image, 255 * (_LEVELS / 255) ** 0.6 + 12),
    "darker": lambda image: _curve(image, _LEVELS * 0.58),
    "more contrast": lambda image: _curve(image, (_LEVELS - 128) * 1.55 + 128),
    "less contrast": lambda image: _curve(image, (_LEVELS - 128) * 0.5 + 134),
    "more colorful": lambda image: saturate(image, 1.8),
    "less colorful": lambda image: saturate(image, 0.4),
    "warmer": lambda image: warm(image, 0.2),
    "cooler": lambda image: warm(image, -0.2),
    "blurry": lambda image: blur(image, image.shape[1] / 64),
    "upside down": lambda image: np.ascontiguousarray(image[::-1]),
    "mirrored": lambda image: np.ascontiguousarray(image[:, ::-1]),
}
