from __future__ import annotations

import pytest

from ace_agent.references.grammar import article, listed, plural


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("dog", "a dog"),
        ("owl", "an owl"),
        ("unicorn", "a unicorn"),
        ("ufo", "a ufo"),
        ("orange car", "an orange car"),
        ("umbrella", "an umbrella"),
        ("hourglass", "an hourglass"),
        ("bread", "bread"),
        ("santa", "santa"),
        ("car made of bread", "a car made of bread"),
    ],
)
def test_article(phrase: str, expected: str) -> None:
    assert article(phrase) == expected


def test_plurals_take_no_article() -> None:
    assert article("red cherries", plural=True) == "red cherries"


@pytest.mark.parametrize(
    ("noun", "expected"),
    [
        ("dog", "dogs"),
        ("fox", "foxes"),
        ("bus", "buses"),
        ("mouse", "mice"),
        ("police officer", "police officers"),
        ("butterfly", "butterflies"),
        ("monkey", "monkeys"),
        ("tomato", "tomatoes"),
        ("sheep", "sheep"),
        ("church", "churches"),
        ("woman", "women"),
    ],
)
def test_plural(noun: str, expected: str) -> None:
    assert plural(noun) == expected


def test_lists() -> None:
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
