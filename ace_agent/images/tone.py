"""Tones, colours and sharpness of whole pictures, at any size.

Curves are tables of 256 entries, and what mixes channels runs in bands of rows, so that a picture of 12 megapixels
takes a second and a few copies of itself. Alpha is left alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from ace_agent.images.smoothing import without_detail

Table = npt.NDArray[np.float64]
_RAMP = np.arange(256) / 255
_BAND = 1 << 20


def on_colors(image: Image.Image, change: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """`change`, made for RGB, on a picture with or without alpha."""
    if image.mode != "RGBA":
        return change(image.convert("RGB"))
    changed = change(image.convert("RGB"))
    changed.putalpha(image.getchannel("A"))
    return changed


def by_table(image: Image.Image, *tables: Table) -> Image.Image:
    """RGB through curves over 0..1, one for all channels or one for each."""
    curves = tables if len(tables) == 3 else tables * 3
    return image.point([round(float(np.clip(value, 0, 1)) * 255) for curve in curves for value in curve])


def in_bands(
    image: Image.Image, change: Callable[[npt.NDArray[np.float32]], npt.NDArray[np.floating]]
) -> Image.Image:
    """`change` of RGB rows, float32 [H, W, 3] in 0..255, a band at a time."""
    pixels = np.asarray(image)
    result = np.empty_like(pixels)
    rows = max(1, _BAND // image.width)
    for top in range(0, image.height, rows):
        band = change(pixels[top : top + rows].astype(np.float32))
        result[top : top + rows] = np.clip(band + 0.5, 0, 255).astype(np.uint8)
    return Image.fromarray(result)


def adjust(
    image: Image.Image,
    *,
    levels: bool = False,
    warmth: float = 0,
    saturation: float = 0,
    sharpness: float = 0,
    denoise: float = 0,
    blur: float = 0,
    vignette: float = 0,
    **tones: float,
) -> Image.Image:
    """Change a picture in the order in which a darkroom would: light, tones, colour, then sharpness.

    Args:
        levels: stretch the tones to the full range.
        warmth: -1 to 1; likewise saturation and sharpness.
        denoise: 0 to 1; likewise vignette.
        blur: radius as a share of the longer side.
        tones: arguments of `tone_curve`.
    """
    curve = tone_curve(**tones)

    def adjusted(picture: Image.Image) -> Image.Image:
        if denoise:
            picture = without_noise(picture, denoise)
        if levels:
            picture = ImageOps.autocontrast(picture, cutoff=0.5, preserve_tone=True)
        if warmth or not np.array_equal(curve, _RAMP):
            picture = by_table(picture, curve * (1 + 0.22 * warmth), curve, curve * (1 - 0.22 * warmth))
        if saturation:
            picture = ImageEnhance.Color(picture).enhance(1 + saturation * (1.2 if saturation > 0 else 1))
        if blur:
            picture = picture.filter(ImageFilter.GaussianBlur(blur * max(picture.size)))
        if sharpness > 0:
            radius = max(1.0, max(picture.size) / 1500)
            picture = picture.filter(ImageFilter.UnsharpMask(radius, round(sharpness * 220), 2))
        elif sharpness < 0:
            picture = picture.filter(ImageFilter.GaussianBlur(-sharpness * max(picture.size) / 250))
        return with_vignette(picture, vignette) if vignette else picture

    return on_colors(image, adjusted)


def tone_curve(
    *,
    exposure: float = 0,
    gamma: float = 1,
    brightness: float = 0,
    shadows: float = 0,
    highlights: float = 0,
    contrast: float = 0,
) -> Table:
    """A curve over 0..1, 256 entries. `exposure` is in stops, the others but gamma from -1 to 1."""
    curve = _RAMP.copy()
    if exposure:
        # In linear light, with a shoulder instead of clipping.
        light = curve**2.2 * 2**exposure
        curve = np.where(light > 0.8, 0.8 + 0.2 * np.tanh((light - 0.8) / 0.6), light) ** (1 / 2.2)
    if gamma != 1:
        curve = curve ** (1 / gamma)
    if brightness:
        curve = curve ** (2 ** (-1.1 * brightness))
    if shadows:
        curve = curve + shadows * 1.5 * curve * (1 - curve) ** 3
    if highlights:
        curve = curve + highlights * 1.25 * (1 - curve) * curve**3
    if contrast > 0:
        steep = 1 + 5 * contrast
        low, high = 1 / (1 + math.exp(steep / 2)), 1 / (1 + math.exp(-steep / 2))
        curve = (1 / (1 + np.exp(-steep * (curve - 0.5))) - low) / (high - low)
    elif contrast < 0:
        curve = 0.5 + (curve - 0.5) * (1 + 0.8 * contrast)
    return np.clip(curve, 0, 1)


def with_vignette(image: Image.Image, strength: float) -> Image.Image:
    """Darken towards the corners; `strength` 1 leaves a fifth of the light there."""
    across = np.linspace(-1, 1, image.width, dtype=np.float32) ** 2
    down = np.linspace(-1, 1, image.height, dtype=np.float32) ** 2
    tops = iter(range(0, image.height, max(1, _BAND // image.width)))

    def darkened(band: npt.NDArray[np.float32]) -> npt.NDArray[np.floating]:
        top = next(tops)
        away = (down[top : top + len(band), None] + across) / 2
        return band * (1 - 0.8 * strength * away**1.5)[..., None]

    return in_bands(image, darkened)


def without_noise(image: Image.Image, strength: float) -> Image.Image:
    """Smooth flat areas and keep edges: the guided filter, colours over a wider neighbourhood than light."""
    light, *colors = image.convert("YCbCr").split()
    light = without_detail(light, 2, 0.02 + 0.06 * strength)
    half = (max(1, image.width // 2), max(1, image.height // 2))
    coarse = [
        without_detail(plane.resize(half, Image.Resampling.BOX), 3, 0.03 + 0.09 * strength).resize(
            image.size, Image.Resampling.BILINEAR
        )
        for plane in colors
    ]
    return Image.merge("YCbCr", (light, *coarse)).convert("RGB")
