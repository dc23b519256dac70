"""Articles, plurals and lists of English noun phrases."""

from __future__ import annotations

import re

from ace_agent.references.vocabulary import NOUNS

_UNCOUNTED = ("popcorn", "bread", "cheese", "corn", "broccoli", "santa")
_VOWEL_SOUNDS = re.compile(r"^(?!uni|one|ufo|euro|used)[aeiou]|^(hour|honest)", re.IGNORECASE)


def article(phrase: str, *, plural: bool = False) -> str:
    """``phrase`` with "a" or "an", or bare if it is plural or uncountable."""
    head = phrase.split(" with ")[0].split(" wearing ")[0].split(" made of ")[0].split(" in ")[0]
    if plural or head.split()[-1] in _UNCOUNTED:
        return phrase
    return ("an " if _VOWEL_SOUNDS.match(phrase) else "a ") + phrase


_IRREGULAR = {"man": "men", "woman": "women", "mouse": "mice", "sheep": "sheep", "fish": "fish",
    "dice": "dice",
              "tropical fish": "tropical fish", "deer": "deer", "wolf": "wolves", "scarf": "scarves",
              "person": "people", "snowman": "snowmen", "old man": "old men", "old woman": "old women",
              "maple leaf": "maple leaves",
              "goose": "geese", "cactus": "cacti", "octopus": "octopuses", "santa": "santas"}  # fmt: skip


def countable(noun: str) -> bool:
    """Whether the noun can be counted: not bread, nor jeans."""
    return noun not in _UNCOUNTED and not (noun in NOUNS and NOUNS[noun].plural)


def plural(noun: str) -> str:
    """The plural of a singular noun."""
    if noun in _IRREGULAR:
        return _IRREGULAR[noun]
    if noun.endswith(("s", "x", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    if noun in ("tomato", "potato", "mango"):
        return noun + "es"
    return noun + "s"


def listed(parts: list[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]
