"""Which text each frame of the released model reads: numbering, history and null texts. No torch here.

A released prompt list has one entry per image. N images make N + 1 frames: the target first, then the images.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar

from ace_agent.engines.ace.condition_unit import INDICATOR, ConditionUnit

Text = TypeVar("Text")


def number_history(prompts: Sequence[str]) -> list[str]:
    """The released numbering under history: in prompt i, from the second on, `{image}` becomes `{image<i>}`.

    It knows one image per turn only; `turn_prompts` does the same for turns of several.
    """
    return [p if i == 0 else p.replace("{image}", f"{{image{i}}}") for i, p in enumerate(prompts)]


def renumber(prompt: str, offset: int) -> str:
    """Shift every indicator by the images of earlier turns: `{image1}` after three images is `{image4}`."""

    def shifted(match: re.Match[str]) -> str:
        number = int(match.group(1) or 0) + offset
        return f"{{image{number or ''}}}"

    return INDICATOR.sub(shifted, prompt)


def turn_prompts(units: Sequence[ConditionUnit]) -> list[str]:
    """One prompt per image over all turns, oldest first, numbered through; a turn's prompt is repeated for
    each of its images. A turn without an image has no frame to carry its text and leaves none, unless it is
    the only one."""
    prompts: list[str] = []
    for unit in units:
        prompt = renumber(unit.instruction, len(prompts))
        prompts += [prompt] * len(unit.images)
    if not prompts:
        return [units[-1].instruction]
    return prompts


def frame_texts(texts: Sequence[Text], images: int) -> list[Text]:
    """Texts of the frames from one per image: the target reads the last, as the last image does. Without
    images there is the target alone."""
    if images == 0:
        return [texts[-1]]
    return [texts[-1], *texts]


def null_prompts(prompts: Sequence[str], negative: str = "") -> list[str]:
    """The unguided branch: only the last prompt is replaced, earlier turns keep their text."""
    return [*prompts[:-1], negative]
