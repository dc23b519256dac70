"""Whether an edit of a photograph is what was asked for, by its pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from PIL import Image, ImageColor

from ace_agent.engines.experts.regions import find_region
from ace_agent.engines.experts.text_areas import text_mask
from ace_agent.errors import AceError

Check = Callable[[Image.Image, Image.Image, Mapping[str, Any]], bool]
LEAST = 4.0
"""Grey levels by which a tone must move."""
_RIM = 0.97
"""Share of what is to stay that must be as it was, to the bit: masks have soft rims."""


def holds(before: Image.Image, after: Image.Image, row: Mapping[str, Any]) -> bool:
    """Whether the check of a row of `requests.jsonl` holds; False where a region is not found in it."""
    try:
        return CHECKS[row["check"]](before, after, row)
    except AceError:
        return False


def _size(before: Image.Image, after: Image.Image, row: Mapping[str, Any]) -> bool:
    wide, tall = row["size"]
    return abs(after.width - wide) <= 1 and abs(after.height - tall) <= 1


def _turned(before: Image.Image, after: Image.Image, row: Mapping[str, Any]) -> bool:
    turned = before.convert("RGB").transpose(Image.Transpose.ROTATE_270)
    return after.size == turned.size and np.array_equal(np.asarray(turned), np.asarray(after.convert("RGB")))


def _tone(before: Image.Image, after: Image.Image, row: Mapping[str, Any]) -> bool:
    """Brightness, warmth and saturation move as said; nothing moves outside of `where`."""
    if before.size != after.size:
        return False
    inside = _inside(before, row)
    old, new = _pixels(before)[inside], _pixels(after)[inside]
    moved = {
        "brightness": new.mean() - old.mean(),
        "warmth": (new[:, 0] - new[:, 2]).mean() - (old[:, 0] - old[:, 2]).mean(),
        "saturation": (new.max(1) - new.min(1)).mean() - (old.max(1) - old.min(1)).mean(),
    }
    wanted = all(moved[name] * row[name] > LEAST for name in moved if name in row)
    return wanted and _same(before, after, ~_around(inside))


def _gone(before: Image.Image, after: Image.Image, row: Mapping[str, Any]) -> bool:
    """The thing is not found any more, and most of the rest is as it was."""
    thing = _mask(before, row["thing"])
    if before.size != after.size or not _same(before, after, ~_around(thing), 0.9):
        return False
    try:
        left = _mask(after, row["thing"])
    except AceError:
        return True
    return bool((left & thing).sum() < 0.2 * thing.sum())


def _clear(before: Image.Image, after: Image.Image, row: Mapping[str, Any]) -> bool:
    if after.mode != "RGBA":
        return False
    share = float((np.asarray(after.getchannel("A")) < 40).mean())
    return bool(row["share"][0] < share < row["share"][1])


def _corners(before: Image.Image, after: Image.Image, row: Mapping[str, Any]) -> bool:
    """Two corners or more have the colour, and the middle is no plain area."""
    color = np.array(ImageColor.getrgb(row["color"])[:3])
    pixels = _pixels(after)
    corners = pixels[[0, 0, -1, -1], [0, -1, 0, -1]]
    middle = pixels[after.height // 3 : -after.height // 3, after.width // 3 : -after.width // 3]
    return bool((np.abs(corners - color) < 30).all(1).sum() >= 2 and middle.std() > 15)


def _kept(before: Image.Image, after: Image.Image, row: Mapping[str, Any]) -> bool:
    """The thing is as it was; the rest is smoother."""
    thing = _mask(before, row["thing"], 230)
    if before.size != after.size or not _same(before, after, thing, 0.9):
        return False
    rest = ~_around(thing)
    return bool(_detail(after)[rest].mean() < 0.6 * _detail(before)[rest].mean())


def _changed(before: Image.Image, after: Image.Image, row: Mapping[str, Any]) -> bool:
    """The region changed, and the rest did not."""
    thing = _mask(before, row["where"])
    if before.size != after.size or not _same(before, after, ~_around(thing)):
        return False
    return bool(np.abs(_pixels(after) - _pixels(before))[thing].mean() > LEAST)


def _words(before: Image.Image, after: Image.Image, row: Mapping[str, Any]) -> bool:
    """Written words stand in the third of the picture that was asked for, and most of the rest is as it was."""
    if before.size != after.size or not _same(before, after, np.ones(before.size[::-1], bool), 0.7):
        return False
    found = np.asarray(text_mask(after)) > 0
    third = after.height // 3
    rows = {"top": slice(0, third), "bottom": slice(-third, None)}[row["place"]]
    return bool(found[rows].sum() > 0.7 * max(1, found.sum()) and found.any())


CHECKS: dict[str, Check] = {
    "size": _size,
    "turned": _turned,
    "tone": _tone,
    "gone": _gone,
    "clear": _clear,
    "corners": _corners,
    "kept": _kept,
    "changed": _changed,
    "words": _words,
    "refused": lambda before, after, row: False,  # a picture came back
}


def _pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB"), np.float32)


def _inside(image: Image.Image, row: Mapping[str, Any]) -> np.ndarray:
    where = row.get("where")
    return _mask(image, where) if where else np.ones(image.size[::-1], bool)


def _mask(image: Image.Image, words: str, least: int = 127) -> np.ndarray:
    return np.asarray(find_region(image, words).mask) > least


def _around(mask: np.ndarray) -> np.ndarray:
    """A mask with a twentieth of the picture around it."""
    from PIL import ImageFilter

    size = 2 * (max(mask.shape) // 40) + 1
    return np.asarray(Image.fromarray(mask.astype(np.uint8) * 255).filter(ImageFilter.MaxFilter(size))) > 0


def _same(before: Image.Image, after: Image.Image, where: np.ndarray, least: float = _RIM) -> bool:
    if not where.any():
        return True
    same = (np.asarray(before.convert("RGB")) == np.asarray(after.convert("RGB"))).all(-1)
    return float(same[where].mean()) >= least


def _detail(image: Image.Image) -> np.ndarray:
    light = np.asarray(image.convert("L"), np.float32)
    return np.abs(np.diff(light, axis=1, append=light[:, -1:]))
