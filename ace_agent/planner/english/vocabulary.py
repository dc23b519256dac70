"""The nouns that an image model knows: a request is put into them, and the person is warned of others."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from ace_agent.planner.english.lexicon import phrase_tags
from ace_agent.planner.english.spelling import stem
from ace_agent.planner.english.tables import rows
from ace_agent.references.synonyms import rewording_synonyms

_THINGS = frozenset({"ANIMAL", "THING", "GARMENT"})


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What every scene has, and words for things in general.
_GENERAL = _words(
    "water grass road wall roof floor window sail wheel button collar leaf leaves plant flower flowers fruit "
    "animal critter clothes clothing cloth outfit garment garments attire costume thing object hat"
)
# Heads of a noun phrase that name an amount or a place, or a property of the whole picture.
_NO_THING = _words(
    "lot bit few pair couple kind sort type piece group bunch row number way half part place spot area side one "
    "picture image photo photograph drawing painting version copy style look mood feel tone color colour hue shade "
    "light shadow detail line edge mask background foreground scene view size shape expression pose effect filter "
    "while time same other rest whole end start more less"
)
# A word that ends "a small wooden ...": what comes after it cannot belong to the same phrase.
_HEAD = re.compile(
    r"\b(?:an?|another|the|two|three|four|five|some|every|this|that|his|her|its)\s+(?:[a-z-]+\s+){0,3}?"
    r"(?P<head>[a-z-]+)(?=\s*(?:$|[.,;:!?{]|\s(?:in|on|at|by|near|over|under|behind|beside|above|below|inside|from|of"
    r"|with|without|into|onto|to|and|or|but|that|which|who|is|are|as|for|against|across|around|between|next)\b))",
    re.IGNORECASE,
)


@cache
def known_nouns(model: str | Path) -> frozenset[str] | None:
    """The nouns that a model was trained on or has the person's own picture of; None where that is not known, as of
    the released model.

    Raises:
        InputError: ACE_REFERENCES is no folder.
    """
    if str(model) != "ace-mini":
        return None
    from ace_agent.references.library import FIGURE_NOUNS, own_names
    from ace_agent.references.vocabulary import NOUNS

    return frozenset(noun.name for noun in NOUNS.values() if not noun.held_out) | FIGURE_NOUNS | own_names()


@cache
def _groups() -> tuple[tuple[str, ...], ...]:
    """Groups of related words, in the order of the table."""
    return tuple(tuple(row.split()) for row in rows("kin"))


@cache
def _lookalikes() -> dict[str, str]:
    """Things and the known noun that looks most like each: ``walrus``, ``dolphin``."""
    table: dict[str, str] = {}
    for row in rows("nearest"):
        known, _, others = row.partition("=")
        table.update((other.strip(), known.strip()) for other in others.split(","))
    return table


def nearest(word: str, vocabulary: frozenset[str]) -> str | None:
    """The known noun most like an unknown one, or one of the same group; None if there is none."""
    if _lookalikes().get(word) in vocabulary:
        return _lookalikes()[word]
    for group in _groups():
        if word in group:
            near = [w for w in group if w in vocabulary]
            if near:
                return near[0]
    return None


def reword(instruction: str, vocabulary: frozenset[str] | None, note: Callable[[str], None]) -> str:
    """An instruction in words that the image model knows.

    Args:
        instruction: of one step; quoted text stays as it is.
        vocabulary: the nouns it knows; None changes nothing.
        note: takes a line for each noun that the model has never seen, with the nearest that it knows.
    """
    if not vocabulary:
        return instruction
    pieces = re.split(r'("[^"]*")', instruction)
    for at in range(0, len(pieces), 2):
        heads = {found["head"].lower() for found in _HEAD.finditer(pieces[at])}
        put = partial(_replaced, vocabulary=vocabulary, heads=heads, note=note)
        pieces[at] = _pattern(vocabulary).sub(put, pieces[at])
    return "".join(pieces)


def _replaced(
    found: re.Match[str], vocabulary: frozenset[str], heads: set[str], note: Callable[[str], None]
) -> str:
    """A known word in place of one matched, and the article that it needs."""
    article, word = found["article"], found["word"]
    if word is None:
        return found[0]
    known = _known(word, vocabulary, heads, note)
    if article is None or known == word:
        return f"{article or ''}{known}"
    fitting = "an " if known[0].lower() in "aeiou" else "a "
    return (fitting.capitalize() if article[0].isupper() else fitting) + known


@cache
def _pattern(vocabulary: frozenset[str]) -> re.Pattern[str]:
    """Names of several words whole ("pine tree"), else single words; indicators of pictures match too, with no word."""
    names = sorted((n for n in vocabulary if " " in n), key=len, reverse=True)
    joined = "".join(rf"\b{re.escape(n)}s?\b|" for n in names)
    word = rf"(?P<word>{joined}[A-Za-z]+(?:-[A-Za-z]+)*)"
    return re.compile(rf"\{{image\d*\}}|(?P<article>\ban? )?{word}", re.IGNORECASE)


def _known(word: str, vocabulary: frozenset[str], heads: set[str], note: Callable[[str], None]) -> str:
    lower = word.lower()
    single = stem(lower)
    if " " in word or lower in vocabulary or single in vocabulary:
        return word
    plain = rewording_synonyms().get(lower) or rewording_synonyms().get(single)
    if plain in vocabulary:
        return plain + ("s" if lower.endswith("s") and single != lower else "")
    if _is_thing(lower, single, heads) and not any(single in known.split() for known in vocabulary):
        near = nearest(single, vocabulary)
        article = "an" if single[0] in "aeiou" else "a"
        note(
            f"the model has never seen {article} {single!r}"
            + (f"; the nearest it knows: {near}" if near else "")
        )
    return word


def _is_thing(word: str, single: str, heads: set[str]) -> bool:
    """Whether a word names a thing: by the lexicon, or by its place in the sentence if that leaves it open."""
    if {word, single} & (_GENERAL | _NO_THING):
        return False
    tags = phrase_tags().get(single) or phrase_tags().get(word, frozenset())
    if tags and tags <= _THINGS:
        return True
    if word not in heads or (tags and not tags & _THINGS and single not in _lookalikes()) or "POS" in tags:
        return False
    return not word.endswith(("ing", "ed", "ly"))
