"""Slips are corrected, other words are not."""

from __future__ import annotations

import pytest

from ace_agent.planner.english import spelling
from ace_agent.planner.english.lexicon import single_words


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("pnik", "pink"),
        ("skech", "sketch"),
        ("umbrela", "umbrella"),
        ("backgruond", "background"),
        ("dgo", "dog"),
    ],
)
def test_slips_are_corrected(word: str, meant: str) -> None:
    assert spelling.correct(word, single_words()) == meant


@pytest.mark.parametrize("word", ["boat", "goat", "harbours", "xylograph", "naïve", "ok"])
def test_ordinary_and_unknown_words_stay(word: str) -> None:
    assert spelling.correct(word, single_words()) == word


def test_words_of_the_conversation_come_first() -> None:
    assert spelling.correct("brax", single_words(), ["brix"]) == "brix"


def test_distance_counts_swaps_as_one() -> None:
    assert spelling.distance("abcd", "acbd", 2) == 1
    assert spelling.distance("abc", "abcxyz", 2) == 3


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("remvoe the tree on teh left", "remove the tree on the left"),
        ("chagne teh backgorund to a moutain", "change the background to a mountain"),
        ('write "OPNE SUNDYA" on teh door', 'write "OPNE SUNDYA" on the door'),
        ("take Dorothys hat off", "take Dorothys hat off"),
        ("mach den Himmel dunkler", "mach den Himmel dunkler"),
        ("quita la lampara por favor", "quita la lampara por favor"),
        ("rends le ciel plus clair", "rends le ciel plus clair"),
        ("tira o chapéu do menino", "tira o chapéu do menino"),
    ],
)
def test_slips_are_mended_in_english_text_alone(text: str, right: str) -> None:
    assert spelling.mended(text, single_words()) == right
