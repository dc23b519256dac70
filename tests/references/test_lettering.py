from __future__ import annotations

import random

import numpy as np
import pytest

from ace_agent.data.scenes.world import World
from ace_agent.references import lettering
from ace_agent.references.lettering import drawn_as, find_lettering, typeset
from ace_agent.references.library import ReferenceLibrary


@pytest.mark.parametrize(
    ("quoted", "drawn"),
    [("hello", "HELLO"), ("Good day", "GOOD DAY"), ("D R E A M", "DREAM"), ("  a  b ", "AB"), ("", "")],
)
def test_quotations_are_drawn_in_capitals(quoted: str, drawn: str) -> None:
    assert drawn_as(quoted) == drawn


@pytest.mark.parametrize(
    ("instruction", "color"),
    [
        ('write "HI" at the top', "white"),
        ('write red "HI" at the top', "red"),
        ('add Blue text "HI" at the bottom', "blue"),
        ('put the words "HI" in green at the top', "green"),
        ('caption it with black letters "HI" below', "black"),
        ('put "HI" in the red room', "white"),
        ('make the car red and write "HI" on it', "white"),
    ],
)
def test_lettering_has_the_named_ink(instruction: str, color: str) -> None:
    (named,) = find_lettering(instruction)
    assert instruction[named.start : named.stop] == named.name == '"HI"'
    assert named.frame.placements[0].key == lettering.key("HI")
    assert named.frame.placements[0].color == color


def test_captions_are_not_drawn_as_lettering() -> None:
    assert find_lettering('turn the edges into "a koala in space"') == []
    assert [named.name for named in find_lettering('write "HI" and "YOU" on "a red car"')] == [
        '"HI"',
        '"YOU"',
    ]


def test_long_lettering_shrinks_to_fit() -> None:
    short, long = typeset("HI", "white", 128), typeset("HAPPY BIRTHDAY TO YOU", "white", 128)
    assert long.height < short.height and long.width <= 0.94 * 128 < 4 * long.width
    assert short.height <= lettering.PLATE[1]


def test_lettering_references_match_the_target() -> None:
    """At the place of the lettering, its pixels are those of the target, in every ink."""
    rng, world, library = random.Random(4), World(), ReferenceLibrary.load()
    inks = set()
    for _ in range(40):
        (turn,) = world.sample(rng, "render_text", "held-out").turns
        (words,) = [place for place in turn.placements if place.is_lettering]
        named = library.find(turn.instruction)[-1]
        (place,) = named.frame.placements
        assert (place.key, place.color) == (words.key, words.color)
        inks.add(place.color)
        cells = []
        for picture, at, side in ((turn.target, words, (128, 128)), (named.frame.image, place, (128, 32))):
            left, top = round(at.x * side[0]), round(at.y * side[1])
            cells.append(picture[top : top + round(at.h * side[1]), left : left + round(at.w * side[0])])
        left, top = round(place.x * 128), round(place.y * 32)
        height, width = cells[1].shape[:2]
        assert named.frame.mask is not None
        solid = named.frame.mask[top : top + height, left : left + width] == 255
        assert solid.mean() > 0.2
        assert np.array_equal(cells[0][solid], cells[1][solid])
    assert {"white", "red"} <= inks and len(inks) > 4
