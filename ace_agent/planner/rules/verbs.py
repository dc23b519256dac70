"""How an instruction begins: the politeness around it, and the verbs and phrases that open it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from ace_agent.planner.english.tables import rows, wordset
from ace_agent.planner.english.tokens import Token
from ace_agent.planner.rules import HERE

_STRONG = wordset("strong")
_WEAK = wordset("weak")
_OPENERS = wordset("openers")
FILLERS: tuple[tuple[str, ...], ...] = tuple(
    sorted((tuple(f.split()) for f in rows("fillers", HERE)), key=len, reverse=True)
)
"""Politeness and small talk that may stand before or after an instruction, longest first."""

_MAX_WORDS = max(map(len, FILLERS)) + 1
_AHEAD = 8
"""Tokens after a filler that decide whether it opens the clause; `begins_command` looks at six."""


def _indexed(*, closing: bool) -> dict[str, list[tuple[int, bool, tuple[str, ...]]]]:
    """Fillers by their first word, or their last, with their rank by length."""
    kept = wordset("kept-at-end") if closing else frozenset()
    found: dict[str, list[tuple[int, bool, tuple[str, ...]]]] = {}
    for rank, filler in enumerate(FILLERS):
        if " ".join(filler) not in kept:
            found.setdefault(filler[-1 if closing else 0], []).append((rank, closing, filler))
    return found


_OPENING = _indexed(closing=False)
_CLOSING = _indexed(closing=True)

VERBS = (
    "VADD", "VREM", "VREP", "VEXTRACT", "VFUSE", "VEXTEND", "VSEGMENT", "STYLIZE", "UNMOSAIC", "VRESTORE",
    "VMOVE", "VPAINT", "COLORIZE", "VFILL", "VWRITE",
)  # fmt: skip


def strip_fillers(tokens: Sequence[Token]) -> tuple[Token, ...]:
    """A clause without the politeness at its beginning and end."""
    starts = [0, *accumulate(len(t.text.split()) for t in tokens)]
    start, end = 0, len(tokens)
    while start < end:
        if tokens[start].has("PUNCT"):
            start += 1
        elif tokens[end - 1].has("PUNCT"):
            end -= 1
        elif (cut := _shorter(tokens, start, end, starts[end] - starts[start])) is not None:
            start, end = cut
        else:
            break
    return tuple(tokens[start:end])


def _shorter(tokens: Sequence[Token], start: int, end: int, words: int) -> tuple[int, int] | None:
    """The ends of a clause of `words` words without its longest filler; None if it has none.

    Looks at `_MAX_WORDS` words of either end, so that a long clause takes no longer than a short one.
    """
    head = [w for t in tokens[start : min(end, start + _MAX_WORDS)] for w in t.text.split()]
    tail = [w for t in tokens[max(start, end - _MAX_WORDS) : end] for w in t.text.split()]
    ways = (*_OPENING.get(head[0] if head else "", ()), *_CLOSING.get(tail[-1] if tail else "", ()))
    for _, closing, filler in sorted(ways):
        size = len(filler)
        if size >= words:
            continue
        if not closing and tuple(head[:size]) == filler:
            cut = _after(tokens, start, end, size)
            if cut is not None and _may_open(filler, tokens[cut : min(end, cut + _AHEAD)]):
                return cut, end
        elif closing and tuple(tail[-size:]) == filler:
            back = _before(tokens, start, end, size)
            if back is not None:
                return start, back
    return None


def _may_open(filler: tuple[str, ...], rest: Sequence[Token]) -> bool:
    """Whether a filler opens a clause: "right" does not in "right arm"."""
    if len(filler) > 1:
        return True
    if filler[0] in ("just", "simply"):
        return not rest or rest[0].text not in ("the", "my", "his", "her", "that", "this")
    if filler[0] in wordset("small-talk-adjectives"):
        return bool(rest) and (
            rest[0].has("PUNCT") or begins_command(rest, 0) or rest[0].text in ("now", "then", "so", "and")
        )
    return True


def _after(tokens: Sequence[Token], start: int, end: int, words: int) -> int | None:
    """The place after exactly `words` words; None if that is within a token, or past a quotation or named picture."""
    return _walk(tokens, range(start, end), words, end)


def _before(tokens: Sequence[Token], start: int, end: int, words: int) -> int | None:
    """The end of what stands before exactly the last `words` words, counted as :func:`_after` does."""
    place = _walk(tokens, range(end - 1, start - 1, -1), words, start - 1)
    return None if place is None else place + 1


def _walk(tokens: Sequence[Token], places: range, words: int, beyond: int) -> int | None:
    taken = 0
    for at in places:
        if taken == words:
            return at
        token = tokens[at]
        if token.has("QUOTE") or (token.has("IMG") and not token.has("PRON")):
            return None
        taken += len(token.text.split())
        if taken > words:
            return None
    return beyond if taken == words else None


def begins_command(tokens: Sequence[Token], at: int) -> bool:
    """Whether an instruction begins at this token."""
    if at >= len(tokens):
        return False
    token = tokens[at]
    if token.has("IMG", "PUNCT", "QUOTE"):
        return token.has("IMG") and is_modal_command(tokens, at)
    head = token.text.split()[0]
    after = tokens[at + 1] if at + 1 < len(tokens) else None
    follows = after.text if after else ""
    if head in _STRONG and not (
        head in ("set", "cut", "use", "place", "blur", "drop")
        and follows in ("of", "in", "for")
        and head != "cut"
    ):
        return not (
            len(token.text.split()) == 1
            and head in wordset("doubtful-heads")
            and follows in ("", "is", "of", "and")
        )
    if head in _WEAK:
        return bool(after) and (
            bool(after and after.has("IMG", "QUOTE", "NUM")) or follows.split()[0] in _OPENERS
            if follows
            else False
        )
    if token.has("UNDO", "NEEDS") and head not in wordset("not-openers"):
        return True
    if (
        head == "no"
        and after is not None
        and not after.has("PUNCT")
        and follows not in ("longer", "one", "matter")
    ):
        return True
    if head == "without":
        return False
    if head == "the" and follows in ("words", "word", "text", "title", "caption", "letters"):
        return at + 2 < len(tokens) and tokens[at + 2].has("CAPS", "QUOTE")
    if head in ("i", "we") and follows in wordset("wishing"):
        return True
    if token.text == "don't":
        return True
    if (
        token.has(*VERBS)
        and follows
        and (after is not None and (after.has("IMG") or follows.split()[0] in _OPENERS))
    ):
        return True
    return is_modal_command(tokens, at)


def is_modal_command(tokens: Sequence[Token], at: int) -> bool:
    """Whether an instruction with a modal verb begins here: "the sky should be pink"."""
    if tokens[at].text not in wordset("modal-subjects") and not tokens[at].has("IMG"):
        return False
    for step in range(1, 6):
        if at + step >= len(tokens) or tokens[at + step].has("PUNCT"):
            return False
        if tokens[at + step].text in wordset("modals"):
            return True
        if tokens[at + step].text in ("and", "to", "with", "in", "that"):
            return False
    return False


def after_fillers(tokens: Sequence[Token]) -> list[int]:
    """For each place, and the three after the last, the place after any fillers that stand there."""
    places = [*range(len(tokens) + 3)]
    for at in range(len(tokens) - 1, -1, -1):
        flat = [w for t in tokens[at : at + _MAX_WORDS] for w in t.text.split()]
        for _, _, filler in _OPENING.get(flat[0] if flat else "", ()):
            if tuple(flat[: len(filler)]) == filler:
                end = _after(tokens, at, min(at + len(filler) + 1, len(tokens)), len(filler))
                if end is not None:
                    places[at] = places[end]
                    break
    return places
