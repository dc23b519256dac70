"""Words: slips, slang, phrases, quotations, settings."""

from __future__ import annotations

import pytest

from ace_agent.errors import PlanError
from ace_agent.planner.english import spelling
from ace_agent.planner.english.lexicon import single_words
from ace_agent.planner.english.tokens import join_tokens, tokenize
from ace_agent.planner.rules.request_settings import extract_settings


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
def test_slips_are_mended(word: str, meant: str) -> None:
    assert spelling.correct(word, single_words()) == meant


@pytest.mark.parametrize("word", ["boat", "goat", "harbours", "xylograph", "naïve", "ok"])
def test_ordinary_and_strange_words_are_left_alone(word: str) -> None:
    assert spelling.correct(word, single_words()) == word


def test_words_of_the_conversation_are_mended_to_first() -> None:
    assert spelling.correct("brax", single_words(), ["brix"]) == "brix"


def test_distance_counts_swaps_as_one() -> None:
    assert spelling.distance("abcd", "acbd", 2) == 1
    assert spelling.distance("abc", "abcxyz", 2) == 3


def test_phrases_become_one_token_and_keep_their_spelling() -> None:
    tokens = tokenize("a T-shirt in black-and-white")
    assert [t.text for t in tokens] == ["a", "t shirt", "in", "black and white"]
    assert join_tokens(tokens) == "a T-shirt in black-and-white"
    assert tokens[1].has("GARMENT")
    assert tokens[3].has("GRAY")


def test_quotations_are_kept_whole() -> None:
    tokens = tokenize("write “Grand, Opening.” on it")
    assert tokens[1].text == '"Grand, Opening."'
    assert tokens[1].has("QUOTE")


def test_slang_is_spelt_out() -> None:
    assert [t.text for t in tokenize("gimme da pic w/ u")] == ["give me", "the", "picture", "with", "you"]


@pytest.mark.parametrize(
    ("text", "left", "setting"),
    [
        ("a fox at 512x768", "a fox", ("size", (512, 768))),
        ("a fox with seed 42", "a fox", ("seed", 42)),
        ("four different versions of a fox", "a fox", ("variations", 4)),
        ("a fox in 30 steps", "a fox", ("steps", 30)),
    ],
)
def test_settings_leave_the_words(text: str, left: str, setting: tuple[str, object]) -> None:
    tokens, found = extract_settings(tokenize(text))
    assert join_tokens(tokens) == left
    assert getattr(found, setting[0]) == setting[1]


@pytest.mark.parametrize("text", ["a fox at 9999x9999", "900 versions of a fox", f"a fox with seed {2**64}"])
def test_impossible_settings_are_refused(text: str) -> None:
    with pytest.raises(PlanError):
        extract_settings(tokenize(text))


def test_two_versions_ago_is_no_count() -> None:
    _, found = extract_settings(tokenize("go back to two versions ago"))
    assert found.variations == 1
