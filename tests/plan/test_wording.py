"""What a step did, in a person's words."""

import pytest

from ace_agent.plan.wording import MOST, described, in_words


@pytest.mark.parametrize(
    ("instruction", "words"),
    [
        ("Add a hat to {image}.", "add a hat"),
        ("Make it night in {image}.", "make it night"),
        ("Brighten {image}.", "brighten it"),
        ("Restore {image}: remove the noise.", "restore it: remove the noise"),
        ("{image}, the same subject: in a garden.", "in a garden"),
        ("Turn the van into a truck: {image}.", "turn the van into a truck"),
        ("a red fox", "a red fox"),
        ("NASA logo on a cup", "NASA logo on a cup"),
    ],
)
def test_an_instruction_loses_the_names_of_its_pictures(instruction: str, words: str) -> None:
    assert in_words(instruction) == words


def test_other_pictures_are_called_by_what_is_known_of_them() -> None:
    assert in_words("Fuse {image} with {image1}.", ["a robin"]) == "fuse it with a robin"
    assert in_words("Fuse {image} with {image1}.") == "fuse it with another picture"


def test_a_description_grows_with_every_change() -> None:
    first = described("text_to_image", "a snowman", [])
    second = described("add", "Add a hat to {image}.", [first])
    assert described("edit_scene", "Make it night in {image}.", [second]) == (
        "a snowman, then: add a hat, then: make it night"
    )


def test_a_map_is_called_by_its_name() -> None:
    assert described("depth", "Produce a depth map for {image}.", ["a cat"]) == "depth map of a cat"


def test_a_picture_made_from_a_map_is_what_its_caption_says() -> None:
    instruction = 'Translate this posture {image} into a coloured image of "a dancer".'
    assert described("pose_to_image", instruction, ["poses of a man"]) == "a dancer"


def test_a_new_picture_of_a_subject_names_where_it_comes_from() -> None:
    words = described("subject_reference", "{image}, the same subject: in a garden.", ["a teapot"])
    assert words == "in a garden (from a teapot)"


def test_a_long_description_keeps_its_beginning_and_its_end() -> None:
    text = "a snowman in a garden"
    for number in range(100):
        text = described("add", f"Add a hat number {number} to {{image}}.", [text])
    assert len(text) <= MOST and text.startswith("a snowman") and text.endswith("number 99")
