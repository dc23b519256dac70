"""A request as tagged tokens: normalised, slips corrected, phrases joined."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field

from ace_agent.plan.schema import MAX_INSTRUCTION
from ace_agent.planner.english import spelling
from ace_agent.planner.english.lexicon import (
    NUMBERS,
    ORDINALS,
    phrase_starts,
    phrase_tags,
    single_words,
    slang,
)

MAX_REQUEST = MAX_INSTRUCTION
"""Characters of a request, as many as an instruction may have; a longer one is refused rather than half read."""

MAX_TOKENS = 500
"""Words and punctuation marks of a request; 2,000 characters of prose have about 400."""


@dataclass(frozen=True)
class Token:
    """One word, phrase, number, quotation or punctuation mark.

    Args:
        text: in lower case and corrected; the words of a phrase are joined by spaces.
        surface: as the person wrote it, or corrected if it was a slip, for instructions.
        tags: lexicon tags, and ``QUOTE ID NUM ORD SIZE PUNCT``, and ``IMG`` for a reference.
        images: for ``IMG`` tokens, the pictures that they stand for.
    """

    text: str
    surface: str
    tags: frozenset[str] = frozenset()
    images: tuple[str, ...] = field(default=())

    def has(self, *tags: str) -> bool:
        """Whether the token carries one of ``tags``."""
        return not self.tags.isdisjoint(tags)


_QUOTES = str.maketrans(
    {"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "‚": "'", "`": "'", "´": "'"}
)
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―", "-"))
_QUOTED = re.compile(r'"([^"]{1,300})"|(?<![\w])\'([^\']{1,200})\'(?![\w])')
_TOKEN = re.compile(
    r"\x00(?P<quote>\d+)\x00"
    r"|(?P<id>@\s?-?\d+|#\d+)"
    r"|(?P<size>\d{2,5}\s*(?:x|×|by|\*)\s*\d{2,5}(?!\d))"
    r"|(?P<word>\{image\d*\}|@(?:last|first)|b&w|b/w|w/o|w/|b/g|ctrl\+z|\d+(?:\.\d+)?:\d+(?:\.\d+)?(?!\w)|"
    r"(?:(?<![\w@#)])-)?\d+(?:\.\d+)?(?:\s?%|\s?°)?(?:st|nd|rd|th|px|deg|k|s|x)?(?![a-z])|"
    r"[^\W\d_]+(?:['’][^\W\d_]+)*\d?)"
    r"|(?P<dash>\s-+\s|\.{2,}|…)"
    r"|(?P<punct>[,.;:!?\n()]|->|=>)"
    r"|(?P<amp>&|\+)"
)


def normalize(text: str) -> str:
    """Text in Unicode's NFKC form, with straight quotes, no control characters and no runs of blanks."""
    text = unicodedata.normalize("NFKC", text).translate(_QUOTES).translate(_DASHES)
    text = "".join(c if c in "\n\t " or unicodedata.category(c)[0] != "C" else "" for c in text)
    text = re.sub(r"[ \t\r\f\v]+", " ", text)
    return re.sub(r" ?\n[ \n]*", "\n", text).strip()


