"""Masks as they are typed."""

from __future__ import annotations

import pytest

from ace_agent.cli.ui.masks import parse_mask
from ace_agent.errors import InputError
from ace_agent.plan import Region


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("left", Region(side="left")),
        ("the upper half", Region(side="top")),
        ("Centre", Region(side="middle")),
        ("box 0.1 0.2 0.5 0.6", Region(box=(0.1, 0.2, 0.5, 0.6))),
        ("box: 10%, 20%, 50%, 60%", Region(box=(0.1, 0.2, 0.5, 0.6))),
        ("ellipse 0 0 1 1", Region(ellipse=(0, 0, 1, 1))),
        ("@4", "@4"),
        ("masks/left.png", "masks/left.png"),
    ],
)
def test_words_are_regions_and_the_rest_are_pictures(text: str, expected: Region | str) -> None:
    assert parse_mask(text) == expected


@pytest.mark.parametrize(
    "text", ["box 0.5 0.5 0.1 0.9", "box 1 2 3", "ellipse 0 0 2 2", "box here and there"]
)
def test_an_impossible_shape_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_mask(text)
    assert refused.value.hint
