"""Mentions of pictures by id, order, relation and content."""

from __future__ import annotations

import pytest

from ace_agent.errors import PlanError
from ace_agent.planner.english.tokens import tokenize
from ace_agent.planner.interface import Context, KnownImage
from ace_agent.planner.rules.descriptions import find_mentions
from ace_agent.planner.rules.image_index import ImageIndex

CAPTIONS = ("a lighthouse at dusk", "a dog on a beach", "a pencil sketch of the dog", "a red car in snow")


def mentioned(text: str) -> list[tuple[str, ...]]:
    images = tuple(KnownImage(f"@{n}", "image", c, n) for n, c in enumerate(CAPTIONS, 1))
    index = ImageIndex(Context(images, "@4", tuple(i.id for i in images)))
    return [t.images for t in find_mentions(tokenize(text, index.vocabulary), index) if t.has("IMG")]


@pytest.mark.parametrize(
    ("text", "image"),
    [
        ("@2", "@2"),
        ("picture 3", "@3"),
        ("image number two", "@2"),
        ("the third one", "@3"),
        ("the very first picture", "@1"),
        ("the picture I made first", "@1"),
        ("the last one", "@4"),
        ("the second to last one", "@3"),
        ("the last but one", "@3"),
        ("the one before last", "@3"),
        ("yours before last", "@3"),
        ("the previous picture", "@3"),
        ("the penultimate one", "@3"),
        ("two pictures ago", "@2"),
        ("the original", "@1"),
        ("what we started with", "@1"),
        ("the lighthouse one", "@1"),
        ("the seaside photo", "@2"),
        ("the picture with the car", "@4"),
        ("the one before the sketch", "@2"),
        ("the picture right after the lighthouse one", "@2"),
        ("the picture before @3", "@2"),
        ("the sketch", "@3"),
        ("the ligthouse pic", "@1"),
    ],
)
def test_one_picture(text: str, image: str) -> None:
    assert mentioned(f"take {text}") == [(image,)]


@pytest.mark.parametrize(
    ("text", "images"),
    [
        ("both pictures", ("@3", "@4")),
        ("all of them", ("@1", "@2", "@3", "@4")),
        ("the last two", ("@3", "@4")),
        ("pictures 1 and 3", ("@1", "@3")),
    ],
)
def test_several_pictures(text: str, images: tuple[str, ...]) -> None:
    assert mentioned(f"use {text}") == [images]


@pytest.mark.parametrize("text", ["add a second dog", "draw a picture of a cat", "the first snow of winter"])
def test_phrases_that_mention_no_picture(text: str) -> None:
    assert mentioned(text) == []


@pytest.mark.parametrize(
    "text", ["make @9 red", "take the seventh picture", "edit image 12", "go to the picture before @1"]
)
def test_pictures_that_do_not_exist_are_refused(text: str) -> None:
    with pytest.raises(PlanError):
        mentioned(text)
