"""Requests that no plan can serve: empty, endless, unreadable, or about something other than pictures."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from ace_agent.errors import PlanError
from ace_agent.planner.english import spelling
from ace_agent.planner.english.lexicon import single_words, slang
from ace_agent.planner.english.tables import rows, wordset
from ace_agent.planner.english.tokens import MAX_REQUEST, plain
from ace_agent.planner.rules import HERE

_WAY_OUT = "say what to draw or what to change, for example: make the sky pink"


def check_text(request: str) -> str:
    """The request in plain form.

    Raises PlanError when it is empty, longer than :data:`MAX_REQUEST`, or holds no words.
    """
    if len(request) > MAX_REQUEST:
        raise PlanError(
            f"the request has {len(request):,} characters, more than {MAX_REQUEST:,}",
            "say it in a few sentences",
        )
    text = plain(request)
    if not text:
        raise PlanError("the request is empty", _WAY_OUT)
    letters = [c for c in text if c.isalpha()]
    if not letters and not re.search(r"@\d", text):
        raise PlanError("there are no words in the request", _WAY_OUT)
    foreign = [c for c in letters if not unicodedata.name(c, "").startswith("LATIN")]
    if letters and len(foreign) > len(letters) / 2:
        raise PlanError("the request is in a script this planner cannot read", "say it in English")
    return text


# Possessive: a prefix of politeness is read once and never reconsidered. With plain repetition the blanks between its
# words could belong to either side, and a request of 24 times "and" had 2^24 readings.
_START = (
    r"^(?:\W*+(?:please|can|could|would|will|you|hey|hi|kindly|now|then|ok|okay|so|i want you to|i need you to|"
    r"i'd like you to|i would like you to|just|also|and|quickly|go|help me)\b\W*+)*+"
)


@cache
def _elsewhere() -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(row.replace("<start>", _START), re.IGNORECASE) for row in rows("off_topic", HERE))


@cache
def _small_talk() -> re.Pattern[str]:
    return re.compile(rf"(?:{'|'.join(rows('small_talk', HERE))})[\s!.?,]*", re.IGNORECASE)


def check_purpose(text: str) -> None:
    """Raises PlanError when a request wants something that has nothing to do with making pictures."""
    bare = re.sub(r'"[^"]*"', '""', text)
    if gibberish(bare) and not re.search(r"@\d|\"", bare):
        raise PlanError("the request makes no sense to this planner", _WAY_OUT)
    if _small_talk().fullmatch(bare):
        raise PlanError("that asks for no picture", _WAY_OUT)
    if any(pattern.search(bare) for pattern in _elsewhere()):
        raise PlanError("only pictures can be made and edited here", _WAY_OUT)


def gibberish(text: str) -> bool:
    """Whether most words of a text are no words that the planner knows, nor slips of any."""
    words = re.findall(r"[^\W\d_]+", re.sub(r'"[^"]*"', "", text).lower())
    if not words:
        return True
    long = [w for w in words if len(w) > 2]
    good = sum(_worded(w) for w in long)
    short = any(w in wordset("short-words") for w in words if len(w) <= 2)
    return len(long) - good > good or (good == 0 and not short)


def _worded(word: str) -> bool:
    known = (
        word in spelling.ranks()
        or spelling.stem(word) in spelling.ranks()
        or word in single_words()
        or word in slang()
    )
    if known or not re.search("[aeiouy]", word):
        return known
    return len(word) > 3 and spelling.mend(word, single_words()) != word


def refuse(text: str) -> PlanError:
    """The refusal of a request in which nothing to do was found."""
    if gibberish(text):
        return PlanError("the request makes no sense to this planner", _WAY_OUT)
    return PlanError("the request names nothing to make or change", _WAY_OUT)
