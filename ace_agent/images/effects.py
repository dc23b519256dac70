"""Photo filters by name, and effects on a part of a picture. RGB or RGBA of any size."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageChops, ImageEnhance, ImageFilter, ImageOps

from ace_agent.images.smoothing import smoothed
from ace_agent.images.tone import by_table, on_colors, with_vignette

_RAMP = np.arange(256) / 255


def apply_filter(image: Image.Image, name: str, strength: float = 1) -> Image.Image:
    """A filter of `FILTERS`, mixed with the picture itself."""

    def filtered(picture: Image.Image) -> Image.Image:
        changed = FILTERS[name](picture)
        return changed if strength == 1 else Image.blend(picture, changed, strength)

    return on_colors(image, filtered)


def blur_inside(image: Image.Image, mask: Image.Image | None, radius: float) -> Image.Image:
    """Gaussian blur of `radius` pixels where the L mask is white; everywhere without one."""
    return _inside(image, image.filter(ImageFilter.GaussianBlur(radius)), mask)


def pixelate_inside(image: Image.Image, mask: Image.Image | None, block: int) -> Image.Image:
    """Squares of `block` pixels where the L mask is white; everywhere without one."""
    coarse = (max(1, round(image.width / block)), max(1, round(image.height / block)))
    squares = image.resize(coarse, Image.Resampling.BOX).resize(image.size, Image.Resampling.NEAREST)
    return _inside(image, squares, mask)


def _inside(image: Image.Image, changed: Image.Image, mask: Image.Image | None) -> Image.Image:
    return changed if mask is None else Image.composite(changed, image, mask.convert("L"))


def _black_and_white(image: Image.Image) -> Image.Image:
    return image.convert("L").convert("RGB")


def _sepia(image: Image.Image) -> Image.Image:
    return by_table(
        image.convert("L").convert("RGB"), *(np.clip(_RAMP * gain, 0, 1) for gain in (1.07, 0.86, 0.64))
    )


def _posterize(image: Image.Image) -> Image.Image:
    return ImageOps.posterize(image.filter(ImageFilter.MedianFilter(3)), 2).point(
        lambda value: min(255, value + 31)
    )


def _pencil(image: Image.Image) -> Image.Image:
    """Colour dodge of the picture with its blurred negative, darkened a little."""
    plane = image.convert("L")
    soft = ImageOps.invert(plane).filter(ImageFilter.GaussianBlur(max(2.0, max(image.size) / 90)))
    above = np.asarray(plane, np.float32) * 255
    dodged = np.clip(above / np.maximum(255 - np.asarray(soft, np.float32), 1), 0, 255)
    return Image.fromarray((dodged**1.4 / 255**0.4).astype(np.uint8)).convert("RGB")


def _ink(image: Image.Image, threshold: int, gain: float) -> Image.Image:
    """Dark lines on white where tones change, L."""
    soft = image.convert("L").filter(ImageFilter.GaussianBlur(max(1.0, max(image.size) / 1200)))
    wide = soft.filter(ImageFilter.GaussianBlur(max(2.0, max(image.size) / 500)))
    lines = ImageChops.subtract(wide, soft)
    return lines.point(lambda value: 255 - int(min(255.0, max(0, value - threshold) * gain)))


def _flat(image: Image.Image) -> Image.Image:
    """Areas of one tone with edges kept, worked out at a size at which they reach far."""
    scale = max(1, max(image.size) // 700)
    small = image.reduce(scale) if scale > 1 else image
    for _ in range(2):
        small = smoothed(small, 5, 0.12)
    return small.resize(image.size, Image.Resampling.BICUBIC)


def _comic(image: Image.Image) -> Image.Image:
    few = _flat(image).quantize(14, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).convert("RGB")
    return ImageChops.multiply(ImageEnhance.Color(few).enhance(1.5), _ink(image, 1, 45).convert("RGB"))


def _cartoon(image: Image.Image) -> Image.Image:
    flat = ImageEnhance.Color(_flat(image)).enhance(1.35)
    return ImageChops.multiply(ImageEnhance.Brightness(flat).enhance(1.05), _ink(image, 2, 28).convert("RGB"))


def _oil(image: Image.Image) -> Image.Image:
    """The most frequent of 64 colours of each neighbourhood, at a size at which strokes are seen."""
    scale = max(1, max(image.size) // 900)
    small = smoothed(image.reduce(scale) if scale > 1 else image, 2, 0.08)
    few = small.quantize(64, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    strokes = Image.frombytes("L", few.size, few.tobytes()).filter(ImageFilter.ModeFilter(7))
    painted = Image.frombytes("P", few.size, strokes.tobytes())
    painted.putpalette(few.getpalette() or [])
    soft = (
        painted.convert("RGB")
        .filter(ImageFilter.GaussianBlur(0.8))
        .resize(image.size, Image.Resampling.LANCZOS)
    )
    return ImageEnhance.Color(soft.filter(ImageFilter.UnsharpMask(3 * scale, 90, 2))).enhance(1.15)


def _watercolor(image: Image.Image) -> Image.Image:
    washed = _flat(image).filter(ImageFilter.GaussianBlur(max(1.0, max(image.size) / 600)))
    pale = by_table(ImageEnhance.Color(washed).enhance(1.25), 0.2 + 0.8 * _RAMP**0.85)
    return ImageChops.multiply(pale, _ink(image, 2, 10).convert("RGB"))


def _pixel_art(image: Image.Image) -> Image.Image:
    block = max(2, round(max(image.size) / 96))
    small = (max(1, image.width // block), max(1, image.height // block))
    coarse = image.resize(small, Image.Resampling.BOX)
    few = coarse.quantize(24, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).convert("RGB")
    return few.resize(image.size, Image.Resampling.NEAREST)


def _vintage(image: Image.Image) -> Image.Image:
    faded = ImageEnhance.Color(image).enhance(0.65)
    red, green, blue = 0.08 + 0.9 * _RAMP**0.92, 0.06 + 0.86 * _RAMP, 0.14 + 0.66 * _RAMP
    return with_vignette(by_table(faded, red, green, blue), 0.5)


def _neon(image: Image.Image) -> Image.Image:
    glow = image.filter(ImageFilter.GaussianBlur(1)).filter(ImageFilter.FIND_EDGES)
    bright = ImageEnhance.Brightness(ImageEnhance.Color(glow).enhance(2.5)).enhance(3)
    return ImageChops.screen(bright, bright.filter(ImageFilter.GaussianBlur(max(2.0, max(image.size) / 200))))


def _tinted(warmth: float) -> Callable[[Image.Image], Image.Image]:
    return lambda image: by_table(image, _RAMP * (1 + warmth), _RAMP, _RAMP * (1 - warmth))


FILTERS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "black and white": _black_and_white,
    "sepia": _sepia,
    "invert": ImageOps.invert,
    "posterize": _posterize,
    "pencil": _pencil,
    "comic": _comic,
    "cartoon": _cartoon,
    "oil": _oil,
    "watercolor": _watercolor,
    "pixel art": _pixel_art,
    "vintage": _vintage,
    "neon": _neon,
    "emboss": lambda image: image.filter(ImageFilter.EMBOSS),
    "cool": _tinted(-0.15),
    "warm": _tinted(0.15),
}
"""By the names of `ace_agent.plan.operations.FilterName`."""
