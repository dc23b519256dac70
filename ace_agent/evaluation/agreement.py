"""Checks whether a picture agrees with its request, by what the scene reader sees in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ace_agent.evaluation.reader import Seen
from ace_agent.references.vocabulary import STYLE_WORDS

_USUAL = {"time": "day", "weather": "clear"}
_PAPER = ("plain", "gradient")


@dataclass(frozen=True)
class Check:
    """One property that a request asks for.

    Args:
        kind: "object", "gone", "color", "side", "both", "place", "time", "weather" or "style".
        nouns: the objects it concerns.
        wanted: the colour ("red or blue": either), side, place, time, weather or style.
    """

    kind: str
    nouns: tuple[str, ...] = ()
    wanted: str = ""

    def passes(self, seen: Seen) -> bool:
        """Whether the seen picture has the property."""
        found = [seen.find(noun) for noun in self.nouns]
        if self.kind in ("object", "both"):
            return all(found)
        if self.kind == "gone":
            return not any(found)
        if self.kind == "color":
            return found[0] is not None and found[0].color in self.wanted.split(" or ")
        if self.kind == "side":
            return _stands_on(seen, self.nouns, self.wanted)
        if self.kind == "style":
            styles = [thing.style for thing in seen.objects]
            return seen.filter == self.wanted or self.wanted in styles
        return bool(getattr(seen, self.kind) == self.wanted)


@dataclass(frozen=True)
class Agreement:
    """The results of every check of one request."""

    checks: tuple[Check, ...]
    passed: tuple[bool, ...]

    @property
    def agrees(self) -> bool:
        """Whether every check passed."""
        return all(self.passed)

    def by_kind(self) -> dict[str, list[bool]]:
        kinds: dict[str, list[bool]] = {}
        for check, passed in zip(self.checks, self.passed, strict=True):
            kinds.setdefault(check.kind, []).append(passed)
        return kinds


def agreement(checks: Sequence[Check], seen: Seen) -> Agreement:
    """Run the checks of one request."""
    return Agreement(tuple(checks), tuple(check.passes(seen) for check in checks))


def checks_of(judge: Mapping[str, Any], instruction: str, known: Sequence[str]) -> list[Check]:
    """The checks of a sample, from the facts of its target.

    Objects must be there, and what an edit takes out must not. Colour, time, weather and style are checked where they
    are not the default, and so had to be asked for or kept; left and right where the instruction names them.

    Args:
        judge: facts as in `ace_agent.data.scenes.captions.facts`.
        known: nouns that the reader knows; others are skipped.
    """
    listed = [(noun, color, side) for noun, color, side in judge.get("objects", ()) if noun in known]
    nouns = [noun for noun, _, _ in listed]
    checks = [Check("object", (noun,)) for noun in dict.fromkeys(nouns)]
    checks += [Check("gone", (noun,)) for noun in judge.get("gone", ()) if noun in known]
    if len(set(nouns)) > 1:
        checks.append(Check("both", tuple(dict.fromkeys(nouns))))
    for noun, color, side in listed:
        if nouns.count(noun) > 1:
            continue  # nothing says which of the two is meant
        if color:
            checks.append(Check("color", (noun,), color))
        if side in ("left", "right") and side in instruction:
            others = tuple(other for other in dict.fromkeys(nouns) if other != noun)
            checks.append(Check("side", (noun, *others[:1]), side))
    place = judge.get("place", "plain")
    if place not in _PAPER:
        checks.append(Check("place", (), place))
    for kind, usual in _USUAL.items():
        if judge.get(kind, usual) != usual:
            checks.append(Check(kind, (), judge[kind]))
    style = judge.get("style", "noto")
    if style != "noto" and (nouns or style not in STYLE_WORDS):
        checks.append(Check("style", (), style))
    return checks


def _stands_on(seen: Seen, nouns: Sequence[str], side: str) -> bool:
    """Whether the first noun is left or right of the second or, without one, of the picture's middle."""
    found = [seen.find(noun) for noun in nouns]
    first = found[0]
    if first is None:
        return False
    middle = 0.5
    if len(found) > 1:
        if found[1] is None:
            return False
        middle = found[1].x
    return first.x < middle if side == "left" else first.x > middle
