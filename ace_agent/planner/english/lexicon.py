"""Tagged words: each section of ``data/lexicon.txt`` is a tag, with the words and phrases that carry it.

A phrase of several words becomes one token (``black and white``). A word may carry several tags: ``sketch``
is a style, a verb and a kind of picture; the patterns of the rules decide which of them counts.
"""

from __future__ import annotations

from functools import cache

from ace_agent.planner.english.tables import rows, sections

NUMBERS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "twenty": 20, "couple": 2,
}  # fmt: skip
ORDINALS = {
    "first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4,
    "forth": 4, "fifth": 5, "5th": 5, "sixth": 6, "6th": 6, "seventh": 7, "7th": 7, "eighth": 8,
    "8th": 8, "ninth": 9, "9th": 9, "tenth": 10, "10th": 10, "eleventh": 11, "11th": 11, "twelfth": 12,
    "12th": 12,
}  # fmt: skip


@cache
def tagged() -> dict[str, tuple[str, ...]]:
    """Each tag's words and phrases, in lower case and without hyphens."""
    return {
        tag: tuple(" ".join(p.lower().replace("-", " ").split()) for p in phrases)
        for tag, phrases in sections("lexicon").items()
    }


@cache
def slang() -> dict[str, str]:
    """Chat spellings and their plain words; an empty value drops the word."""
    pairs = (row.partition("=") for row in rows("slang"))
    return {short.strip(): plain.strip() for short, _, plain in pairs}


@cache
def phrase_tags() -> dict[str, frozenset[str]]:
    """Every word or phrase of the lexicon with its tags."""
    found: dict[str, set[str]] = {}
    for tag, phrases in tagged().items():
        for phrase in phrases:
            found.setdefault(phrase, set()).add(tag)
    return {phrase: frozenset(tags) for phrase, tags in found.items()}


@cache
def phrase_starts() -> dict[str, int]:
    """For the first word of each phrase, the number of words of the longest."""
    longest: dict[str, int] = {}
    for phrase in phrase_tags():
        words = phrase.split()
        longest[words[0]] = max(longest.get(words[0], 0), len(words))
    return longest


@cache
def single_words() -> frozenset[str]:
    """Every single word of the lexicon: slips are corrected to these first."""
    words = {word for phrase in phrase_tags() for word in phrase.split()}
    return frozenset(words | NUMBERS.keys() | ORDINALS.keys())
