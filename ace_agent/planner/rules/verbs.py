"""How a wish begins: politeness before and after it, and the verbs and phrases that open one."""

from __future__ import annotations

from collections.abc import Sequence

from ace_agent.planner.rules.tables import rows, wordset
from ace_agent.planner.rules.tokens import Token

_STRONG = wordset("strong")
_WEAK = wordset("weak")
_OPENERS = wordset("openers")
FILLERS: tuple[tuple[str, ...], ...] = tuple(
    sorted((tuple(f.split()) for f in rows("fillers")), key=len, reverse=True)
)
"""Politeness and small talk that may stand before or after a wish, longest first."""

VERBS = (
    "VADD", "VREM", "VREP", "VEXTRACT", "VFUSE", "VEXTEND", "VSEGMENT", "STYLIZE", "UNMOSAIC", "VRESTORE",
    "VMOVE", "VPAINT", "COLORIZE", "VFILL", "VWRITE",
)  # fmt: skip


def strip(tokens: Sequence[Token]) -> tuple[Token, ...]:
    """A clause without the politeness at its beginning and end."""
    row = list(tokens)
    changed = True
    while changed and row:
        changed = False
        while row and row[0].has("PUNCT"):
            row, changed = row[1:], True
        while row and row[-1].has("PUNCT"):
            row, changed = row[:-1], True
        flat = [w for t in row for w in t.text.split()]
        for filler in FILLERS:
            if len(filler) < len(flat) and tuple(flat[: len(filler)]) == filler:
                cut = _drop(row, len(filler))
                if cut is not None and _may_open(filler, cut):
                    row, changed = cut, True
                    break
            if (
                len(filler) < len(flat)
                and tuple(flat[-len(filler) :]) == filler
                and filler
                not in (
                    ("first",),
                    ("like",),
                    ("again",),
                    ("right",),
                    ("there",),
                    ("cool",),
                    ("second",),
                    ("real",),
                    ("great",),
                    ("real",),
                    ("friend",),
                    ("next",),
                    ("dear",),
                    ("then",),
                    ("a", "bit"),
                    ("later",),
                    ("nice",),
                    ("perfect",),
                    ("lovely",),
                    ("pal",),
                    ("mate",),
                    ("buddy",),
                    ("and",),
                )
            ):
                back = _drop(row[::-1], len(filler))
                if back is not None:
                    row, changed = back[::-1], True
                    break
    return tuple(row)


def _may_open(filler: tuple[str, ...], rest: list[Token]) -> bool:
    """Whether a word at the beginning is small talk: "right" is not, in "right arm"."""
    if len(filler) > 1:
        return True
    if filler[0] in ("just", "simply"):
        return not rest or rest[0].text not in ("the", "my", "his", "her", "that", "this")
    if filler[0] in wordset("small-talk-adjectives"):
        return bool(rest) and (
            rest[0].has("PUNCT") or begins(rest, 0) or rest[0].text in ("now", "then", "so", "and")
        )
    return True


def _drop(row: list[Token], words: int) -> list[Token] | None:
    """Drops tokens that make up exactly this many words."""
    taken = 0
    for at, token in enumerate(row):
        if taken == words:
            return row[at:]
        if token.has("QUOTE") or (token.has("IMG") and not token.has("PRON")):
            return None
        taken += len(token.text.split())
        if taken > words:
            return None
    return [] if taken == words else None


def begins(tokens: Sequence[Token], at: int) -> bool:
    """Whether a new wish begins at this token."""
    if at >= len(tokens):
        return False
    token = tokens[at]
    if token.has("IMG", "PUNCT", "QUOTE"):
        return token.has("IMG") and modal(tokens, at)
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
    return modal(tokens, at)


def modal(tokens: Sequence[Token], at: int) -> bool:
    """``the sky should be pink``: a wish told of a thing."""
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


def skip_fillers(tokens: Sequence[Token], at: int) -> int:
    """The place after any fillers that stand here."""
    moved = True
    while moved and at < len(tokens):
        moved = False
        for filler in FILLERS:
            flat = [w for t in tokens[at : at + len(filler)] for w in t.text.split()]
            if tuple(flat[: len(filler)]) == filler:
                rest = _drop(list(tokens[at : at + len(filler) + 1]), len(filler))
                if rest is not None:
                    at = at + len(tokens[at : at + len(filler) + 1]) - len(rest)
                    moved = True
                    break
    return at
