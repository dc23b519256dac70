"""Plain operations in German, French, Spanish and Portuguese, put into English word by word."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from ace_agent.planner.english.lexicon import single_words
from ace_agent.planner.english.spelling import frequency_ranks, is_english
from ace_agent.planner.english.tables import rows
from ace_agent.planner.rules import HERE

_WORD = re.compile(r"@\d+|\d+(?:[.,:x]\d+)*(?:px)?|%|[^\W\d_]+(?:'[^\W\d_]+)*")
_QUOTED = re.compile(r'"[^"]*"|“[^”]*”|„[^“]*“|«[^»]*»')
_LONGEST = 7
"""Words of the longest row of the table."""


@cache
def _table() -> dict[tuple[str, ...], tuple[str, bool]]:
    """Rows by their words, with the English ones and whether they name an operation."""
    found: dict[tuple[str, ...], tuple[str, bool]] = {}
    for row in rows("foreign", HERE):
        names = row.startswith("+ ")
        foreign, _, english = row.removeprefix("+ ").partition(" = ")
        found.setdefault(tuple(_WORD.findall(foreign)), (english, names))
    return found


def in_english(text: str) -> str:
    """A request in English, where all of it is made of the table's words and names an operation; else as it is."""
    words = _WORD.findall(text.lower())
    english: list[str] = []
    names = foreign = False
    at = 0
    while at < len(words):
        if words[at][0] in "@%0123456789":
            english.append(words[at])
            at += 1
            continue
        for length in range(min(_LONGEST, len(words) - at), 0, -1):
            row = _table().get(tuple(words[at : at + length]))
            if row is not None:
                english.append(row[0])
                names = names or row[1]
                foreign = foreign or row[0] != " ".join(words[at : at + length])
                at += length
                break
        else:
            return text
    if not (names and foreign):
        return text
    line = (
        " ".join(english)
        .replace("make make", "make")
        .replace("put add", "add")
        .replace("make the picture make", "make")
    )
    return re.sub(
        r"\b(rotate|flip|crop|resize|sharpen|brighten|darken|straighten"
        r"|shrink) it\b(?= (?:the picture|it|@))|\b(the picture) (make it|rotate it|flip it"
        r"|crop it|sharpen it|straighten it|resize it|shrink it|brighten it|darken it)\b",
        lambda m: m[1] or m[3],
        line,
    )


LANGUAGES = ("de", "fr", "es", "pt")
_COLOURS = frozenset(
    ("red", "blue", "green", "yellow", "black", "white", "grey", "brown", "pink", "purple", "gold", "silver", "old",
     "new", "big", "small", "dark", "bright", "wooden")
)  # fmt: skip
"""Words that stand behind their noun in French, Spanish and Portuguese."""
_ARTICLES = frozenset(
    ("the", "a", "of", "in", "on", "with", "to", "and", "it", "this", "make", "not", "more", "very")
)


@cache
def _glossary() -> dict[str, dict[tuple[str, ...], str]]:
    """The English of each language's words, accents left out as people leave them out."""
    found: dict[str, dict[tuple[str, ...], str]] = {language: {} for language in LANGUAGES}
    for row in rows("words_abroad", HERE):
        english, *columns = (part.strip() for part in row.split("|"))
        for language, column in zip(LANGUAGES, columns, strict=True):
            for foreign in column.split(","):
                found[language].setdefault(tuple(map(_plain, _WORD.findall(foreign.lower()))), english)
    return found


def _operation(words: tuple[str, ...]) -> str | None:
    """The English of words that name an operation."""
    english, names = _table().get(words, ("", False))
    return english if names else None


def _plain(word: str) -> str:
    """A word without its accents; "ß" is "ss"."""
    letters = unicodedata.normalize("NFD", word.lower().replace("ß", "ss"))
    return "".join(c for c in letters if not unicodedata.combining(c))


def language(text: str) -> str | None:
    """The language that most words of a text are of, among `LANGUAGES`; None for English and for others."""
    words = [word for word in _WORD.findall(_QUOTED.sub(" ", text).lower()) if word[0].isalpha()]
    if not words:
        return None
    english = frequency_ranks().keys() | single_words()
    abroad = [_plain(w) for w in words if len(w) > 1 and (w not in english or not is_english(w))]
    scores = {name: sum((word,) in table for word in abroad) for name, table in _glossary().items()}
    best = max(LANGUAGES, key=scores.__getitem__)
    if is_english(text) and scores[best] <= len(words) / 2:
        return None
    return best if scores[best] >= max(1, len(words) / 3) else None


@cache
def _others() -> dict[str, frozenset[str]]:
    found = {}
    for row in rows("other_languages", HERE):
        name, _, words = row.partition(" = ")
        found[name] = frozenset(words.replace(",", " ").split())
    return found


def other_language(text: str) -> str | None:
    """The language of a text by name, if it is none of English and `LANGUAGES` and at least half its words tell so."""
    words = [word for word in _WORD.findall(_QUOTED.sub(" ", text).lower()) if word[0].isalpha()]
    scores = {name: sum(word in known for word in words) for name, known in _others().items()}
    best = max(scores, key=scores.__getitem__)
    ours = max(sum((_plain(w),) in table for w in words) for table in _glossary().values())
    english = sum(word in frequency_ranks() or word in single_words() for word in words)
    return best if scores[best] >= max(2, len(words) / 2, ours + 1, english + 1) else None


def word_by_word(text: str, tongue: str | None = None) -> str:
    """A text of one of `LANGUAGES` with every word that is known in English, the others as they are.

    A colour or size behind its noun comes before it; what stands in quotes is kept. `tongue` is the language of the
    whole that the text is a part of; default: its own.
    """
    tongue = tongue or language(text)
    table = _glossary()[tongue] if tongue else {}
    found = list(_WORD.finditer(text))
    quoted = [range(*match.span()) for match in _QUOTED.finditer(text)]
    out: list[tuple[str, str]] = []  # what stands before a word, and the word
    at, end = 0, 0
    while at < len(found):
        row, length = None, 1
        if not any(found[at].start() in span for span in quoted):
            for length in range(min(_LONGEST, len(found) - at), 0, -1):
                words = tuple(w[0].lower() for w in found[at : at + length])
                row = table.get(tuple(map(_plain, words))) or (_operation(words) if tongue else None)
                if row is not None:
                    break
        before, word = text[end : found[at].start()], row if row is not None else found[at][0]
        known = out and before.isspace() and tongue in ("fr", "es", "pt") and word in _COLOURS
        if known and out[-1][1] not in _COLOURS | _ARTICLES:
            noun = out.pop()
            out += [(noun[0], word), (before, noun[1])]
        else:
            out.append((before, word))
        end = found[at + length - 1].end()
        at += length
    return "".join(before + word for before, word in out) + text[end:]
