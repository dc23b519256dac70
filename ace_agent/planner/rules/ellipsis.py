"""Clauses that leave their verb out: "make the sky pink and the grass blue"."""

from __future__ import annotations

from collections.abc import Sequence

from ace_agent.planner.english.lexicon import phrase_tags
from ace_agent.planner.english.tables import wordset
from ace_agent.planner.english.tokens import Token
from ace_agent.planner.rules.verbs import begins_command, is_modal_command, strip_fillers

SIDES = ("DEPTH", "EDGE", "CONTOUR", "POSE", "SCRIBBLE", "DOODLE", "SEGMAP")
"""Tags of the maps that analysis finds in a picture."""

_FLIP = ("COLOR", "MATERIAL", "TIME", "STYLE", "GRAY", "LOOK", "BIGGER", "GENERAL", "QUALITY", "MOSAIC")


def inherited_verb(row: Sequence[Token]) -> list[Token]:
    """The verb that a clause takes over from the one before it, whose fillers are stripped."""
    if row and not begins_command(row, 0) and row[0].has("TIME", "STYLE", "GRAY"):
        return [Token("add", "add", phrase_tags()["add"])]
    if row and is_modal_command(row, 0):
        return [Token("make", "make", phrase_tags()["make"])]
    if row and _noun_phrase(row[0]) and not begins_command(row, 0):
        return []
    return [row[0]] if row else []


def omits_verb(row: Sequence[Token], tokens: Sequence[Token], at: int) -> bool:
    """Whether a second instruction begins here that leaves its verb out: "make the sky pink and the grass blue"."""
    if not row or at >= len(tokens):
        return False
    verb = row[0]
    rest: list[Token] = []
    for token in tokens[at : at + 10]:
        if token.has("PUNCT") or token.text in ("and", "then", "but"):
            break
        rest.append(token)
    if not rest or len(rest) > 9:
        return False
    if _noun_phrase(row[0]) and _noun_phrase(rest[0]) and any(t.text == "to" for t in rest[1:6]):
        return any(t.text == "to" for t in row[1:6])
    if (
        rest[0].text in ("a", "an", "some")
        and len(row) < 3
        and row[0].has("TIME", "STYLE", "GRAY")
        and not row[0].has("VCREATE")
    ):
        return True
    definite = rest[0].text in ("the", "his", "her", "its", "their", "my") or rest[0].has("IMG")
    if verb.has("VCHANGE") and rest[0].has("IMG") and any(t.has("IMG") for t in row[1:]) and len(rest) >= 2:
        return True
    if verb.has("VCHANGE", "VPAINT", "VMOVE", "BIGGER") and definite and len(rest) >= 2:
        last = rest[-1]
        flips = last.has(*_FLIP) and any(t.has(*_FLIP) for t in row[1:])
        if verb.text in wordset("flipping-verbs") and flips and not row[-1].has("POS"):
            return True
        if any(t.text in ("to", "into", "a", "an") for t in rest[1:]) and any(
            t.text in ("to", "into", "a", "an") for t in row[1:]
        ):
            return True
        if rest[0].has("IMG") and (
            last.has(*_FLIP) or any(t.text in ("to", "into", "a", "an", "like") for t in rest[1:])
        ):
            return True
    if (
        verb.has("VREP", "VCHANGE")
        and definite
        and any(t.text in ("with", "to", "for", "by", "into") for t in rest[1:])
        and any(t.text in ("with", "to", "for", "by", "into") for t in row[1:])
    ):
        return True
    if is_modal_command(row, 0) and definite and rest[-1].has(*_FLIP) and len(rest) >= 2:
        return True
    if rest[0].text in ("the", "its", "a", "an", "his", "her") and any(t.has(*SIDES) for t in rest[:4]):
        return (
            any(t.has(*SIDES) for t in row)
            and not verb.has("VFOLLOW", "VFUSE")
            and not any(
                (
                    t.has("VCREATE")
                    and t.text
                    not in ("get me", "give me", "show me", "make", "produce", "create", "generate", "show")
                )
                or t.text in ("following", "using", "from", "based on")
                for t in row
            )
        )
    if verb.has("VADD") and rest[0].text in (
        "next",
        "behind",
        "beside",
        "above",
        "under",
        "near",
        "below",
        "on",
        "in",
    ):
        return any(t.text in ("a", "an", "another", "some") for t in rest[2:]) and len(row) > 2
    if verb.has("VADD") and rest[0].text in ("a", "an", "one", "another", "some"):
        here = any(t.has("POS") or t.text in ("to", "in", "on") for t in row[2:])
        there = any(t.has("POS") or t.text in ("to", "in", "on") for t in rest[2:])
        return here and there
    return False


def are_results(row: Sequence[Token], tokens: Sequence[Token], at: int) -> bool:
    """Whether two short descriptions of a result stand side by side: "bins gone, walls white"."""
    if not _is_result(row):
        return False
    rest: list[Token] = []
    for token in tokens[at:]:
        if token.has("PUNCT") or token.text in ("and", "then", "but"):
            break
        rest.append(token)
    return _is_result(strip_fillers(rest))


def _is_result(row: Sequence[Token]) -> bool:
    if (
        not 2 <= len(row) <= 6
        or begins_command(row, 0)
        or row[0].text in ("a", "an", "some", "with", "in", "of")
    ):
        return False
    if any(t.has("IMG", "VCREATE") or t.text in ("is", "are", "to", "with") for t in row):
        return False
    return row[-1].text in ("gone", "away", "out", "left", "right") or row[-1].has(
        "COLOR", "MATERIAL", "GRAY", "BIGGER", "STYLE"
    )


def _noun_phrase(token: Token) -> bool:
    """Whether a noun phrase begins with this token."""
    return token.has("IMG") or token.text in ("the", "a", "an", "his", "her", "its", "my", "some", "their")
