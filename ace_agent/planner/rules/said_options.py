"""The options of an operation that is known already, from words that need not name it."""

from __future__ import annotations

import re
from typing import Any

from ace_agent.errors import PlanError
from ace_agent.plan.operations import options_of
from ace_agent.planner.english.tokens import tokenize
from ace_agent.planner.rules.amounts import words_of
from ace_agent.planner.rules.foreign import word_by_word
from ace_agent.planner.rules.operations import read_as
from ace_agent.planner.rules.reshaping import Operation

_CUES = {
    "crop": ("crop it to", "crop it", "cut off"),
    "rotate": ("rotate it", "rotate it by"),
    "straighten": ("straighten it",),
    "flip": ("flip it",),
    "resize": ("resize it to", "resize it"),
    "canvas": ("put it on a canvas", "add a margin"),
    "adjust": ("make it", "make it more", "more"),
    "filter": ("make it", "turn it into", "apply a filter"),
    "blur_region": ("blur",),
    "pixelate_region": ("pixelate",),
    "frame": ("put a frame around it", "frame it"),
    "collage": ("a collage",),
    "watermark": ("watermark it with",),
    "background": ("make the background",),
    "upscale": ("upscale it",),
}
"""What is put before words that do not name the operation themselves."""
_FILTERS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "black and white",
        re.compile(
            r"\b(?:black (?:and|&|n) white|b ?[&/]? ?w|mono(?:chrome)?|gr[ae]y(?:scale)?|noir|no colou?r)\b"
        ),
    ),
    ("sepia", re.compile(r"\b(?:sepia|brownish|old brown)\b")),
    ("invert", re.compile(r"\b(?:negative|inverted?|x ray)\b")),
    ("posterize", re.compile(r"\b(?:poster(?:i[sz]ed?)?|screen ?print|pop art)\b")),
    ("pencil", re.compile(r"\b(?:pencil|sketch\w*|charcoal|graphite|line drawing|drawing)\b")),
    ("comic", re.compile(r"\b(?:comics?|halftone|manga)\b")),
    ("cartoon", re.compile(r"\b(?:cartoon\w*|toon)\b")),
    ("oil", re.compile(r"\b(?:oils?|canvas|painting|painted)\b")),
    ("watercolor", re.compile(r"\b(?:water ?colou?rs?|aquarelle?|aquarell)\b")),
    ("pixel art", re.compile(r"\b(?:pixel\w*|8 ?bit|retro game)\b")),
    ("vintage", re.compile(r"\b(?:vintage|retro|film|analogue?|polaroid|faded|old|nostalgi\w*)\b")),
    ("neon", re.compile(r"\b(?:neon|glow\w*|cyberpunk)\b")),
    ("emboss", re.compile(r"\b(?:emboss\w*|relief)\b")),
    ("cool", re.compile(r"\b(?:cool|cold|blue\w*)\b")),
    ("warm", re.compile(r"\b(?:warm\w*|golden|cosy|cozy)\b")),
)
"""Filters by words that name them once it is known that one is meant, the surest first."""
_UNSAID: dict[str, dict[str, Any]] = {
    "rotate": {"degrees": 90},
    "adjust": {"levels": True},
    "canvas": {"margin": 0.1},
}
_NEEDED = {
    "crop": ("a crop needs to say what is kept", "say a square, 16:9, 800x600 or the left half"),
    "filter": ("no filter of that name is known", "say sepia, pencil, watercolour, vintage or comic"),
    "resize": ("it does not say to what size", "say 800 pixels wide, or half the size"),
    "watermark": ("a watermark needs its words or a second picture", 'say watermark it with "draft"'),
}


def said_operation(
    task: str, text: str, size: tuple[int, int] | None = None, *, pictures: int = 1
) -> Operation:
    """The operation `task` with the options that some words give it.

    Args:
        task: of the family of operations.
        text: the person's words about this step.
        size: width and height of the picture that it works on, for lengths in pixels.
        pictures: how many pictures the step has.

    Raises:
        PlanError: it needs an option that the words do not give.
    """
    words = words_of(tokenize(word_by_word(text)))
    for cue in ("", *_CUES[task]):
        try:
            found = read_as(task, f"{cue} {words}".strip(), size)
            if found is not None:
                options_of(task, found.options)
                return found
        except (PlanError, ValueError):  # what the words give is none of its options
            continue
    if task == "filter":
        for name, pattern in _FILTERS:
            if pattern.search(words):
                return Operation(task, {"name": name})
    if task in _NEEDED and pictures == 1:
        raise PlanError(*_NEEDED[task])
    return Operation(task, dict(_UNSAID.get(task, {})))
