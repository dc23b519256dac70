"""English spelling: which words are ordinary, and which word a typing slip was meant to be."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache, lru_cache
from importlib import resources

from ace_agent.planner.english.tables import HERE


@cache
def frequency_ranks() -> dict[str, int]:
    """Ordinary words and their rank by frequency (0: most frequent)."""
    text = resources.files(HERE).joinpath("data/words.txt").read_text("utf-8")
    return {word: rank for rank, word in enumerate(text.split())}


def stem(word: str) -> str:
    """A word without its commonest endings: ``dog`` for ``dogs``."""
    for ending, least in (("'s", 2), ("ies", 4), ("sses", 4), ("es", 5), ("s", 3)):
        if word.endswith(ending) and len(word) - len(ending) >= least - 1 and not word.endswith(("ss", "us")):
            if ending == "ies":
                return word[:-3] + "y"
            if ending == "es" and not word.endswith(("ches", "shes", "xes", "zes")):
                return word[:-1]
            return word[: -len(ending)] if ending != "sses" else word[:-2]
    return word


def distance(a: str, b: str, limit: int) -> int:
    """Optimal string alignment distance (insert, delete, replace, swap neighbours), at most ``limit + 1``."""
    if abs(len(a) - len(b)) > limit:
        return limit + 1
    last: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, last, row = row if i == 1 else last, row, [i]
        for j, y in enumerate(b, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
    return row[-1]


def max_slips(word: str) -> int:
    """The most slips that are corrected in a word of this length."""
    return 0 if len(word) < 3 else 1 if len(word) < 6 else 2


@cache
def _by_length(words: frozenset[str]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for word in sorted(words):
        found.setdefault(len(word), []).append(word)
    return found


def _single(word: str) -> str:
    return "".join(c for i, c in enumerate(word) if not i or c != word[i - 1])


@cache
def _longest() -> int:
    return max(map(len, frequency_ranks()))


def correct(word: str, lexicon: frozenset[str], near: Iterable[str] = ()) -> str:
    """The word that ``word`` was meant to be, or ``word`` itself if it is ordinary or no word is close.

    Args:
        word: one word, lower case.
        lexicon: words preferred at equal distance.
        near: words of the conversation (captions, instructions), preferred over these.
    """
    return _corrected(word, lexicon, frozenset(near))


@lru_cache(maxsize=4096)
def _corrected(word: str, lexicon: frozenset[str], near: frozenset[str]) -> str:
    known = frequency_ranks()
    if word in lexicon or word in near or word in known or not word.isalpha() or not word.isascii():
        return word
    if any(base in known or base in lexicon or base in near for base in _bases(word)):
        return word
    limit = max_slips(word)
    if not limit or len(word) > _longest() + limit:
        return word
    best: tuple[float, str] = (limit + 1.0, word)
    for words, bonus in ((near, 0.6), (lexicon, 0.5)):
        pool = _by_length(words)
        for length in range(len(word) - limit, len(word) + limit + 1):
            for other in pool.get(length, ()):
                if length < 3 or (other[0] != word[0] and other[1:2] != word[:1] and other[-1] != word[-1]):
                    continue
                cost = distance(word, other, limit)
                if cost <= limit:
                    best = min(best, (_weigh(word, other, cost) - bonus, other))
    for other in _one_slip(word):
        if other in known and len(other) > 2:
            best = min(best, (_weigh(word, other, 1), other))
    return best[1]


def _bases(word: str) -> set[str]:
    """The words that a word may be an inflection of: "snow" for "snowed", "hug" for "hugging"."""
    found = {stem(word)} if word.endswith("s") else set()
    for ending in ("ed", "ing", "er", "est", "ly", "ish"):
        if word.endswith(ending) and len(word) - len(ending) > 2:
            base = word[: -len(ending)]
            found |= {base, base + "e"} | ({base[:-1]} if base[-1] == base[-2] else set())
    return found


def _weigh(word: str, other: str, cost: int) -> float:
    """The cost of having meant ``other``: less for swapped, doubled and missing letters, which are common slips."""
    swap = sorted(word) == sorted(other)
    doubled = _single(word) == _single(other)
    first = other[0] != word[0]
    rank = frequency_ranks().get(other, 30000) / 60000
    return cost + 0.35 * first - 0.6 * swap - 0.4 * doubled - 0.2 * (len(other) > len(word)) + rank


def _one_slip(word: str) -> set[str]:
    """Every string one insertion, deletion, replacement or swap away."""
    cuts = [(word[:i], word[i:]) for i in range(len(word) + 1)]
    letters = "abcdefghijklmnopqrstuvwxyz"
    found = {a + b[1:] for a, b in cuts if b}
    found.update(a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1)
    found.update(a + c + b[1:] for a, b in cuts if b for c in letters)
    found.update(a + c + b for a, b in cuts for c in letters)
    return found


_WORD = re.compile(r"\"[^\"]*\"|[^\W\d_]+(?:['’][^\W\d_]+)*")
_ENGLISH = frozenset(
    "the and of to with this that it is are be was make made put remove add please at my his her their our from not "  # noqa: SIM905
    "but you can could want would like turn change one without an for take give me some more into out off what all "
    "only just behind next left right there them they".split()
)
_NOT_ENGLISH = frozenset(
    "der die das den dem ein eine einen einem und ist nicht mit auf von zu im bitte mach mache nur noch mal doch als "  # noqa: SIM905
    "weg damit dass wie wo mein meine sein ihr ihre dann aber sehr mehr weniger etwas alles alle heller dunkler für "
    "le la les un une des du et est pas avec sur dans pour au aux mets fais ne que qui el los las una uno y es con por "
    "para en del al pon plus moins haz quita os um uma não com em na nos nas ao faz tira põe mais muito il".split()
)


def is_english(text: str) -> bool:
    """Whether a text may be English: it has as many of its function words as of the neighbouring languages'."""
    words = re.findall(r"[^\W\d_]+", text.lower())
    foreign = sum(word in _NOT_ENGLISH for word in words)
    return not foreign or sum(word in _ENGLISH for word in words) >= foreign


def mended(text: str, lexicon: frozenset[str], near: Iterable[str] = ()) -> str:
    """An English text without slips of typing; quotations, names and other languages as they are."""
    if not is_english(text):
        return text
    close = frozenset(near)
    shouted = text.isupper()

    def right(found: re.Match[str]) -> str:
        word = found[0]
        named = word[0].isupper() and (
            found.start() > 0 or (len(word) > 2 and word.isupper() and not shouted)
        )
        if word[0] == '"' or "'" in word or "’" in word or named:
            return word
        fixed = correct(word.lower(), lexicon, close)
        return word if fixed == word.lower() else fixed

    return _WORD.sub(right, text)
