"""What the specialists say of a photograph."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from ace_agent.engines.experts.description import counted, describe, in_a_few_words, place_of

FOLDER = Path(__file__).parents[3] / "docs/photographs"


def seen(name: str) -> dict[str, str]:
    return {sight.words: sight.source for sight in describe(Image.open(FOLDER / name))}


def test_things_faces_and_kinds_are_named_with_who_says_so() -> None:
    astronaut = seen("astronaut.jpg")
    assert "a photograph, 256 x 256" in astronaut
    assert astronaut["a person"].startswith("YOLOX")
    assert astronaut["a face"] == "BlazeFace"
    assert seen("coffee.jpg")["an espresso"].startswith("EfficientNet")


def test_a_few_words_for_the_planner() -> None:
    assert "cup" in in_a_few_words(Image.open(FOLDER / "coffee.jpg"))
    assert in_a_few_words(Image.new("RGB", (64, 64), "grey")) == ""


def test_places_and_counts() -> None:
    assert place_of((0, 0, 10, 10), (100, 100)) == "top left"
    assert place_of((45, 45, 55, 55), (100, 100)) == "middle"
    assert [counted("dog", 1), counted("person", 2), counted("apple", 1)] == [
        "a dog",
        "two people",
        "an apple",
    ]
