"""Sizes, seeds, counts and step numbers that a request states."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ace_agent.errors import PlanError
from ace_agent.planner.english.lexicon import NUMBERS
from ace_agent.planner.english.tables import wordset
from ace_agent.planner.english.tokens import Token
from ace_agent.planner.proposal import RequestSettings

_COPIES = wordset("copies")
_PICTURES = frozenset(["pictures", "images", "photos", "drawings", "paintings", "shots"])
_AGO = frozenset({"ago", "back", "earlier", "before"})
_RESHAPES = wordset("reshaping-words")


def extract_settings(tokens: Sequence[Token]) -> tuple[list[Token], RequestSettings]:
    """The tokens without those of the settings, and the settings.

    Raises PlanError for a size, seed or number of versions that no plan can hold.
    """
    row = list(tokens)
    found = RequestSettings()
    at = 0
    while at < len(row):
        length, found = _setting(row, at, found)
        if length:
            start = at
            while start and row[start - 1].text in wordset("setting-prepositions") and length > 0:
                if (
                    row[start - 1].text in ("of", "and", "a", "use")
                    and start - 2 >= 0
                    and row[start - 2].text not in ("size", "at", "resolution", "with")
                ):
                    if row[start - 1].text != "and" or start != at:
                        break
                    break
                start -= 1
            del row[start : at + length]
            at = start
        else:
            at += 1
    return row, found


def _count(token: Token) -> int | None:
    return int(token.text) if token.text.isdigit() and len(token.text) < 5 else NUMBERS.get(token.text)


def _of_an_operation(row: list[Token], at: int) -> bool:
    """Whether a size is what a picture is cropped or resized to, rather than the size of a new one."""
    if len(row) <= 6 and (at == 0 or row[0].text in ("make", "to", "resize")):
        return not any(t.has("VCREATE") and not t.has("VCHANGE") for t in row)
    if (
        at
        and row[at - 1].text in ("be", "goes to")
        and at + 1 < len(row)
        and row[at + 1].text.startswith("p")
    ):
        return True  # "it has to be 600 by 800 pixels"
    start = at
    while start and at - start < 30 and row[start - 1].text not in (".", ";", "\n", "!", "?"):
        start -= 1
    near = {w for t in row[start : at + 12] for w in t.text.split()}
    return bool(near & _RESHAPES)


def _setting(row: list[Token], at: int, found: RequestSettings) -> tuple[int, RequestSettings]:
    def text(step: int) -> str:
        return row[at + step].text if 0 <= at + step < len(row) else ""

    token = row[at]
    if token.has("SIZE") and _of_an_operation(row, at):
        return 0, found
    if token.has("SIZE"):
        width, height = (int(n) for n in re.findall(r"\d+", token.text))
        if not (16 <= width <= 4096 and 16 <= height <= 4096):
            raise PlanError(
                f"a picture of {width} x {height} pixels cannot be made", "each side is 16 to 4096 pixels"
            )
        return 1 + (text(1) in ("pixels", "px", "pixel")), replace(found, size=(width, height))
    if token.text == "seed":
        step = 1 + (text(1) in ("number", "of", "is", "value", "to"))
        if text(step).isdigit():
            seed = int(text(step))
            if seed >= 2**63:
                raise PlanError(f"seed {seed} is too large", "take one below 2^63")
            return step + 1, replace(found, seed=seed)
    count = _count(token)
    if count is not None and text(-1) not in wordset("not-counted"):
        step = 1
        while text(step) in wordset("distinct"):
            step += 1
        if (
            text(step) in _COPIES or (text(step) in _PICTURES and text(step + 1) in ("of", "showing", "with"))
        ) and text(step + 1) not in _AGO:
            if text(step) in ("version", "variation", "variant") and count == 1:
                return 0, found
            if not 1 <= count <= 16:
                raise PlanError(f"{count} versions cannot be made at once", "ask for 1 to 16")
            return step + 1 + (text(step + 1) in ("of", "please")), replace(found, variations=count)
        if text(1) in ("times",) and count <= 16 and text(-1) not in ("as",):
            return 2, replace(found, variations=count)
        if (
            text(1) == "steps"
            and text(2) not in _AGO
            and text(-1) in ("in", "with", "use", "using", "at")
            and count > 4
        ):
            return 2, replace(found, steps=min(count, 1000))
    if token.text == "guidance" and _count(row[at + 1]) is not None if at + 1 < len(row) else False:
        return 2, replace(found, guidance=float(_count(row[at + 1]) or 0))
    return 0, found
