"""Sizes, seeds, counts and steps that a request states."""

from __future__ import annotations

import pytest

from ace_agent.errors import PlanError
from ace_agent.planner.english.tokens import join_tokens, tokenize
from ace_agent.planner.rules.request_settings import extract_settings


@pytest.mark.parametrize(
    ("text", "left", "setting"),
    [
        ("a fox at 512x768", "a fox", ("size", (512, 768))),
        ("a fox with seed 42", "a fox", ("seed", 42)),
        ("four different versions of a fox", "a fox", ("variations", 4)),
        ("a fox in 30 steps", "a fox", ("steps", 30)),
    ],
)
def test_settings_are_removed_from_the_tokens(text: str, left: str, setting: tuple[str, object]) -> None:
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
