"""What the parser reads."""

from __future__ import annotations

from tokenizers import Tokenizer

from ace_agent.planner.parser.encoding import (
    MOST_DESCRIPTION,
    MOST_PICTURES,
    MOST_REQUEST,
    Seen,
    encode,
    piece,
)


def test_pictures_are_found_by_their_markers(tokenizer: Tokenizer) -> None:
    seen = [Seen("@3", "photo", "the cat"), Seen("@4", "mask", "the hat"), Seen("input", "photo", "hat.jpg")]
    encoded = encode(tokenizer, "remove the hat", seen, masked=True)
    marks = {name: tokenizer.id_to_token(encoded.ids[place]) for name, place in encoded.pictures.items()}
    assert marks == {"@3": "[unused1]", "@4": "[unused3]", "input": "[unused4]"}
    assert encoded.masks == [encoded.pictures["@4"]]
    newest, oldest, kinds = (
        [row[encoded.pictures[n]] for n in ("input", "@4", "@3")] for row in encoded.places
    )
    assert (newest, oldest, kinds) == ([1, 2, 3], [3, 2, 1], [4, 3, 1])
    assert {len(row) for row in encoded.places} == {len(encoded.ids)}


def test_positions_are_words_of_the_request(tokenizer: Tokenizer) -> None:
    request = "Remove the HAT"
    encoded = encode(tokenizer, request, [])
    first, last = encoded.words
    assert encoded.text(request, first, last) == request
    assert encoded.text(request, last, last) == "HAT"


def test_only_the_newest_pictures_and_the_current_one_are_read(tokenizer: Tokenizer) -> None:
    seen = [Seen(f"@{n}", "made", "the cat", current=n == 2) for n in range(1, 31)]
    encoded = encode(tokenizer, "remove the hat", seen)
    assert len(encoded.pictures) == MOST_PICTURES
    assert {"@2", "@30"} <= set(encoded.pictures)


def test_what_is_long_loses_its_middle(tokenizer: Tokenizer) -> None:
    encoded = encode(tokenizer, "a " * 400 + "hat", [Seen("@1", "photo", "the " + "cat " * 90 + "hat")])
    assert len(encoded.offsets) == MOST_REQUEST
    assert len(encoded.ids) <= MOST_REQUEST + MOST_DESCRIPTION + 4
    assert encoded.ids.count(piece(tokenizer, "hat")) == 2
