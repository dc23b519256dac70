"""What a picture is, from its caption or the task that makes it: a depth map, a portrait, a cut-out ..."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Protocol

from ace_agent.planner.english.tables import rows
from ace_agent.planner.english.tokens import Token
from ace_agent.planner.rules import HERE
from ace_agent.planner.rules.image_index import Gallery
from ace_agent.planner.rules.mentions import IT

MAPS = frozenset({"depth", "pose", "edge", "contour", "scribble", "doodle", "segment"})
_TASK_KINDS = {
    "depth": "depth", "pose": "pose", "edge": "edge", "contour": "contour", "scribble": "scribble",
    "doodle": "doodle", "segment": "segment", "grayscale": "gray", "mosaic": "mosaic", "degrade": "bad",
    "extract_foreground": "cutout",
}  # fmt: skip
_SHORT = {"segment": "seg", "cutout": "cut"}


class Made(Protocol):
    """What a step before tells of its result."""

    task: str
    base: str | None


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    pairs = (row.partition(" = ") for row in rows("image_kinds", HERE))
    return {kind: re.compile(pattern) for kind, _, pattern in pairs}


def kinds(id_: str | None, gallery: Gallery, drafts: Sequence[Made]) -> frozenset[str]:
    """What a picture is, from its caption or from the task that makes it: "depth", "gray", "person", ..."""
    if id_ is None:
        return frozenset()
    if found := re.fullmatch(r"\$(\d+)", id_):
        made = drafts[int(found[1]) - 1]
        mine = {_TASK_KINDS[made.task]} if made.task in _TASK_KINDS else set()
        return frozenset(
            mine
            | (
                set(kinds(made.base, gallery, drafts)) - MAPS - {"gray", "mosaic", "bad"}
                if made.base
                else set()
            )
        )
    image = gallery.known.get(id_)
    if image is None:
        return frozenset()
    caption = image.caption.lower()
    have = {kind for kind, pattern in _patterns().items() if pattern.search(caption)}
    if image.task in _TASK_KINDS and not have & MAPS:
        have.add(_TASK_KINDS[image.task])
    return frozenset(have)


def tagged(
    tokens: Sequence[Token], base: str | None, gallery: Gallery, drafts: Sequence[Made]
) -> list[Token]:
    """The tokens with tags on every mention for what the picture is."""
    row = []
    for token in tokens:
        if token.has("IMG"):
            ids = [base if i == IT else i for i in token.images]
            have = frozenset(f"K{_SHORT.get(k, k).upper()}" for i in ids for k in kinds(i, gallery, drafts))
            masks = frozenset(
                {"KMASK"}
                if any(i in gallery.known and gallery.known[i or ""].kind == "mask" for i in ids)
                else ()
            )
            token = replace(token, tags=token.tags | have | masks)
        row.append(token)
    return row
