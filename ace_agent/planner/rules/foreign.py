"""Plain operations in German, French, Spanish and Portuguese, put into English word by word."""

from __future__ import annotations

import re
from functools import cache

from ace_agent.planner.english.tables import rows
from ace_agent.planner.rules import HERE

_WORD = re.compile(r"@\d+|\d+(?:[.,:x]\d+)*(?:px)?|%|[^\W\d_]+(?:'[^\W\d_]+)*")
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


def word_by_word(text: str) -> str:
    """A text with every word of the table in English, the others as they are."""
    words = list(_WORD.finditer(text))
    out, at, end = "", 0, 0
    while at < len(words):
        out += text[end : words[at].start()]
        for length in range(min(_LONGEST, len(words) - at), 0, -1):
            row = _table().get(tuple(w[0].lower() for w in words[at : at + length]))
            if row is not None:
                break
        out += row[0] if row is not None else words[at][0]
        end = words[at + length - 1].end()
        at += length
    return out + text[end:]
