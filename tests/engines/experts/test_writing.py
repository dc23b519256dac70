"""Lettering in photographs, and its removal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from ace_agent.engines.experts.text_areas import text_mask
from ace_agent.engines.experts.writing import Writing
from ace_agent.errors import InputError
from ace_agent.images.lettering import letter
from ace_agent.plan.lettering_words import lettering_of, said_lettering

COFFEE = Image.open(Path(__file__).parents[3] / "docs/photographs/coffee.jpg").convert("RGB")
GREY = Image.new("RGB", (400, 300), (90, 90, 90))
RUN = Writing()


def changed(before: Image.Image, after: Image.Image) -> np.ndarray:
    return (np.asarray(before) != np.asarray(after)).any(-1)


@pytest.mark.parametrize(
    ("instruction", "text"),
    [
        ('Write "FASTEST" at the top in big yellow letters in {image}.', "FASTEST"),
        ("Write GROOT below in {image}.", "GROOT"),
        ("Put the text Happy Birthday Anna in {image}.", "Happy Birthday Anna"),
        ("Add the date 2024 at the bottom right in {image}.", "2024"),
        ("Add a caption: Monday morning", "Monday morning"),
        ("Put “São Paulo” in small white letters on {image}.", "São Paulo"),
        ("Write We love Paris at the top of {image}.", "We love Paris"),
    ],
)
def test_the_words_of_an_instruction(instruction: str, text: str) -> None:
    assert lettering_of(instruction)[0] == text


def test_how_the_words_are_set_is_said_around_them() -> None:
    assert said_lettering("at the top in big yellow letters") == {
        "place": "top",
        "size": 0.18,
        "color": "yellow",
    }
    assert said_lettering("a hand-written title in the bottom left corner, small") == {
        "place": "bottom left", "size": 0.055, "font": "hand",
    }  # fmt: skip
    assert said_lettering("into the picture") == {}


def test_words_go_where_they_are_asked_for_and_nothing_else_changes() -> None:
    for place, rows in (("top", slice(0, 100)), ("bottom", slice(200, 300)), ("middle", slice(100, 200))):
        written, mask = letter(GREY, "HELLO", place=place)
        where = changed(GREY, written)
        assert where[rows].any()
        assert where[rows].sum() == where.sum()
        assert not where[np.asarray(mask) == 0].any()


def test_colour_is_asked_for_or_read_well_and_long_words_are_wrapped() -> None:
    red, _ = letter(GREY, "HI", color="red", outline=False)
    assert (np.asarray(red)[changed(GREY, red)][:, 0] > 150).mean() > 0.5
    white = Image.new("RGB", (400, 300), "white")
    assert np.asarray(letter(white, "HI")[0]).min() < 30  # black on white
    one = np.flatnonzero(changed(GREY, letter(GREY, "a word")[0]).any(1))
    many = np.flatnonzero(changed(GREY, letter(GREY, "many words " * 9, size=0.1)[0]).any(1))
    assert many[-1] - many[0] > 2 * (one[-1] - one[0])


@pytest.mark.parametrize("text", ["Привет", "Γειά", "مرحبا بالعالم", "שלום", "Ærøskøbing", "नमस्ते"])
def test_scripts_beyond_latin(text: str) -> None:
    assert changed(GREY, letter(GREY, text, font="hand")[0]).any()


@pytest.mark.parametrize(
    ("text", "size", "message"),
    [
        ("你好", (400, 300), "no font here has '你'"),
        ("nice 😀", (400, 300), "no font here has '😀'"),
        ("x" * 301, (400, 300), "301 characters"),
        (" ", (400, 300), "which words"),
        ("a long sentence for a tiny picture", (20, 12), "do not fit"),
    ],
)
def test_what_cannot_be_set_is_one_line(text: str, size: tuple[int, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        letter(Image.new("RGB", size), text)


def test_written_words_are_found_and_taken_out() -> None:
    assert text_mask(COFFEE).getbbox() is None
    written, mask = letter(COFFEE, "SALE TODAY", place="top", color="white", outline=True)
    found = np.asarray(text_mask(written)) > 0
    assert found[np.asarray(mask) > 0].mean() > 0.9
    cleaned = RUN("Remove the text from {image}.", [written], task="remove_text", seed=1).images[0]
    assert text_mask(cleaned).getbbox() is None
    assert not changed(written, cleaned)[~found].any()


def test_typed_options_win_over_words_and_a_mask_holds_the_words() -> None:
    options = {"place": "top", "color": "#00ff00"}
    done = RUN(
        'Write "HI" at the bottom in red in {image}.', [GREY], task="render_text", seed=1, options=options
    )
    where = changed(GREY, done.images[0])
    assert where[:100].any()
    assert not where[100:].any()
    mask = Image.new("L", GREY.size)
    ImageDraw.Draw(mask).rectangle((50, 150, 200, 250), fill=255)
    inside = RUN('Write "HI" in {image}.', [GREY], [mask], task="render_text", seed=1).images[0]
    assert not changed(GREY, inside)[np.asarray(mask) == 0].any()
    assert changed(GREY, inside).any()
