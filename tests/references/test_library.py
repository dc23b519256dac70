from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ace_agent.data.sample import TrainingTurn
from ace_agent.data.scenes.world import World
from ace_agent.errors import InputError
from ace_agent.planner.english.vocabulary import known_nouns
from ace_agent.references import library as library_module
from ace_agent.references.descriptions import Description
from ace_agent.references.errors import LibraryError
from ace_agent.references.library import OWN_PICTURES, SIDE, ReferenceLibrary, packaged
from ace_agent.references.vocabulary import HELD_OUT_NAMES, NOUNS


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
        ('write "PIZZA" at the top', ['"PIZZA"']),
        ('turn the edges {image} into "a pizza in space"', ["pizza"]),
        ("a dog, another dog and dogs", ["dog"]),
        ("a cow with zebra fur", ["cow"]),
        ("nothing known", []),
    ],
)
def test_names_in_instructions(library: ReferenceLibrary, text: str, names: list[str]) -> None:
    assert _names(library, text) == names


def test_spans_cover_the_words(library: ReferenceLibrary) -> None:
    text = "put the Pine Trees behind the puppy"
    for named in library.find(text):
        assert text[named.start : named.stop] == named.name
    assert [named.name for named in library.find(text)] == ["Pine Trees", "puppy"]


@pytest.mark.parametrize(
    ("text", "look"),
    [
        ("set the colour of the car to red", Description("car", color="red")),
        ("dye the teal car brown in the marked region", Description("car", color="brown")),
        ("cover the flat red car with moss", Description("car", "flat", texture="moss")),
        ("Leopard fur texture for the car", Description("car", texture="leopard fur")),
        ("a car on a blue background", Description("car")),
        ("show only the car on white", Description("car")),
        ("a car in a green field", Description("car")),
        ('write "HI" in red above the car', Description("car")),
        ("paint the car and the dog red", Description("car")),
        ("make the car red or blue", Description("car")),
        ("a bear with ice cream", Description("bear")),
    ],
)
def test_the_only_thing_named_looks_as_after_the_edit(
    library: ReferenceLibrary, text: str, look: Description
) -> None:
    (place,) = library.find(text)[0].frame.placements
    assert (place.key, place.color) == (look.key, look.color)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("make the happy face sad", ["happy face", "sad face"]),
        ("the face should stick out the tongue", ["silly face"]),
        ("change the face of the person to sad", []),
        ("a sad person beside a house", ["person", "house"]),
        ("a happy face and a sad face", ["happy face", "sad face"]),
    ],
)
def test_an_expression_of_a_face_is_looked_up(library: ReferenceLibrary, text: str, names: list[str]) -> None:
    assert _names(library, text) == names
    for named in library.find(text):
        assert text[named.start : named.stop] == named.name


def test_the_library_has_held_out_things(library: ReferenceLibrary) -> None:
    assert set(HELD_OUT_NAMES) <= set(library.names())
    assert set(NOUNS) <= set(library.names())
    assert packaged().stat().st_size < 10_000_000


def test_references_match_their_descriptions(library: ReferenceLibrary) -> None:
    """Each style and tint has a picture; a style that the library lacks falls back to the first."""
    texts = ("a car", "a flat car", "a blue car", "a car made of stone")
    pictures = [library.find(text)[0].frame.image.astype(int) for text in texts]
    assert all(np.abs(a - b).mean() > 5 for a, b in itertools.combinations(pictures, 2))
    body = pictures[2][(pictures[2] < 250).any(-1)]
    assert (body[:, 2] > body[:, 0] + 40).mean() > 0.3
    (place,) = library.find("a blue car")[0].frame.placements
    assert (place.key, place.color) == ("car|noto", "blue")
    only = ReferenceLibrary({"car|noto": library._pictures["car|noto"]})
    plain, flat = only.find("a car")[0].frame, only.find("a flat car")[0].frame
    assert np.array_equal(plain.image, flat.image) and flat.placements[0].key == "car|noto"


def test_training_and_the_library_use_the_same_references(library: ReferenceLibrary) -> None:
    """The scene world makes references from sprites, the product takes them from the library."""
    asked = "a glossy red car and a boot made of gold"
    turn = TrainingTurn("text_to_image", asked, (), np.zeros((8, 8, 3), np.uint8), None, None, ())
    ours = World()._with_references(turn).named
    theirs = library.find(turn.instruction)
    assert len(ours) == len(theirs) == 2
    for our, their in zip(ours, theirs, strict=True):
        assert np.abs(our.frame.image.astype(int) - their.frame.image).mean() < 3
        assert our.frame.placements[0].key == their.frame.placements[0].key


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


def test_all_things_stand_on_the_same_spot(library: ReferenceLibrary, tmp_path: Path) -> None:
    """Tall or wide, with the same longest side, a user's own pictures too."""
    Image.new("RGB", (90, 30), (0, 0, 255)).save(tmp_path / "rex.png")
    own = ReferenceLibrary.load(own=tmp_path)
    found = [*library.find("a giraffe, a bus and a key"), *own.find("rex")]
    assert len(found) == 4
    shapes = set()
    for named in found:
        (place,) = named.frame.placements
        assert (place.x + place.w / 2, place.y + place.h) == pytest.approx((0.5, 60 / SIDE), abs=1 / SIDE)
        assert max(place.w, place.h) == pytest.approx(56 / SIDE)
        assert named.frame.mask is not None and named.frame.mask[60:].max() == 0 < named.frame.mask[59].max()
        shapes.add(place.w > place.h)
    assert shapes == {True, False}


def test_a_users_pictures_take_precedence(tmp_path: Path) -> None:
    Image.new("RGB", (30, 20), (0, 0, 255)).save(tmp_path / "rex.png")
    Image.new("RGB", (30, 20), (0, 255, 0)).save(tmp_path / "dog.png")
    library = ReferenceLibrary.load(own=tmp_path)
    rex, dog = library.find("rex and the dog")
    assert tuple(rex.frame.image[50, 32]) == (0, 0, 255)
    assert tuple(dog.frame.image[50, 32]) == (0, 255, 0)


def test_a_missing_library_or_folder_is_a_one_line_error(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="no reference library"):
        ReferenceLibrary.load(tmp_path / "none.npz")
    with pytest.raises(LibraryError, match="not a folder"):
        ReferenceLibrary.load(own=tmp_path / "none")


def test_the_environment_names_the_folder_of_own_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are found, and the planner knows their names."""
    known_nouns.cache_clear()
    Image.new("RGB", (30, 20), (0, 0, 255)).save(tmp_path / "my_rex.png")
    monkeypatch.setenv(OWN_PICTURES, str(tmp_path))
    (rex,) = library_module.default_library().find("put my rex on a beach")
    assert rex.name == "my rex" and tuple(rex.frame.image[32, 32]) == (0, 0, 255)
    assert "my rex" in (known_nouns("ace-mini") or ())
    known_nouns.cache_clear()
    monkeypatch.setenv(OWN_PICTURES, str(tmp_path / "none"))
    with pytest.raises(InputError, match=f"{OWN_PICTURES}.*not a folder"):
        known_nouns("ace-mini")
    with pytest.raises(InputError, match=f"{OWN_PICTURES}.*not a folder"):
        library_module.default_library()
    monkeypatch.delenv(OWN_PICTURES)
    assert library_module.default_library().names() == ReferenceLibrary.load().names()
