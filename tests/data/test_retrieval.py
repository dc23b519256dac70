from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ace_agent.data.errors import DataError
from ace_agent.data.retrieval import SIDE, ReferenceLibrary, packaged
from ace_agent.data.vocabulary import HELD_OUT_NAMES, NOUNS


@pytest.fixture(scope="module")
def library() -> ReferenceLibrary:
    return ReferenceLibrary.load()


def _names(library: ReferenceLibrary, text: str) -> list[str]:
    return [named.frame.placements[0].key.split("|")[0] for named in library.find(text)]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a dog on a beach", ["dog"]),
        ("a hot dog and a dog", ["hot dog", "dog"]),
        ("two foxes under a pine tree", ["fox", "pine tree"]),
        ("the doghouse", []),
        ("the dog's hat-box and a jack-o'-lantern", ["dog", "pumpkin"]),
        ("a pup in an automobile", ["dog", "car"]),
        ("Add mice to {image}", ["mouse"]),
        ("make the car orange", ["car"]),
        ("an orange on a table", ["orange"]),
        ("an orange car", ["car"]),
        ("turn the apple into an orange", ["apple", "orange"]),
        ("mirror the taxi", ["taxi"]),
        ("a mirror in a room", ["mirror"]),
        ("a pencil sketch of a cat", ["cat"]),
        ('write "PIZZA" at the top', []),
        ('turn the edges {image} into "a pizza in space"', ["pizza"]),
        ("a dog, another dog and dogs", ["dog"]),
        ("nothing known", []),
    ],
)
def test_what_an_instruction_names(library: ReferenceLibrary, text: str, names: list[str]) -> None:
    assert _names(library, text) == names


def test_spans_are_the_words_themselves(library: ReferenceLibrary) -> None:
    text = "put the Pine Trees behind the puppy"
    for named in library.find(text):
        assert text[named.start : named.stop] == named.name
    assert [named.name for named in library.find(text)] == ["Pine Trees", "puppy"]


def test_held_out_things_are_known_to_the_library(library: ReferenceLibrary) -> None:
    assert set(HELD_OUT_NAMES) <= set(library.names())
    assert set(NOUNS) <= set(library.names())
    assert packaged().stat().st_size < 3_000_000


def test_references_are_alone_on_white_with_their_place(library: ReferenceLibrary) -> None:
    (named,) = library.find("a giraffe")
    image, (place,) = named.frame.image, named.frame.placements
    assert image.shape == (SIDE, SIDE, 3)
    assert (image[0] == 255).all()
    assert (image != 255).any()
    assert named.frame.mask is not None
    bare = named.frame.mask == 0
    assert (image[bare] == 255).all() and 0.1 < bare.mean() < 0.9
    ink = np.argwhere((image < 250).any(-1))
    assert abs(ink[:, 0].min() / SIDE - place.y) < 0.04
    assert abs((ink[:, 0].max() + 1) / SIDE - (place.y + place.h)) < 0.04


def test_a_users_pictures_win(tmp_path: Path) -> None:
    Image.new("RGB", (30, 20), (0, 0, 255)).save(tmp_path / "rex.png")
    Image.new("RGB", (30, 20), (0, 255, 0)).save(tmp_path / "dog.png")
    library = ReferenceLibrary.load(own=tmp_path)
    rex, dog = library.find("rex and the dog")
    assert tuple(rex.frame.image[32, 32]) == (0, 0, 255)
    assert tuple(dog.frame.image[32, 32]) == (0, 255, 0)


def test_a_missing_library_or_folder_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no reference library"):
        ReferenceLibrary.load(tmp_path / "none.npz")
    with pytest.raises(DataError, match="not a folder"):
        ReferenceLibrary.load(own=tmp_path / "none")
