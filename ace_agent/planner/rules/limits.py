"""What a whole request leaves as it is: "everything but the cat", "but leave the sky alone"."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ace_agent.plan.tasks import CATALOGUE

if TYPE_CHECKING:
    from ace_agent.plan import Region
    from ace_agent.planner.proposal import ProposedStep

_THING = r"(?P<thing>[\w'-]+(?: [\w'-]+){0,4}?)"
_END = (
    r"(?=\s*(?:[,.;:!?]|$)|\s+(?:in (?:black|colou?r)|alone|as (?:it|they|he|she) |untouched|unchanged|the same|should"
    r"|stays?|please|and|to|make|black|blurred|darker|brighter))"
)
_LEFT = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(?:everything|all|anything|the rest|everybody|everyone)\s+(?:but|except|apart from|other than|besides)"
        rf"\s+(?:for\s+)?{_THING}{_END}",
        r"\b(?:except|but not|apart from|other than|excluding|without touching|without changing)\s+(?:for\s+)?"
        rf"{_THING}{_END}",
        rf"(?:\bbut|\band|,)\s+(?:please\s+)?(?:leave|keep)\s+{_THING}{_END}",
        rf"^(?:please )?(?:leave|keep)\s+{_THING},? (?:and |but )?[a-z]+ (?:the rest|everything else)\b",
    )
)


def left_alone(text: str) -> str:
    """The thing that a request leaves as it is; empty if it names none."""
    for pattern in _LEFT:
        if found := pattern.search(text):
            return " ".join(found["thing"].split())
    return ""


def with_limit(step: ProposedStep, text: str) -> ProposedStep:
    """The only step of a request, kept off what the request leaves as it is; a local edit names its own thing."""
    from ace_agent.plan import Region

    row = CATALOGUE[step.task]
    thing = left_alone(text)
    whole = row.mask == "optional" and not row.local and row.max_images > 0 and step.task not in _ELSEWHERE
    if not thing or not whole or isinstance(step.mask, str):
        return step
    limit: Region = Region(words=thing, inverted=True)
    return step.model_copy(update={"mask": limit})


_ELSEWHERE = frozenset(
    ("crop", "rotate", "straighten", "flip", "resize", "canvas", "frame", "collage", "watermark", "background",
     "upscale", "extract_foreground", "extract_background", "fuse_layers", "outpaint", "subject_reference",
     "face_reference")
)  # fmt: skip
"""Tasks that do not change a part of a picture."""
