"""What the image model knows: a person's word into one it was trained on, or a line saying that it was not."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from ace_agent.planner.english import stem
from ace_agent.planner.lexicon import phrase_tags
from ace_agent.planner.tables import rows

_THINGS = frozenset({"ANIMAL", "THING", "GARMENT"})


@cache
def _synonyms() -> dict[str, str]:
    """Words that mean the same, each with its plain one: ``pup = dog``."""
    table: dict[str, str] = {}
    for row in rows("synonyms"):
        plain, _, others = row.partition("=")
        table.update((other.strip(), plain.strip()) for other in others.split(",") if other.strip())
    return table


@cache
def _groups() -> tuple[tuple[str, ...], ...]:
    """Groups of related words, in the order of the table."""
    return tuple(tuple(row.split()) for row in rows("kin"))


def nearest(word: str, vocabulary: frozenset[str]) -> str | None:
    """A known word of the same group as an unknown one, the group's most alike first; None when there is none."""
    for group in _groups():
        if word in group:
            near = [w for w in group if w in vocabulary]
            if near:
                return near[0]
    return None


def reword(instruction: str, vocabulary: frozenset[str] | None, note: Callable[[str], None]) -> str:
    """An instruction in words that the image model knows.

    Args:
        instruction: one step's; quoted text is left alone.
        vocabulary: the nouns it knows; None leaves everything as it is.
        note: told, in a line, of each noun that it has never seen and what it knows nearest.
    """
    if not vocabulary:
        return instruction
    pieces = re.split(r'("[^"]*")', instruction)
    for at in range(0, len(pieces), 2):
        pieces[at] = _words(vocabulary).sub(lambda found: _put(found, vocabulary, note), pieces[at])
    return "".join(pieces)


def _put(found: re.Match[str], vocabulary: frozenset[str], note: Callable[[str], None]) -> str:
    """A word in the model's words, and the article before it as the new one wants it."""
    article, word = found["article"], found["word"]
    known = _known(word, vocabulary, note)
    if article is None or known == word:
        return f"{article or ''}{known}"
    fitting = "an " if known[0].lower() in "aeiou" else "a "
    return (fitting.capitalize() if article[0].isupper() else fitting) + known


@cache
def _words(vocabulary: frozenset[str]) -> re.Pattern[str]:
    """Names of several words whole ("pine tree"), else single words; no indicators of pictures."""
    names = sorted((n for n in vocabulary if " " in n), key=len, reverse=True)
    joined = "".join(rf"\b{re.escape(n)}s?\b|" for n in names)
    word = rf"(?P<word>{joined}[A-Za-z]+(?:-[A-Za-z]+)*)"
    return re.compile(rf"(?P<article>\ban? )?{word}(?![A-Za-z}}]*\}})", re.IGNORECASE)


def _known(word: str, vocabulary: frozenset[str], note: Callable[[str], None]) -> str:
    lower = word.lower()
    single = stem(lower)
    if " " in word or lower in vocabulary or single in vocabulary:
        return word
    plain = _synonyms().get(lower) or _synonyms().get(single)
    if plain in vocabulary:
        return plain + ("s" if lower.endswith("s") and single != lower else "")
    if phrase_tags().get(single, frozenset()) & _THINGS and not any(
        single in known.split() for known in vocabulary
    ):
        near = nearest(single, vocabulary)
        note(f"the model has never seen a {single!r}" + (f"; the nearest it knows: {near}" if near else ""))
    return word
