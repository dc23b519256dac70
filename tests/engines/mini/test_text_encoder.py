import pytest
import torch

from ace_agent.engines.ace.packing import REFERENCE_INDICATOR
from ace_agent.engines.mini.text_encoder import (
    LETTERS,
    MAX_TOKENS,
    MiniTextEncoder,
    WordTokenizer,
    pad_tokens,
)

WORDS = ["red", "car", "make", "it", "pine", "tree", "berry", "put"]


def test_words_indicators_and_plurals():
    tokenizer = WordTokenizer(WORDS)
    text = tokenizer("Make {image1} RED, berries")
    names = [tokenizer.vocabulary[i] for i in text.ids]
    assert names == ["make", "<image>", "red", ",", "berry", "s", "<end>"]
    assert text.indicators == (-1, 1, -1, -1, -1, -1, -1)


def test_quoted_text_and_unknown_words_are_spelled():
    tokenizer = WordTokenizer(WORDS)
    names = [tokenizer.vocabulary[i] for i in tokenizer('put "Hi" zq').ids]
    assert names == ["put", "<quote>", "h", "i", "<quote>", "z", "q", "<end>"]


@pytest.mark.parametrize(
    ("quoted", "caption"),
    [
        ("a car", True),
        ("Two red cars", True),
        ("red car, pine tree", True),
        ("car", False),
        ("put it", False),
        ("A RED CAR", False),
        ("r e d c a r", False),
        ("", False),
    ],
)
def test_quoted_captions_are_words_and_not_letters(quoted, caption):
    """Letter by letter, what a map is to become was never read."""
    tokenizer = WordTokenizer([*WORDS, "a", "two"])
    names = [tokenizer.vocabulary[i] for i in tokenizer(f'make it "{quoted}", put').ids]
    quote = names.index("<quote>"), len(names) - 1 - names[::-1].index("<quote>")
    inside = names[quote[0] + 1 : quote[1]]
    letters = [letter for letter in quoted.lower() if letter in LETTERS]
    unquoted = [tokenizer.vocabulary[i] for i in tokenizer(quoted).ids][:-1]
    assert inside == (unquoted if caption else letters)
    assert names[: quote[0]] == ["make", "it"] and names[quote[1] + 1 :] == [",", "put", "<end>"]


def test_a_thing_in_a_caption_carries_its_indicator():
    text = 'make it "a pine tree"'
    start = text.index("pine")
    marks = WordTokenizer([*WORDS, "a"])(text, [(start, start + 9, 0)]).indicators
    mark = REFERENCE_INDICATOR
    assert marks == (-1, -1, -1, -1, mark, mark, -1, -1)


def test_quoted_letters_carry_the_indicator_of_their_picture():
    marks = WordTokenizer(WORDS)('put "Hi"', [(4, 8, 1)]).indicators
    assert marks == (-1, *(REFERENCE_INDICATOR + 1,) * 4, -1)


def test_nouns_with_a_reference_picture_carry_its_indicator():
    tokenizer = WordTokenizer(WORDS)
    text = tokenizer("put pine tree", [(4, 13, 2)])
    assert text.indicators == (-1, REFERENCE_INDICATOR + 2, REFERENCE_INDICATOR + 2, -1)


def test_long_text_is_cut_and_says_so():
    text = WordTokenizer(WORDS)("car " * 200)
    assert text.cut and len(text.ids) == MAX_TOKENS


def test_a_text_does_not_depend_on_what_it_is_padded_to():
    torch.manual_seed(0)
    tokenizer = WordTokenizer(WORDS)
    encoder = MiniTextEncoder(len(tokenizer)).eval()
    short, long = tokenizer("red car"), tokenizer("make it red, put car, put pine tree")
    with torch.no_grad():
        alone = encoder(pad_tokens([short]))[0, : len(short.ids)]
        beside = encoder(pad_tokens([short, long]))[0, : len(short.ids)]
    assert (alone - beside).abs().max() < 1e-5


def test_the_tokenizer_survives_a_round_trip(tmp_path):
    tokenizer = WordTokenizer(WORDS)
    tokenizer.save(tmp_path)
    assert WordTokenizer.load(tmp_path).vocabulary == tokenizer.vocabulary
