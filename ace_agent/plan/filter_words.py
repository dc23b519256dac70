"""The photo filter that words mean, where it is known that they mean one."""

from __future__ import annotations

import re

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
    ("watercolor", re.compile(r"\b(?:water ?colou?rs?|aquarelle?|aquarell)\b")),
    ("oil", re.compile(r"\b(?:oils?|canvas|painting|painted)\b")),
    ("pixel art", re.compile(r"\b(?:pixel\w*|8 ?bit|retro game)\b")),
    ("vintage", re.compile(r"\b(?:vintage|retro|film|analogue?|polaroid|faded|old|nostalgi\w*)\b")),
    ("neon", re.compile(r"\b(?:neon|glow\w*|cyberpunk)\b")),
    ("emboss", re.compile(r"\b(?:emboss\w*|relief)\b")),
    ("cool", re.compile(r"\b(?:cool|cold|blue\w*)\b")),
    ("warm", re.compile(r"\b(?:warm\w*|golden|cosy|cozy)\b")),
)
"""Filters by words that name them once it is known that one is meant, the surest first."""


def named_filter(text: str) -> str | None:
    """The name of the filter (`ace_agent.plan.operations.FilterName`) that a text names; None if it names none."""
    lower = text.lower()
    return next((name for name, pattern in _FILTERS if pattern.search(lower)), None)