def tokenize(request: str, near: Iterable[str] = (), *, mends: bool = True) -> list[Token]:
    """The tokens of a request: slang spelt out, slips corrected, phrases joined, quotations whole.

    Args:
        request: what the person wrote.
        near: words of the conversation's captions and instructions; slips are corrected to them first.
        mends: whether slips are corrected at all.
    """
    text = normalize(request)
    quotes: list[str] = []

    def keep(found: re.Match[str]) -> str:
        quotes.append(found[1] or found[2])
        return f" \x00{len(quotes) - 1}\x00 "

    text = _QUOTED.sub(keep, text)
    near = frozenset(near)
    lexicon = single_words()
    shouted = text.isupper()
    mends = mends and spelling.is_english(text)  # the slips of another language's words are not English ones
    words: list[Token] = []
    for found in _TOKEN.finditer(text):
        kind, value = found.lastgroup, found[0]
        if kind == "quote":
            quote = quotes[int(found["quote"])]
            words.append(Token(f'"{quote}"', f'"{quote}"', frozenset({"QUOTE"})))
        elif kind == "id":
            number = re.sub(r"[^\d-]", "", value)
            words.append(Token(f"@{number}", f"@{number}", frozenset({"ID"})))
        elif kind == "size":
            words.append(
                Token(re.sub(r"\s+", "", value).lower().replace("by", "x"), value, frozenset({"SIZE"}))
            )
        elif kind in ("dash", "punct"):
            mark = value.strip(" ") if kind == "punct" else ","
            mark = "," if mark in ("->", "=>") else mark
            words.append(Token(mark, mark, frozenset({"PUNCT"})))
        elif kind == "amp":
            words.append(Token("and", "and") if value == "&" else Token("plus", "plus"))
        else:
            lower = value.lower()
            if (
                text[found.end() : found.end() + 1] == "-"
                and text[found.end() + 1 : found.end() + 2].isalnum()
            ):
                value += "-"
            expanded = slang().get(lower, lower)
            if expanded != lower:
                words.extend(_word(part, part, lexicon, near, mends) for part in expanded.split())
            else:
                words.append(_word(lower, lower if shouted else value, lexicon, near, mends))
    return _join(words)


def join_tokens(tokens: Iterable[Token]) -> str:
    """The text of tokens."""
    line = " ".join(token.surface for token in tokens).replace("- ", "-")
    return re.sub(r" ([,.;:!?)])", r"\1", line)


def _word(lower: str, surface: str, lexicon: frozenset[str], near: frozenset[str], mends: bool) -> Token:
    corrected = lower
    name = surface.isupper() and len(surface) > 2  # lettering or a name, unless all is in capitals
    if mends and not name and lower not in NUMBERS and lower not in ORDINALS and "'" not in lower:
        squeezed = re.sub(r"(.)\1{2,}", r"\1\1", lower)
        if squeezed != lower and squeezed not in lexicon and squeezed not in spelling.frequency_ranks():
            squeezed = re.sub(r"(.)\1+", r"\1", squeezed)
        corrected = spelling.correct(squeezed, lexicon, near)
    tags: set[str] = set()
    if re.fullmatch(r"\d+", corrected) or corrected in NUMBERS:
        tags.add("NUM")
    if corrected in ORDINALS:
        tags.add("ORD")
    if re.fullmatch(r"\d{2,4}s", corrected):
        tags.update(("DECADE", "STYLE"))
    if surface.isupper() and len(surface.rstrip("-")) > 2:
        tags.add("CAPS")
    return Token(
        corrected, surface if corrected == lower else corrected + "-" * surface.endswith("-"), frozenset(tags)
    )


def _join(words: list[Token]) -> list[Token]:
    """The tokens with the longest phrase of the lexicon at each word joined and tagged."""
    starts, tags = phrase_starts(), phrase_tags()
    joined: list[Token] = []
    at = 0
    while at < len(words):
        token = words[at]
        if token.tags & {"QUOTE", "ID", "SIZE", "PUNCT"}:
            joined.append(token)
            at += 1
            continue
        for length in range(min(starts.get(token.text, 1), len(words) - at), 0, -1):
            run = words[at : at + length]
            if length > 1 and any(w.tags & {"QUOTE", "ID", "SIZE", "PUNCT"} for w in run):
                continue
            phrase = " ".join(w.text for w in run)
            found = tags.get(phrase)
            if found is None and length == 1:
                found = tags.get(spelling.stem(phrase)) if len(phrase) > 3 else None
            if found is not None or length == 1:
                own = token.tags if length == 1 else frozenset[str]()
                joined.append(Token(phrase, join_tokens(run), own | (found or frozenset())))
                at += length
                break
    return joined
