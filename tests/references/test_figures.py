"""Figures are drawn to their description, and their garments are not looked up."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from ace_agent.data.scenes import captions
from ace_agent.references import figures, people
from ace_agent.references.library import figure_frame, find_references
from ace_agent.references.name_matching import NameMatcher, spellings
from ace_agent.references.objects import Object, Person
from ace_agent.references.types import NamedReference

USUAL = Person(trousers=people.USUAL_TROUSERS)


def named(instruction: str) -> Sequence[NamedReference]:
    matcher = NameMatcher(spellings(["dress", "cat", "princess", "jacket"]))
    return find_references(
        matcher, instruction, lambda look: figure_frame(Object(look.name + look.color, person=USUAL))
    )


def test_captions_of_figures_are_parsed_back() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        person = replace(
            USUAL,
            **{
                part: str(rng.choice(list(options)))
                for part, options in (
                    ("hair", people.HAIRS), ("hair_color", people.HAIR_COLORS), ("garment", people.GARMENTS),
                    ("expression", people.EXPRESSIONS), ("garment_color", ("red", "gray", "teal")),
                    ("pose", people.POSES),
                )
            },
        )  # fmt: skip
        glasses = str(rng.choice(["", "glasses", "sunglasses"]))
        phrase = captions.phrase(Object("person", person=person, glasses=glasses))
        text = f"draw a {phrase} and a cat in a dress by the sea"
        (found,) = figures.find_figures(text)
        unsaid = (
            replace(found.person, hair_color=person.hair_color) if person.hair == "bald" else found.person
        )
        assert (unsaid, found.glasses) == (person, glasses)
        assert text[found.start : found.stop] == phrase[phrase.index("person") :]


@pytest.mark.parametrize(
    ("text", "looks"),
    [
        ("a happy person with blonde hair", {"expression": "smiling", "hair_color": "blond"}),
        (
            "a person with curly blonde hair, waving",
            {"hair": "curly", "hair_color": "blond", "pose": "waving"},
        ),
        (
            "angry figure wearing a grey suit",
            {"expression": "angry", "garment_color": "gray", "garment": "suit"},
        ),
        ("a person in a dress", {"garment": "dress"}),
        ("a person with no hair", {"hair": "bald"}),
        ("a person on a beach", None),
        ("make the person dancing", None),
        ("the sad person in a red dress", None),
    ],
)
def test_descriptions_of_new_figures(text: str, looks: dict[str, str] | None) -> None:
    found = list(figures.find_figures(text))
    assert [one.person for one in found] == ([] if looks is None else [replace(USUAL, **looks)])


def test_garments_are_not_looked_up_and_their_colours_describe_nothing_else() -> None:
    found = named("an angry person in a blue dress waving and a princess with a dress")
    assert [one.name for one in found] == ["person in a blue dress waving", "princess", "dress"]
    figure, princess = (one.frame for one in found[:2])
    assert princess.placements[0].key.startswith("princess|")
    assert figure.placements[0].key.startswith("person|") and len(figure.placements[0].parts) == 2
    assert figure.image.shape == (64, 64, 3) and figure.mask is not None
    assert 0.1 < (figure.mask > 128).mean() < 0.5


def test_parts_of_a_figure_are_placed_as_in_a_scene() -> None:
    """In a mirrored figure the head is as far from the right as from the left in the original."""
    thing = Object("person", person=replace(USUAL, pose="running"))
    plain, turned = (
        figures.placed(one, "key", (0.25, 0.5, 0.5, 0.5)) for one in (thing, replace(thing, flip=True))
    )
    for part, other in zip(plain.parts, turned.parts, strict=True):
        assert part.key == other.key and (part.w, part.h, part.y) == (other.w, other.h, other.y)
        assert part.x - 0.25 == pytest.approx(0.75 - other.x - other.w)
