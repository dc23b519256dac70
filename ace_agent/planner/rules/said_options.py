"""The options of an operation that is known already, from words that need not name it."""

from __future__ import annotations

import re
from typing import Any

from ace_agent.errors import PlanError
from ace_agent.plan.filter_words import named_filter
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
_LIKENED = re.compile(r" ?(?:, )?\b(?:like|as if|as though|so that|because|for)\b.*")
"""What an adjustment is to look like, after what it is: "darker, like evening"."""
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
    if task == "adjust" and (likened := _LIKENED.search(words)) is not None and likened.start():
        words = words[: likened.start()]
    for cue in ("", *_CUES[task]):
        try:
            found = read_as(task, f"{cue} {words}".strip(), size)
            if found is not None:
                options_of(task, found.options)
                return found
        except (PlanError, ValueError):  # what the words give is none of its options
            continue
    if task == "filter" and (name := named_filter(words)) is not None:
        return Operation(task, {"name": name})
    if task in _NEEDED and pictures == 1:
        raise PlanError(*_NEEDED[task])
    return Operation(task, dict(_UNSAID.get(task, {})))
