"""Requests that undo: the picture that they go back to."""

from __future__ import annotations

from collections.abc import Sequence

from ace_agent.errors import PlanError
from ace_agent.planner.english.lexicon import NUMBERS
from ace_agent.planner.english.tables import wordset
from ace_agent.planner.english.tokens import Token
from ace_agent.planner.rules.image_index import ImageIndex

_UNDO_FILL = wordset("undo-fill")
_WEAK_UNDO = wordset("weak-undo")
_MENDED = frozenset(("quality", "life", "shape", "condition", "glory", "health", "sharpness"))


def undo_target(tokens: Sequence[Token], images: ImageIndex) -> str | None:
    """The picture that a clause goes back to; None if it undoes nothing."""
    whole = {"undo everything", "undo all", "revert everything"} & {t.text for t in tokens}
    places = [i for i, t in enumerate(tokens) if t.has("UNDO")]
    if not places or places[0] > 3:
        return None
    if tokens[places[0]].text in ("bring back", "back to") and any(t.text in _MENDED for t in tokens):
        return None  # "bring it back to good quality"
    flaws = [t.text for t in tokens if t.has("MOSAIC", "UNMOSAIC", "DEFECT")]
    if flaws and tokens[places[0]].text in ("undo", "reverse") and not _made_later(images, flaws):
        return None
    head = tokens[places[0]].text
    rest = [t for i, t in enumerate(tokens) if i != places[0]]
    named = [t for t in rest if t.has("IMG") and not t.has("PRON")]
    spare = [t for t in rest if not t.has("IMG", "PUNCT") and t.text not in _UNDO_FILL]
    weak = head in _WEAK_UNDO
    texts = [t.text for t in rest]
    if "before" in texts and not named and (ranked := images.ranked(texts[texts.index("before") + 1 :])):
        return images.neighbour(images.origin(ranked[0], ranked), -1)  # "as it was before the hat"
    if named and len(named[0].images) > 1 and not weak:
        return _earlier(images, len(named[0].images))
    if named:
        if weak and head in ("bring back",) and spare:
            return None
        if len(spare) > 4 or any(t.has("VADD", "VREM", "STYLE", "TIME", "GRAY") for t in spare):
            return None
        target = named[0].images[0]
        if target in images.by_id and head in (
            "undo",
            "delete the last",
            "remove the last",
            "scrap the last",
            "cancel the last",
            "discard the last",
        ):
            newest = images.newest
            return images.neighbour(target, -1) or target if target == newest else target
        if target == images.newest and head in ("revert", "reverse", "roll back"):
            return _earlier(images, 1)
        return target if target in images.by_id else _earlier(images, 1)
    if whole:
        return images.first
    counted = _steps_back(rest)
    if counted is not None:
        return _earlier(images, counted)
    if {"start", "beginning", "original", "scratch", "square", "outset"} & {
        t.text for t in rest
    } and head != "undo":
        return images.first
    if head in ("forget", "forget about") and not any(images.ranked([t.text]) for t in spare):
        return None
    if weak and (spare or any(t.has("IMG") for t in rest)) and head not in ("put it back", "reset"):
        return None
    words = [t.text for t in spare]
    if words and head in wordset("undo-verbs"):
        # "undo the hat": the picture before the one that has it
        with_it = images.ranked(words)
        if with_it:
            first = min(with_it, key=lambda i: [m.id for m in images.pictures].index(i))
            before = images.neighbour(first, -1)
            if before:
                return before
        if any(t.has("TIME", "STYLE", "GRAY", "COLOR") for t in spare) and head in ("go back",):
            return None
        return _earlier(images, 1)
    if len(spare) > 2:
        return None
    return _earlier(images, 1)


def _made_later(images: ImageIndex, words: Sequence[str]) -> bool:
    """Whether exactly one picture fits the words, and another stands before it: undoing is then meant."""
    fitting = images.ranked(words)
    return len(fitting) == 1 and images.neighbour(fitting[0], -1) is not None


def _steps_back(tokens: Sequence[Token]) -> int | None:
    for at, token in enumerate(tokens):
        count = int(token.text) if token.text.isdigit() else NUMBERS.get(token.text)
        if count and at + 1 < len(tokens) and tokens[at + 1].text in wordset("step-units"):
            return count
        if token.text == "last" and at + 1 < len(tokens) and (n := NUMBERS.get(tokens[at + 1].text)):
            return n
        if token.text == "twice":
            return 2
    return None


def _earlier(images: ImageIndex, count: int) -> str:
    newest = images.newest
    if newest is None:
        raise PlanError("there is nothing to undo", "make a picture first")
    target = images.undone(count)
    if target is None:
        raise PlanError(
            f"there is no picture {count} step{'s' * (count > 1)} before {newest}", "it is the oldest one"
        )
    return target
