"""What a step did, in words that a person reads: "add a hat" of "Add a hat to {image}."."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ace_agent.plan.tasks import CATALOGUE

MOST = 320
"""Characters of a running description; a longer one loses its middle."""
_SIDES = {
    "segment": "segmentation",
    "depth": "depth map",
    "pose": "poses",
    "edge": "edges",
    "contour": "contours",
    "scribble": "scribble",
    "doodle": "doodle",
}
"""What the result of an analysis task is called."""
_BESIDE = re.compile(r"\s*\b(?:in|to|from|of|on|for|out of|into)\s+\{image\d?\}(?=[\s.,;:!?]|$)")
_COLON = re.compile(r"\s*:\s*\{image\d?\}\s*(?=[.!?]*$)")
_LEADING = re.compile(r"^(?:\{image\d?\}\s*,?\s*(?:and\s+)?)+(?:the same (?:subject|person): )?")


def in_words(instruction: str, others: Sequence[str] = ()) -> str:
    """An instruction without its names of pictures.

    Args:
        instruction: with `{image}`, `{image1}` ... in it.
        others: what to call `{image1}`, `{image2}` ...; default: "another picture".
    """
    text = _LEADING.sub("", instruction.strip())
    for number in range(1, 10):
        name = others[number - 1] if len(others) >= number else "another picture"
        text = text.replace(f"{{image{number}}}", name)
    text = _COLON.sub("", _BESIDE.sub("", text)).replace("{image}", "it")
    text = re.sub(r"\s+", " ", text).strip().rstrip(".").strip(" :,")
    return text[:1].lower() + text[1:] if text[1:2].islower() or text[1:2] == " " else text  # not of "NASA"


def described(task: str, instruction: str, sources: Sequence[str]) -> str:
    """The description of a step's result, made from those of its pictures.

    Args:
        task: of the catalogue.
        instruction: of the step.
        sources: the descriptions of its pictures, the base first.
    """
    words = in_words(instruction, [_short(source) for source in sources[1:]])
    row = CATALOGUE[task]
    if task in _SIDES and sources:
        return _cut(f"{_SIDES[task]} of {_short(sources[0])}")
    if task.endswith("_to_image") and (quoted := re.search(r'"(.+)"', instruction)):
        return _cut(quoted[1])
    if not sources or task.endswith("_to_image"):
        return _cut(words)
    if not row.has_base_with(len(sources)):
        return _cut(f"{words} (from {_short(sources[0])})")
    return _cut(f"{sources[0]}, then: {words}")


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77].rstrip()}..."


def _cut(text: str) -> str:
    if len(text) <= MOST:
        return text
    half = MOST // 2 - 3
    return f"{text[:half].rstrip()} ... {text[-half:].lstrip()}"
