"""Condition units and the Long-context Condition Unit (arXiv 2410.00086, section 3.2). No torch here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

    from ace_agent.references.types import NamedReference

INDICATOR = re.compile(r"\{image(\d*)\}")
MAX_IMAGES = 9
"""Images that one turn may name: the indicators of the released model are ten, one of them the target's."""


@dataclass(frozen=True)
class ReferenceImage:
    """A reference picture of an object that the instruction names.

    `start` and `stop` are the character span of the noun in the instruction; `image` is an RGB picture of the
    object alone on white, `mask` (L, of its size) how much of each pixel is the object; None: all of it.
    """

    name: str
    start: int
    stop: int
    image: Image.Image
    mask: Image.Image | None = None

    @classmethod
    def found(cls, named: NamedReference) -> ReferenceImage:
        """What a library of reference pictures found."""
        from PIL import Image

        frame = named.frame
        mask = None if frame.mask is None else Image.fromarray(frame.mask)
        return cls(named.name, named.start, named.stop, Image.fromarray(frame.image), mask)


@dataclass(frozen=True)
class ConditionUnit:
    """`CU = {T, V}`: one turn's instruction and its images, each with a mask (white = region to change) or None.

    `task` is the catalogue's id of what the turn did; None where nobody named it.
    """

    instruction: str
    images: tuple[Image.Image, ...] = ()
    masks: tuple[Image.Image | None, ...] = ()
    references: tuple[ReferenceImage, ...] = ()
    task: str | None = None

    def __post_init__(self) -> None:
        if len(self.masks) != len(self.images):
            raise ValueError(f"masks: wanted one entry per image ({len(self.images)}), got {len(self.masks)}")
        if len(self.images) > MAX_IMAGES:
            raise ValueError(f"images: a turn takes at most {MAX_IMAGES}, got {len(self.images)}")
        for image, mask in zip(self.images, self.masks, strict=True):
            if mask is not None and mask.size != image.size:
                raise ValueError(f"masks: wanted the image's size {image.size}, got {mask.size}")


@dataclass(frozen=True)
class LongContextConditionUnit:
    """The condition units of earlier turns, oldest first, and the current one."""

    history: tuple[ConditionUnit, ...]
    current: ConditionUnit

    @property
    def units(self) -> tuple[ConditionUnit, ...]:
        return (*self.history, self.current)


def indicator_number(token: str) -> int | None:
    """`{image}` is 0, `{image3}` is 3; None when `token` is no indicator."""
    found = INDICATOR.fullmatch(token)
    if found is None:
        return None
    return int(found.group(1) or 0)


PICTURE_TOKENS = 64
"""What a picture costs in ace-mini's context, and in a conversation's accounts."""
TEXT_TOKENS = 16
"""What a turn without pictures costs, so that a run of them ends too."""


def history_cost(pictures: int) -> int:
    """Tokens that a turn of so many pictures costs as history."""
    return max(TEXT_TOKENS, PICTURE_TOKENS * pictures)


def latest_run(pictures: Sequence[int], room: int) -> int:
    """First turn of the longest run up to the last one that has at most `room` pictures in all; `pictures` are those
    of each turn, oldest first."""
    for turn in range(len(pictures) - 1, -1, -1):
        room -= pictures[turn]
        if room < 0:
            return turn + 1
    return 0


def contiguous_history(costs: Sequence[int], budget: int) -> int:
    """First turn of the history to keep, so that the turns from it on fit the budget (rule 6 of docs/design.md).

    `costs` are the tokens of each earlier turn, oldest first. The anchor is a function of the costs alone: it starts
    at turn 0 and, whenever the run from it grows over `budget`, jumps forward until the run fits half the budget. So
    the anchor stays put for many turns and what was computed for them can be used again.
    """
    anchor = 0
    total = 0
    for turn, cost in enumerate(costs):
        total += cost
        if total > budget:
            while anchor <= turn and total > budget // 2:
                total -= costs[anchor]
                anchor += 1
    return anchor
