"""Finding the names of things in instructions: whole words, in singular, plural and synonyms."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ace_agent.references.grammar import plural
from ace_agent.references.synonyms import lookup_synonyms
from ace_agent.references.vocabulary import NOUNS

# Lettering names no thing: 'write "PIZZA"'.
_LETTERED = re.compile(r'\b(?:text|words?|write|print|letter|label)\b[^"]{0,24}"[^"]*"', re.IGNORECASE)


# Nouns that are also verbs, colours or styles: "mirror the car", "make it orange", "a pencil sketch".
_VERBS = frozenset(
    {"mirror", "crown", "ring", "box", "bat", "duck", "drum", "shield", "star", "cap", "book", "bear"}
)
_OBJECT = re.compile(r"\s+(?:the|it|this|that|\{)")
_ORANGE_THING = re.compile(
    r"\s*(?:$|[^\w\s]|(?:in|on|at|by|from|with|and|into|under|next|is|to|for|here|out)\b)"
)
_SIZES = "big|large|huge|small|little|tiny|ripe|fresh|glossy|flat|blob|second"
_FRUIT = re.compile(rf"\b(?:a|an|the|one|another|two|this|that|no)\s+(?:(?:{_SIZES})\s+)?$", re.IGNORECASE)
_FUR = re.compile(r"\s+fur\b", re.IGNORECASE)  # a texture: "a cow with zebra fur"
_PENCIL_WORK = re.compile(r"\s+(?:sketch|drawing|art)\b", re.IGNORECASE)


def _names_a_thing(name: str, text: str, start: int, stop: int) -> bool:
    """Whether an ambiguous word is a noun here."""
    if _FUR.match(text, stop):
        return False
    if name in _VERBS:
        return not _OBJECT.match(text, stop)
    if name == "orange":
        if text[start:stop].lower() == "oranges":
            return True
        return bool(_FRUIT.search(text, 0, start)) and bool(_ORANGE_THING.match(text, stop))
    if name == "pencil":
        return not _PENCIL_WORK.match(text, stop)
    return True


def spellings(names: Iterable[str]) -> dict[str, str]:
    """Every spelling of the names (singular, plural and synonyms, in lower case), mapped to the name."""
    known: dict[str, str] = {}
    for name in names:
        known[name.lower()] = name
        if name not in NOUNS or not NOUNS[name].plural:
            known.setdefault(plural(name.lower()), name)
    for synonym, name in lookup_synonyms().items():
        if name in known.values():
            known.setdefault(synonym, name)
            known.setdefault(plural(synonym), name)
    return known


_WORD = re.compile(r"[\w-]+(?:'(?!s\b)[\w-]+)*")  # "jack-o'-lantern" is one word, "dog's" begins with "dog"


class NameMatcher:
    """Finds names in instructions by whole words, longer names first.

    Args:
        spellings: every spelling, mapped to its name.
    """

    def __init__(self, spellings: Mapping[str, str]) -> None:
        self._names = dict(spellings)
        self._longest = max((name.count(" ") + 1 for name in self._names), default=1)

    def find(self, instruction: str, beside: Iterable[tuple[int, int]] = ()) -> list[tuple[str, int, int]]:
        """Name, start and stop of each match, in order; a name is found once. ``beside`` are spans,
        start and stop, to skip."""
        hidden = [*beside, *(match.span() for match in _LETTERED.finditer(instruction))]
        words = [match.span() for match in _WORD.finditer(instruction)]
        lowered = instruction.lower()
        found: dict[str, tuple[str, int, int]] = {}
        at = 0
        while at < len(words):
            start = words[at][0]
            at += 1
            if any(left <= start < right for left, right in hidden):
                continue
            for length in range(min(self._longest, len(words) - at + 1), 0, -1):
                stop = words[at + length - 2][1]
                name = self._names.get(lowered[start:stop])
                if name and _names_a_thing(name, instruction, start, stop):
                    found.setdefault(name, (name, start, stop))
                    at += length - 1
                    break
        return list(found.values())
