from __future__ import annotations

import pytest

from ace_agent.references.descriptions import Description, describe
from ace_agent.references.name_matching import NameMatcher, spellings
from ace_agent.references.vocabulary import NOUNS


@pytest.mark.parametrize(
    ("text", "look"),
    [
        ("a car in a city", Description("car")),
        ("a Glossy red car", Description("car", "fluent", "red")),
        ("two big flat cars", Description("car", "flat")),
        ("the grey car", Description("car", color="gray")),
        ("a red cat and car", Description("cat", color="red")),
        ("paint a car made of wood", Description("car", texture="wood")),
        ("a blob cow with zebra fur", Description("cow", "blob", texture="zebra fur")),
        ("make the car red", Description("car")),
        ("a bear with ice cream", Description("bear")),
        ("a bear with ice", Description("bear")),
        ("a predred car", Description("car")),
    ],
)
def test_the_words_around_a_name_describe_it(text: str, look: Description) -> None:
    name, start, stop = NameMatcher(spellings(NOUNS)).find(text)[0]
    assert describe(name, text, start, stop) == look
