"""What a picture is, by its caption or by the task that made it: a depth map, a portrait, a cut-out ..."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Protocol

from ace_agent.planner.english.tables import rows
from ace_agent.planner.english.tokens import Token
from ace_agent.planner.rules import HERE
from ace_agent.planner.rules.image_index import ImageIndex
from ace_agent.planner.rules.mentions import IT

MAPS = frozenset({"depth", "pose", "edge", "contour", "scribble", "doodle", "segment"})
_TASK_KINDS = {
    "depth": "depth", "pose": "pose", "edge": "edge", "contour": "contour", "scribble": "scribble",
    "doodle": "doodle", "segment": "segment", "grayscale": "gray", "mosaic": "mosaic", "degrade": "bad",
    "extract_foreground": "cutout",
}  # fmt: skip
_SHORT = {"segment": "seg", "cutout": "cut"}


class EarlierStep(Protocol):
    """A step before, whose result a clause may use."""

    @property
    def task(self) -> str:
        """Its task."""

    @property
    def base(self) -> str | None:
        """The picture that it works on."""


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    pairs = (row.partition(" = ") for row in rows("image_kinds", HERE))
    return {kind: re.compile(pattern) for kind, _, pattern in pairs}


def kinds_of(id_: str | None, images: ImageIndex, earlier: Sequence[EarlierStep]) -> frozenset[str]:
    """What a picture is: "depth", "gray", "person" ..."""
    if id_ is None:
        return frozenset()
    if found := re.fullmatch(r"\$(\d+)", id_):
        maker = earlier[int(found[1]) - 1]
        mine = {_TASK_KINDS[maker.task]} if maker.task in _TASK_KINDS else set()
        return frozenset(
            mine
            | (
                set(kinds_of(maker.base, images, earlier)) - MAPS - {"gray", "mosaic", "bad"}
                if maker.base
                else set()
            )
        )
    image = images.by_id.get(id_)
    if image is None:
        return frozenset()
    caption = image.text.lower()
    have = {kind for kind, pattern in _patterns().items() if pattern.search(caption)}
    if image.task in _TASK_KINDS and not have & MAPS:
        have.add(_TASK_KINDS[image.task])
    return frozenset(have)


def tag_mentions(
    tokens: Sequence[Token], base: str | None, images: ImageIndex, earlier: Sequence[EarlierStep]
) -> list[Token]:
    """The tokens, every mention tagged with what its picture is."""
    row = []
    for token in tokens:
        if token.has("IMG"):
            ids = [base if i == IT else i for i in token.images]
            have = frozenset(
                f"K{_SHORT.get(k, k).upper()}" for i in ids for k in kinds_of(i, images, earlier)
            )
            masks = frozenset(
                {"KMASK"}
                if any(i in images.by_id and images.by_id[i or ""].kind == "mask" for i in ids)
                else ()
            )
            token = replace(token, tags=token.tags | have | masks)
        row.append(token)
    return row
