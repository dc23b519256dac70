"""Requests that no plan can serve: empty, too long, in another script, or about something other than pictures."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from ace_agent.errors import PlanError
from ace_agent.planner.english import spelling
from ace_agent.planner.english.lexicon import single_words, slang
from ace_agent.planner.english.tables import rows, wordset
from ace_agent.planner.english.tokens import MAX_REQUEST, normalize
from ace_agent.planner.rules import HERE

FOUND_NOTHING = "the request names nothing to make or change"
NO_SENSE = "the request makes no sense here, or is in a language that is not read here"
_READ = "say it in English, German, French, Spanish or Portuguese; --planner ollama:... reads others"
_WAY_OUT = "say what to draw or what to change, for example: make the sky pink"


class UnreadLanguage(PlanError):
    """The request is in a language that is read neither by rule nor by the parser."""

    def __init__(self, name: str) -> None:
        super().__init__(f"this seems to be {name}, which is not read here", _READ)


def check_text(request: str, *, any_script: bool = False) -> str:
    """A request in normal form (:func:`ace_agent.planner.english.tokens.normalize`).

    Raises PlanError if it is empty, longer than `MAX_REQUEST`, or, unless `any_script`, has no words in Latin script.
    """
    if len(request) > MAX_REQUEST:
        raise PlanError(
            f"the request has {len(request):,} characters, more than {MAX_REQUEST:,}",
            "say it in a few sentences",
        )
    text = normalize(request)
    if not text:
        raise PlanError("the request is empty", _WAY_OUT)
    letters = [c for c in text if c.isalpha()]
    if not letters and not re.search(r"@\d", text):
        raise PlanError("there are no words in the request", _WAY_OUT)
    foreign = [c for c in letters if not unicodedata.name(c, "").startswith("LATIN")]
    if letters and len(foreign) > len(letters) / 2 and not any_script:
        raise PlanError(
            "the request is in a script that is not read here",
            _READ,
        )
    return text


# Possessive: a prefix of politeness is read once and never reconsidered. With plain repetition the blanks between its
# words could belong to either side, and a request of 24 times "and" had 2^24 readings.
_POLITE_PREFIX = (
    r"^(?:\W*+(?:please|can|could|would|will|you|hey|hi|kindly|now|then|ok|okay|so|i want you to|i need you to|"
    r"i'd like you to|i would like you to|just|also|and|quickly|go|help me)\b\W*+)*+"
)


@cache
def _off_topic() -> tuple[re.Pattern[str], ...]:
    return tuple(
        re.compile(row.replace("<start>", _POLITE_PREFIX), re.IGNORECASE) for row in rows("off_topic", HERE)
    )


@cache
def _unsupported() -> tuple[tuple[str, str, re.Pattern[str]], ...]:
    """What cannot be made, the way out, and how it is asked for."""
    split = (row.split(" | ", 2) for row in rows("unsupported", HERE))
    return tuple(
        (what, out, re.compile(p.replace("<start>", _POLITE_PREFIX), re.IGNORECASE)) for what, out, p in split
    )


@cache
def _small_talk() -> re.Pattern[str]:
    return re.compile(rf"(?:{'|'.join(rows('small_talk', HERE))})[\s!.?,]*", re.IGNORECASE)


def off_topic(text: str) -> PlanError | None:
    """Why a request is for no picture, or for what cannot be made of one (a video, a print); None if it may be."""
    bare = re.sub(r'"[^"]*"', '""', text)
    if is_gibberish(bare) and not re.search(r"@\d|\"", bare):
        return PlanError(NO_SENSE, _READ)
    if _small_talk().fullmatch(bare):
        return PlanError("that asks for no picture", _WAY_OUT)
    for what, way_out, pattern in _unsupported():
        if pattern.search(bare):
            return PlanError(f"{what} cannot be made here", way_out)
    if any(pattern.search(bare) for pattern in _off_topic()):
        return PlanError("only pictures can be made and edited here", _WAY_OUT)
    return None


def unsupported_things() -> tuple[str, ...]:
    """What cannot be made here, by name."""
    return tuple(dict.fromkeys(what for what, _, _ in _unsupported()))


def is_gibberish(text: str) -> bool:
    """Whether most words of a text are neither known words nor slips of any."""
    words = re.findall(r"[^\W\d_]+", re.sub(r'"[^"]*"', "", text).lower())
    if not words:
        return True
    long = [w for w in words if len(w) > 2]
    good = sum(_worded(w) for w in long)
    short = any(w in wordset("short-words") for w in words if len(w) <= 2)
    return len(long) - good > good or (good == 0 and not short)


def _worded(word: str) -> bool:
    known = (
        word in spelling.frequency_ranks()
        or spelling.stem(word) in spelling.frequency_ranks()
        or word in single_words()
        or word in slang()
    )
    if known or not re.search("[aeiouy]", word):
        return known
    return len(word) > 3 and spelling.correct(word, single_words()) != word


def nothing_found(text: str) -> PlanError:
    """The refusal of a request in which no task was found."""
    if is_gibberish(text):
        return PlanError(NO_SENSE, _READ)
    return PlanError(FOUND_NOTHING, _WAY_OUT)
