"""A lettering in words: what is written, and how it is to be set."""

from __future__ import annotations

import re
from typing import Any

_QUOTED = re.compile(r"[\"“„«]([^\"”“»]+)[\"”“»]")
_LEADING = re.compile(
    r"^\W*(?:(?:please|and|then|also)\s+)*(?:write|put|add|print|set|letter|caption|label|title|place|stamp|insert)?\s*"
    r"(?:(?:it|the picture|the photo|\{image\})\s+(?:with\s+)?)?"
    r"(?:(?:the|a|an|some|my|our)\s+)?(?:(?:big|large|huge|small|little|tiny|bold|thin|white|black|red|blue|green|yellow)\s+)*"
    r"(?:(?:words?|text|title|caption|letters|lettering|label|inscription|date|name|slogan|heading|headline|message|sentence"
    r"|watermark|year|quote)\b[\s:,]*(?:that\s+(?:says|reads)|saying|reading|of|called)?\s*)?[:,]?\s*",
    re.IGNORECASE,
)
_TRAILING = re.compile(
    r"\s+(?:(?:in|on|at|to|into|onto|across|along|near|over|under|underneath|below|above|beneath|with|as)\b\s*"
    r"(?:\{image\}|the\b|a\b|an\b|its\b|my\b|big\b|large\b|huge\b|small\b|tiny\b|bold\b|thin\b|white\b|black\b|red\b|blue\b"
    r"|green\b|yellow\b|gold\w*\b|pink\b|orange\b|top\b|bottom\b|it\b|hand\w*\b|serif\b|nice\b|fancy\b|elegant\b|letters\b"
    r"|capitals\b|$)|(?:below|underneath|above|centered|centred)\b).*$",
    re.IGNORECASE | re.DOTALL,
)
_PLACES = (
    (re.compile(r"\b(?:top|upper)[ -]left\b"), "top left"),
    (re.compile(r"\b(?:top|upper)[ -]right\b"), "top right"),
    (re.compile(r"\b(?:bottom|lower)[ -]left\b"), "bottom left"),
    (re.compile(r"\b(?:bottom|lower)[ -]right\b|\bcorner\b"), "bottom right"),
    (re.compile(r"\b(?:top|above|upper|heading|headline)\b"), "top"),
    (re.compile(r"\b(?:middle|cent(?:er|re)(?:ed|d)?|across)\b"), "middle"),
    (re.compile(r"\bleft\b"), "left"),
    (re.compile(r"\bright\b"), "right"),
)
_SIZES = (
    (re.compile(r"\b(?:huge|giant|enormous|very (?:big|large))\b"), 0.28),
    (re.compile(r"\b(?:big|large|bigger|larger)\b"), 0.18),
    (re.compile(r"\b(?:small|little|smaller|discreet\w*)\b|\bdate\b|\bcorner\b"), 0.055),
    (re.compile(r"\b(?:tiny|very small)\b"), 0.035),
)
_FONTS = (
    (re.compile(r"\b(?:hand[ -]?writ\w*|script|cursive|scrawl\w*|brush)\b"), "hand"),
    (re.compile(r"\b(?:serif|elegant|classic\w*|fancy|old[ -]fashioned|book)\b"), "serif"),
    (re.compile(r"\b(?:thin|light|plain|regular)\b"), "sans"),
)


def lettering_of(instruction: str) -> tuple[str, str]:
    """The words that an instruction sets, and all of it but them: what is in quotes, else what stands between the verb
    and the place."""
    if quoted := _QUOTED.search(instruction):
        return quoted[1].strip(), instruction.replace(quoted[0], " ")
    bare = instruction.strip().rstrip(".")
    before, colon, after = bare.rpartition(": ")
    if colon and "{image" not in after and after.strip():
        return after.strip(), before
    text = _TRAILING.sub("", _LEADING.sub("", bare, count=1), count=1).strip(" .,:")
    return text, bare.replace(text, " ", 1) if text else bare


def said_lettering(words: str) -> dict[str, Any]:
    """Place, size, colour and font that the words around a lettering ask for, as options of `Lettering`."""
    lower = words.lower()
    said: dict[str, Any] = {}
    for name, table in (("place", _PLACES), ("size", _SIZES), ("font", _FONTS)):
        value = next((value for pattern, value in table if pattern.search(lower)), None)
        if value is not None:
            said[name] = value
    from PIL import ImageColor

    colors = [word for word in re.findall(r"[a-z]+", lower) if word in ImageColor.colormap]
    if colors:
        said["color"] = colors[-1]
    if re.search(r"\boutlined?\b", lower):
        said["outline"] = True
    return said
