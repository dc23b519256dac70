"""Operators on finished pictures: edges, mosaics, degradations and filters.

Every operator takes and gives uint8 [H, W, 3] unless it says otherwise, and is deterministic.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

from ace_agent.images import rank_filters
from ace_agent.images.types import Pixels

Floats = npt.NDArray[np.floating]


def gray(image: Pixels) -> Pixels:
    """Luminance, uint8 [H, W]."""
    return np.asarray(Image.fromarray(image).convert("L"))


def to_rgb(plane: Pixels) -> Pixels:
    """A uint8 [H, W] plane as a gray picture."""
    return np.repeat(plane[..., None], 3, axis=2)


def grayscale(image: Pixels) -> Pixels:
    return to_rgb(gray(image))


def blur(image: Pixels, radius: float) -> Pixels:
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius)))


def _gradient(image: Pixels) -> Floats:
    """Strongest Sobel magnitude of the channels of uint8 [H, W, C] at each pixel, in grey levels."""
    planes = [rank_filters.padded(image[..., channel], 1) for channel in range(image.shape[2])]
    p = np.stack(planes).astype(np.int16)  # whole numbers, so that one root does for all channels
    across, down = p[:, :, 2:] - p[:, :, :-2], p[:, 2:] - p[:, :-2]
    across = across[:, :-2] + 2 * across[:, 1:-1] + across[:, 2:]
    down = down[:, :, :-2] + 2 * down[:, :, 1:-1] + down[:, :, 2:]
    squared = np.square(across, dtype=np.float32) + np.square(down, dtype=np.float32)
    magnitude: Floats = np.sqrt(squared.max(0)) / 4
    return magnitude


def edges(image: Pixels) -> Pixels:
    """White edges on black: the strongest colour gradient at each pixel, with a soft threshold."""
    return to_rgb(np.clip((_gradient(image) - 10) * 6, 0, 255).astype(np.uint8))


def outline(masks: Sequence[Pixels], width: int = 3) -> Pixels:
    """White outlines on black of uint8 [H, W] object masks; empty ``masks`` are an error."""
    return to_rgb(np.maximum.reduce([_ring(mask > 127, width) for mask in masks]))


def _ring(inside: npt.NDArray[np.bool_], width: int) -> Pixels:
    """255 around a shape, bool [H, W], half `width` pixels wide."""
    solid = np.where(inside, np.uint8(255), np.uint8(0))
    return rank_filters.maximum(solid, width) - solid


def scribble(masks: Sequence[Pixels]) -> Pixels:
    """Thick wobbly black outlines on white, as of a hand that sees shapes only coarsely."""
    height, width = masks[0].shape
    coarse = (max(14, width // 6), max(14, height // 6))
    rings = []
    for mask in masks:
        shape = (
            Image.fromarray(mask).resize(coarse, Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(0.6))
        )
        rings.append(_ring(np.asarray(shape.resize((width, height), Image.Resampling.BICUBIC)) > 100, 5))
    return to_rgb(255 - np.maximum.reduce(rings))


def doodle(image: Pixels) -> Pixels:
    """Coloured crayon lines on white where the picture has edges."""
    soft = rank_filters.median(image)
    line = rank_filters.maximum(np.clip((_gradient(soft) - 16) * 7, 0, 255).astype(np.uint8), 3)
    ink = rank_filters.minimum(soft, 5).astype(np.float32) * 0.85
    share = line[..., None].astype(np.float32) / 255
    return (255 - (255 - ink) * share).round().astype(np.uint8)


def mosaic(image: Pixels, block: int) -> Pixels:
    """Squares of ``block`` pixels, each of one colour."""
    height, width = image.shape[:2]
    small = (max(1, width // block), max(1, height // block))
    coarse = Image.fromarray(image).resize(small, Image.Resampling.BOX)
    return np.asarray(coarse.resize((width, height), Image.Resampling.NEAREST))


# ---- degradations (seeded)


def lower_resolution(image: Pixels, factor: int) -> Pixels:
    height, width = image.shape[:2]
    small = Image.fromarray(image).resize((width // factor, height // factor), Image.Resampling.BOX)
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))


def noise(image: Pixels, seed: int, strength: float) -> Pixels:
    """Gaussian noise of ``strength`` grey levels."""
    grain = np.random.default_rng(seed).standard_normal(image.shape, dtype=np.float32)
    return np.clip(image + grain * strength, 0, 255).astype(np.uint8)


def darken(image: Pixels) -> Pixels:
    return (((image / 255) ** 1.5) * 0.42 * 255).astype(np.uint8)


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


_FALLS = 24  # distinct veils of rain or snow; a seed picks one


@lru_cache(maxsize=128)
def _fall(kind: str, seed: int, width: int, height: int) -> Image.Image:
    """Alpha of falling rain or snow, "L" of the given size."""
    rng = np.random.default_rng(seed)
    veil = Image.new("L", (2 * width, 2 * height))
    pen = ImageDraw.Draw(veil)
    if kind == "rain":
        slant = float(rng.uniform(-0.3, 0.3))
        for x, y, length in rng.random((80, 3)) * (2 * width, 2 * height, 0.06 * height):
            reach = float(length) + 0.14 * height
            pen.line((x, y, x + slant * reach, y + reach), fill=190, width=2)
    else:
        for x, y, r in rng.random((120, 3)) * (2 * width, 2 * height, 0.022 * height):
            pen.ellipse((x - r - 1, y - r - 1, x + r + 1, y + r + 1), fill=240)
    return veil.reduce(2)


def fall(image: Image.Image, kind: str, seed: int) -> Image.Image:
    """Let "rain" or "snow" fall in front of an RGB picture."""
    alpha = _fall(kind, seed % _FALLS, *image.size)
    color = (214, 226, 240) if kind == "rain" else (255, 255, 255)
    result = image.copy()
    result.paste(color, (0, 0), alpha)
    return result


def fallen(image: Pixels, kind: str, seed: int) -> Pixels:
    return np.asarray(fall(Image.fromarray(image), kind, seed))


# ---- filters: whole-picture styles


def pixel_art(image: Pixels) -> Pixels:
    coarse = Image.fromarray(mosaic(image, max(2, image.shape[1] // 40)))
    few = coarse.quantize(24, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    return np.asarray(few.convert("RGB"))


def pencil_sketch(image: Pixels) -> Pixels:
    """Colour dodge of the picture with its blurred negative."""
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
    """Few bright tones with inked outlines; rain and stars are too fine to be inked."""
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
