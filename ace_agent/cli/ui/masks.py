"""Masks as people type them: a picture, or a region in words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from ace_agent.errors import InputError

if TYPE_CHECKING:
    from ace_agent.plan import Region

FORMS = "a file, @4, a thing (the car), left, right, top, bottom, middle, or box or ellipse with x0 y0 x1 y1"
_SIDE_WORDS = re.compile(
    r"(?:the )?(left|right|top|upper|bottom|lower|middle|centre|center)(?: (?:half|side|part))?",
    re.IGNORECASE,
)
_SYNONYMS = {"upper": "top", "lower": "bottom", "centre": "middle", "center": "middle"}
_FILE = re.compile(r"[/\\]|\.\w{2,5}$")
_SHAPE = re.compile(r"(box|ellipse)[\s:=]+(.+)", re.IGNORECASE)


def parse_mask(text: str) -> Region | str:
    """A region for `the left half`, `box 0.1 0.2 0.5 0.6` and `the car`; a file and `@4` are returned as they are.

    Raises InputError for a shape with impossible corners.
    """
    text = text.strip()
    if found := _SIDE_WORDS.fullmatch(text):
        word = found[1].lower()
        return region(side=_SYNONYMS.get(word, word))
    if found := _SHAPE.fullmatch(text):
        parts = re.split(r"[\s,]+", found[2].strip())
        try:
            corners = tuple(float(part[:-1]) / 100 if part.endswith("%") else float(part) for part in parts)
        except ValueError:
            raise InputError(f"{text!r} is not a mask", hint=f"a mask is {FORMS}") from None
        return region(**{found[1].lower(): corners})
    if text.startswith("@") or _FILE.search(text) or Path(text).exists():
        return text
    return region(words=text)


def region(**shape: object) -> Region:
    """A Region. Raises InputError, saying what a region needs."""
    from pydantic import ValidationError

    from ace_agent.plan import Region

    try:
        return Region.model_validate(shape)
    except ValidationError:
        if "words" in shape:
            raise InputError(f"a mask is {FORMS}") from None
        name = next(iter(shape))
        raise InputError(
            f"{name} needs four numbers from 0 to 1, x0 y0 x1 y1, with x0 < x1 and y0 < y1",
            hint=f"for example: {name} 0.1 0.1 0.5 0.6",
        ) from None
