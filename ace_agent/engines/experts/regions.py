"""Regions by words: `the dog`, `the person on the left`, `the sky`, `everything but the car`, `the left half`."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from ace_agent.engines.experts import cutout
from ace_agent.engines.experts.region import FoundRegion
from ace_agent.engines.experts.things import find_things
from ace_agent.errors import InputError
from ace_agent.images import rank_filters

_SIDES = ("left", "right", "top", "bottom", "middle")
_SUBJECT = {"subject", "foreground", "object", "thing", "product", "figure", "main subject", "it"}
_FILLER = re.compile(r"^(the|a|an|my|his|her|their|our|that|this|those|these|all|all the|both|every)\s+")
_EXCEPT = re.compile(
    r"^(?:everything|all|anything|the rest|everywhere)"
    r"(?: (?:but|except|apart from|other than|outside|around))+ (?:for )?(.+)$"
)


FindThings = Callable[[Image.Image, str], FoundRegion]


def find_region(
    image: Image.Image, words: str, *, generous: bool = False, things: FindThings | None = None
) -> FoundRegion:
    """The region of a picture that the words mean.

    Args:
        image: any picture.
        words: a thing, a side, the subject, the background, the sky, everything but one of them.
        generous: take in more at the rim of a thing, for removing it.
        things: finds a thing by its name; default: the detector of things in photographs.

    Raises:
        InputError: it is not there, or the words say nothing that can be found; one line that names what was seen.
    """
    text = " ".join(words.lower().strip(" .!?,;:").split())
    if not text:
        raise InputError("which region?", "say a thing, a side, the subject, the background or the sky")
    if found := _EXCEPT.match(text):
        kept = find_region(image, found[1], generous=generous, things=things)
        return FoundRegion(ImageChops.invert(kept.mask), f"everything but {kept.taken_for}", kept.confidence)
    text = _FILLER.sub("", text)
    if side := _side(text):
        return FoundRegion(_half(image.size, side), f"the {side} half", 1.0)
    if text in _SUBJECT or text.removeprefix("main ") in _SUBJECT:
        return _subject(image)
    if text in ("background", "backdrop", "surroundings"):
        region = _subject(image)
        return FoundRegion(ImageChops.invert(region.mask), "the background", region.confidence)
    if text in ("sky", "clouds", "heaven"):
        return _sky(image)
    if re.fullmatch(r"(everything|whole picture|picture|image|photo|all)", text):
        return FoundRegion(Image.new("L", image.size, 255), "the whole picture", 1.0)
    return things(image, text) if things is not None else find_things(image, text, generous)


def _subject(image: Image.Image) -> FoundRegion:
    matte = cutout.subject(image)
    share = float(np.asarray(matte).mean()) / 255
    if share < 0.005:
        raise InputError("no subject stands out in the picture", "draw a mask, or name a thing or a side")
    return FoundRegion(matte, "the subject", 0.8 if 0.02 < share < 0.8 else 0.4)


_SKY_APART = 26
"""Grey levels by which a patch of sky may differ from the sky's mean colour."""


def _sky(image: Image.Image) -> FoundRegion:
    """What is bright or blue, smooth, and joined to the top edge."""
    scale = min(1.0, 400 / max(image.size))
    size = (max(8, round(image.width * scale)), max(8, round(image.height * scale)))
    small = image.convert("RGB").resize(size, Image.Resampling.BOX)
    pixels = np.asarray(small, np.float32)
    plane = np.asarray(small.convert("L"), np.float32)
    rough = np.abs(plane - np.asarray(small.convert("L").filter(ImageFilter.GaussianBlur(2)), np.float32))
    blue = pixels[..., 2] >= pixels[..., 0] - 12
    warm = (plane > 110) & (pixels[..., 0] > pixels[..., 2])  # a sunset
    green = pixels[..., 1] > np.maximum(pixels[..., 0], pixels[..., 2]) + 6
    likely = (blue | warm) & ~green & (rough < 9)
    labels = Image.fromarray(np.where(likely, np.uint8(255), np.uint8(0)))
    labels = Image.fromarray(rank_filters.median(np.asarray(labels)[..., None].repeat(3, 2))[..., 0])
    joined = labels.copy()
    top = np.flatnonzero(np.asarray(joined)[0] > 0)
    for column in top[:: max(1, len(top) // 40)]:
        if joined.getpixel((int(column), 0)) == 255:
            ImageDraw.floodfill(joined, (int(column), 0), 128)
    sky = np.asarray(joined) == 128
    if sky.any():  # what a tower or a branch parts from it has its colour
        alike = np.abs(pixels - pixels[sky].mean(0)).max(-1) < _SKY_APART
        lowest = int(np.flatnonzero(sky.any(1))[-1])
        sky[:lowest] |= (likely & alike)[:lowest]
    share = float(sky.mean())
    if share < 0.03:
        raise InputError("there is no sky to be seen", "draw a mask, or say the top half")
    mask = Image.fromarray(np.where(sky, np.uint8(255), np.uint8(0))).filter(ImageFilter.MaxFilter(3))
    return FoundRegion(
        cutout.fitted(image, mask.resize(image.size, Image.Resampling.BILINEAR)), "the sky", 0.6
    )


def _side(text: str) -> str | None:
    found = re.fullmatch(
        r"(left|right|top|bottom|upper|lower|middle|cent(?:er|re))(?:[- ]?hand)?(?: (?:half|side|part|third))?",
        text,
    )
    if not found:
        return None
    return {"upper": "top", "lower": "bottom", "center": "middle", "centre": "middle"}.get(found[1], found[1])


def _half(size: tuple[int, int], side: str) -> Image.Image:
    width, height = size
    box = {
        "left": (0, 0, width // 2, height),
        "right": (width // 2, 0, width, height),
        "top": (0, 0, width, height // 2),
        "bottom": (0, height // 2, width, height),
        "middle": (width // 4, height // 4, width - width // 4, height - height // 4),
    }[side]
    mask = Image.new("L", size)
    mask.paste(255, box)
    return mask
