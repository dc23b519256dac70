"""Looks of a whole photograph: drawn styles as filters, the hour and the weather as grading, and mending."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageFilter

from ace_agent.engines.experts.expert import Expert, ExpertCall
from ace_agent.engines.experts.regions import find_region
from ace_agent.errors import InputError
from ace_agent.images import effects, tone
from ace_agent.plan.filter_words import named_filter

if TYPE_CHECKING:
    import numpy.typing as npt

_MIDDLE = 112
"""Median grey level that a picture taken in too little light is brought to."""


class Looks(Expert):
    """Changes of a whole photograph that move its light and colours and paint nothing new."""

    name = "looks"
    licence = "MIT-CMU (Pillow)"
    tasks = frozenset({"edit_style", "edit_scene", "restore", "edit_general"})

    def refusal(self, call: ExpertCall) -> str | None:
        """See `Expert.refusal`."""
        words = call.instruction.lower()
        if call.task == "edit_style" and (named_filter(words) is None or len(call.images) > 1):
            return f"of styles it knows {', '.join(effects.FILTERS)}"
        if call.task == "edit_scene" and _grade(words) is None:
            return f"it grades light and colour: {', '.join(name for name, _, _ in _GRADES)}"
        if call.task == "edit_general" and not _BETTER.search(words):
            return "of a whole picture it changes light, colours and sharpness"
        if call.task == "restore" and _DAMAGE.search(words):
            return "it mends noise, blur, haze, fading and darkness; mark damage with a mask and inpaint it"
        return super().refusal(call)

    def run(self, call: ExpertCall) -> tuple[Image.Image, npt.NDArray[np.float32] | None]:
        """See `Expert.run`; a mask limits the change to what it shows."""
        base, words = call.images[0], call.instruction.lower()
        if call.task == "edit_style":
            name = named_filter(words)
            assert name is not None  # `refusal` saw to it
            changed = effects.apply_filter(base, name)
            call.notes.append(f"the style is the filter {name!r}")
        elif call.task == "edit_scene":
            grade = _grade(words)
            assert grade is not None
            changed = grade(base)
            call.notes.append("light and colours were graded; nothing new was painted")
        else:
            changed = _mended(base, words)
        if call.mask is not None:
            changed = Image.composite(changed, base, call.mask.convert("L"))
        return changed, None


_DAMAGE = re.compile(r"\b(?:scratch\w*|crease\w*|tears?|torn|stains?|rain\w*|snow\w*|dust|spots?|missing)\b")
_MENDS: tuple[tuple[re.Pattern[str], dict[str, Any]], ...] = (
    (re.compile(r"\b(?:nois\w*|grain\w*|speckl\w*|denois\w*)\b"), {"denoise": 0.6}),
    (re.compile(r"\b(?:blur\w*|sharp\w*|soft|focus|deblur\w*|shaky|crisp\w*)\b"), {"sharpness": 0.7}),
    (
        re.compile(r"\b(?:haz[ey]\w*|fog\w*|mist\w*|dehaz\w*|fad\w+|washed|pale|dull|flat|yellow\w*)\b"),
        {"levels": True, "contrast": 0.2, "saturation": 0.25},
    ),
    (
        re.compile(r"\b(?:dark\w*|low light|under ?exposed|brighten\w*|light(?:en)? up|dim)\b"),
        {"light": True},
    ),
)
_BETTER = re.compile(
    r"\b(?:colou?rs?|pop|vivid|vibrant|punch\w*|better|nicer|improve|enhance|fresher|livel\w+|contrast|sharp\w*|bright\w*"
    r"|dull|flat|professional\w*|beautiful)\b"
)
_ALL_ROUND = {"levels": True, "denoise": 0.25, "sharpness": 0.3}


def _mended(image: Image.Image, words: str) -> Image.Image:
    """What the words complain of, mended; a little of everything where they complain of nothing."""
    asked: dict[str, Any] = {}
    for pattern, options in _MENDS:
        if pattern.search(words):
            asked |= options
    asked = asked or dict(_ALL_ROUND)
    if asked.pop("light", False):
        median = float(np.median(np.asarray(image.convert("L").reduce(max(1, max(image.size) // 500)))))
        if median < _MIDDLE:
            asked["gamma"] = min(3.0, float(np.log(max(median, 6) / 255) / np.log(_MIDDLE / 255)))
        asked["shadows"] = 0.25
        asked.setdefault("denoise", 0.3)
    return tone.adjust(image, **asked)


def _night(image: Image.Image) -> Image.Image:
    dark = tone.adjust(image, exposure=-1.9, saturation=-0.35, warmth=-0.55, contrast=0.15, vignette=0.35)
    sky = _sky_of(image)
    return dark if sky is None else Image.composite(tone.adjust(dark, exposure=-1.2, warmth=-0.2), dark, sky)


def _evening(image: Image.Image) -> Image.Image:
    warm = tone.adjust(image, exposure=-0.45, warmth=0.55, contrast=0.12, saturation=0.15, vignette=0.2)
    sky = _sky_of(image)
    if sky is None:
        return warm
    # Towards the horizon a low sun colours the sky orange.
    down = np.linspace(0.15, 0.75, image.height, dtype=np.float32)[:, None].repeat(image.width, 1)
    share = Image.fromarray((down * np.asarray(sky)).astype(np.uint8))
    glow = Image.new("RGB", image.size, (255, 150, 70))
    light = warm.convert("L").convert("RGB")
    return _like(image, Image.composite(Image.blend(light, glow, 0.6), warm.convert("RGB"), share))


def _morning(image: Image.Image) -> Image.Image:
    return tone.adjust(image, exposure=0.15, warmth=0.3, contrast=-0.08, saturation=0.05)


def _sunny(image: Image.Image) -> Image.Image:
    return tone.adjust(image, exposure=0.35, warmth=0.22, contrast=0.12, saturation=0.25)


def _overcast(image: Image.Image) -> Image.Image:
    return tone.adjust(image, saturation=-0.4, contrast=-0.2, warmth=-0.15, brightness=-0.05)


def _fog(image: Image.Image) -> Image.Image:
    """White over everything, more towards the top, where things are farther away."""
    down = np.linspace(0.78, 0.3, image.height, dtype=np.float32)[:, None].repeat(image.width, 1)
    grey = tone.adjust(image, saturation=-0.45, contrast=-0.25).convert("RGB")
    soft = Image.composite(grey.filter(ImageFilter.GaussianBlur(max(image.size) / 400)), grey, _plane(down))
    return _like(image, Image.composite(Image.new("RGB", image.size, (214, 218, 222)), soft, _plane(down)))


def _autumn(image: Image.Image) -> Image.Image:
    """Greens become yellow, orange and brown."""
    bands = image.convert("RGB").convert("HSV").split()
    hue, saturation, value = (np.asarray(band, np.float32) for band in bands)
    green = np.clip((hue - 28) / 14, 0, 1) * np.clip((118 - hue) / 14, 0, 1)
    leaf = green * np.clip((saturation - 25) / 40, 0, 1)
    hue = np.where(leaf > 0, hue * (1 - leaf) + (10 + (np.clip(hue, 28, 118) - 28) / 90 * 20) * leaf, hue)
    turned = (hue, np.clip(saturation * (1 + 0.35 * leaf), 0, 255), value)
    merged = Image.merge("HSV", [Image.fromarray(plane.astype(np.uint8)) for plane in turned])
    return _like(image, tone.adjust(merged.convert("RGB"), warmth=0.12))


def _plane(share: npt.NDArray[np.float32]) -> Image.Image:
    return Image.fromarray((share * 255).astype(np.uint8))


def _like(image: Image.Image, changed: Image.Image) -> Image.Image:
    """With the transparency of the picture itself."""
    if image.mode == "RGBA":
        changed = changed.convert("RGBA")
        changed.putalpha(image.getchannel("A"))
    return changed


def _sky_of(image: Image.Image) -> Image.Image | None:
    try:
        return find_region(image, "the sky").mask
    except InputError:
        return None


_GRADES: tuple[tuple[str, re.Pattern[str], Callable[[Image.Image], Image.Image]], ...] = (
    ("night", re.compile(r"\b(?:night\w*|midnight|moonl\w+|after dark)\b"), _night),
    (
        "evening",
        re.compile(r"\b(?:evening|sunset|dusk|golden hour|twilight|late afternoon|sundown)\b"),
        _evening,
    ),
    ("morning", re.compile(r"\b(?:morning|sunrise|dawn)\b"), _morning),
    ("sun", re.compile(r"\b(?:sun|sunny|sunshine|sunlight|bright day|midday|noon|summer\w*)\b"), _sunny),
    ("an overcast day", re.compile(r"\b(?:overcast|cloudy|gr[ae]y day|gloomy|dull day|clouds)\b"), _overcast),
    ("fog", re.compile(r"\b(?:fog\w*|mist\w*|haz[ey])\b"), _fog),
    ("autumn", re.compile(r"\b(?:autumn\w*|fall (?:colou?rs|leaves|season))\b"), _autumn),
)


def _grade(words: str) -> Callable[[Image.Image], Image.Image] | None:
    return next((grade for _, pattern, grade in _GRADES if pattern.search(words)), None)
