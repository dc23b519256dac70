"""Drawn figures that words describe: "a smiling person with long red hair in a blue jacket, waving"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from ace_agent.references import people
from ace_agent.references.colors import RGB
from ace_agent.references.objects import Object, Person
from ace_agent.references.types import Placement

NOUN = "person"


def _either(words: Iterable[str]) -> str:
    return "|".join(sorted(words, key=len, reverse=True))


_BEFORE = re.compile(
    rf"(?:\b(?:an?|one|another)\s+|(?:^|[\"“])\s*)(?:(?:big|large|small|little|tiny)\s+)?"
    rf"(?:({_either([*people.EXPRESSIONS, 'happy'])})\s+)?$",
    re.IGNORECASE,
)
_NOUNS = re.compile(r"\b(?:person|figure)\b", re.IGNORECASE)
_SAME = {"grey": "gray", "blonde": "blond", "happy": "smiling"}
_HAIR_COLORS = _either([*people.HAIR_COLORS, "grey", "blonde"])
_HAIR = rf"with\s+(?:(?P<bald>no)|(?:(?P<hair>{_either(people.HAIRS)})\s+)?(?P<hair_color>{_HAIR_COLORS})?)\s*hair"
_CLOTHES = (
    rf"(?:in|wearing)\s+an?\s+(?:(?P<garment_color>{_either([*RGB, 'grey'])})\s+)?"
    rf"(?P<garment>{_either(people.GARMENTS)})"
)
_GLASSES = r"(?:(?:wearing|with)\s+)?(?P<glasses>sunglasses|glasses)"
_POSE = rf"(?P<pose>{_either(people.POSES)})"
_PART = re.compile(rf"\s*,?\s*(?:and\s+)?(?:{_HAIR}|{_CLOTHES}|{_GLASSES}|{_POSE})\b", re.IGNORECASE)
_LOOKS = ("expression", "hair", "hair_color", "garment", "garment_color", "pose")


@dataclass(frozen=True)
class Figure:
    """A figure as words describe it, with defaults for the rest. `start` and `stop` bound its description in the
    instruction, from its noun on."""

    person: Person
    glasses: str
    start: int
    stop: int

    @property
    def thing(self) -> Object:
        """The figure as an object of a scene."""
        return Object(NOUN, person=self.person, glasses=self.glasses)


def find_figures(instruction: str) -> Iterator[Figure]:
    """The new figures that `instruction` describes, in order; "the person" is one that the picture shows already."""
    for noun in _NOUNS.finditer(instruction):
        before = _BEFORE.search(instruction[: noun.start()])
        if before is None:
            continue
        said = {"expression": before[1].lower()} if before[1] else {}
        until = noun.end()
        while part := _PART.match(instruction, until):
            said |= {name: word.lower() for name, word in part.groupdict().items() if word}
            until = part.end()
        if said:
            yield Figure(_person(said), said.get("glasses", ""), noun.start(), until)


def _person(said: Mapping[str, str]) -> Person:
    looks = {name: _SAME.get(word, word) for name, word in said.items() if name in _LOOKS}
    if "bald" in said:
        looks["hair"] = "bald"
    return replace(Person(trousers=people.USUAL_TROUSERS), **looks)  # type: ignore[arg-type]


def placed(figure: Object, key: str, box: tuple[float, float, float, float], color: str = "") -> Placement:
    """A figure's placement, with its parts'; `box` is left, top, width and height in fractions of the picture."""
    assert figure.person is not None
    x, y, w, h = box
    parts = []
    for look, (left, top, right, bottom) in people.part_boxes(figure.person, figure.glasses).items():
        at = x + w * (1 - right if figure.flip else left)
        parts.append(Placement(look, at, y + h * top, w * (right - left), h * (bottom - top), figure.flip))
    return Placement(key, x, y, w, h, figure.flip, color, tuple(parts))
