"""Cutting a request into clauses, one wish each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ace_agent.planner.lexicon import phrase_tags
from ace_agent.planner.reading import Token
from ace_agent.planner.tables import rows, wordset

_STRONG = wordset("strong")
_WEAK = wordset("weak")
_OPENERS = wordset("openers")
FILLERS: tuple[tuple[str, ...], ...] = tuple(
    sorted((tuple(f.split()) for f in rows("fillers")), key=len, reverse=True)
)
"""Politeness and small talk that may stand before or after a wish, longest first."""

_HARD = frozenset({".", "!", "?", ";", "\n"})
_SEQUENCE = wordset("sequence")
_JOINTS = frozenset({",", "and", "but", "while", "before", "after", "plus", "or", "with", "so"})


@dataclass(frozen=True)
class Clause:
    """One wish, or a scrap of talk between wishes.

    Args:
        tokens: without fillers at its ends.
        fresh: it follows a full stop or begins the request, rather than a comma or "and".
    """

    tokens: tuple[Token, ...]
    fresh: bool = False

    @property
    def text(self) -> str:
        """The words of the clause."""
        return " ".join(t.text for t in self.tokens)


def _words(tokens: Sequence[Token]) -> list[str]:
    return [t.text for t in tokens]


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
        return token.has("IMG") and _modal(tokens, at)
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
    if head in ("i", "we") and follows in wordset("wishing"):
        return True
    if token.text == "don't":
        return True
    if (
        token.has(*_VERBS)
        and follows
        and (after is not None and (after.has("IMG") or follows.split()[0] in _OPENERS))
    ):
        return True
    return _modal(tokens, at)


def _modal(tokens: Sequence[Token], at: int) -> bool:
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


def _skip_fillers(tokens: Sequence[Token], at: int) -> int:
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


def split(tokens: Sequence[Token]) -> list[Clause]:
    """The clauses of a request whose mentions are already one token each."""
    clauses: list[Clause] = []
    current: list[Token] = []
    fresh = True

    def close(now_fresh: bool) -> None:
        nonlocal current, fresh
        stripped = strip(current)
        if stripped:
            clauses.append(Clause(stripped, fresh))
        current = []
        fresh = now_fresh

    at = 0
    while at < len(tokens):
        token = tokens[at]
        text = token.text
        if token.has("PUNCT") and text in _HARD:
            if (
                text == "."
                and at + 1 < len(tokens)
                and tokens[at + 1].has("NUM")
                and current
                and current[-1].has("NUM")
            ):
                at += 1
                continue
            close(True)
        elif text == ")" and current and current[-1].has("NUM"):
            current.pop()  # "2) make it night"
            close(True)
        elif text == ":":
            if any(t.has("VWRITE", "TEXT") for t in current):
                current.append(token)
            elif len(current) == 1 and current[0].has("NUM", "ORD"):
                current = []
            elif (current and current[0].has("FACESWAP")) or (
                (lead := strip(current))
                and (begins(lead, 0) or lead[0].has("FACESWAP", "VCREATE"))
                and not (begins(tokens, _skip_fillers(tokens, at + 1)) or _chooses_picture(lead))
            ):
                current.append(replace(token, text=",", surface=","))
            else:
                close(False)
        elif text == "," or text in _JOINTS or text in _SEQUENCE:
            nxt = at + 1
            while nxt < len(tokens) and (
                tokens[nxt].text in ("and", "then", ",", "also", "but", "plus", "next", "finally")
                or tokens[nxt].text in _SEQUENCE
            ):
                nxt += 1
            onward = _skip_fillers(tokens, nxt)
            gerund = (
                _gerund(tokens, onward)
                if text in ("before", "after", "by", "with", "and", ",", "while", "then", "plus", "also")
                else None
            )
            if (
                text in _SEQUENCE
                and text not in ("also", "next", "plus")
                and onward < len(tokens)
                and not _adverb(tokens, at)
            ):
                close(False)
                at = nxt
                continue
            if (
                (text in ("before", "after") and not current)
                or (
                    text in ("before", "after", "with", "so")
                    and gerund is None
                    and not (text == "so" and (begins(tokens, onward) or _selects(tokens, onward, current)))
                )
                or (onward < len(tokens) and _leans(current))
            ):
                current.append(token)
            elif onward < len(tokens) and (
                begins(tokens, onward)
                or _acts(current, tokens, onward)
                or _selects(tokens, onward, current)
                or (gerund is not None and current)
            ):
                close(False)
                at = onward
                if gerund is not None and not begins(tokens, onward):
                    current.append(gerund)
                    at += 1
                continue
            elif _contrast(current, tokens, nxt):
                inherited = _head(current)
                close(False)
                current.extend(inherited)
                at = nxt
                continue
            elif text != "," or current:
                current.append(token)
        elif text in ("because", "since", "so that", "cause") and current:
            at = _reason_end(tokens, at)
            continue
        else:
            current.append(token)
        at += 1
    close(True)
    return _reordered(clauses)


def _reordered(clauses: list[Clause]) -> list[Clause]:
    """Puts "before adding a fountain" after the clause it stands before, and turns "after you removed" into a wish."""
    out: list[Clause] = []
    later: Clause | None = None
    for clause in clauses:
        head = clause.tokens[0].text
        at = 1
        while head in ("before", "after", "once", "when") and at < len(clause.tokens) and clause.tokens[at].text in (
            "you", "i", "we", "have", "had", "are", "done", "finished", "that",
        ):  # fmt: skip
            at += 1
        timed = head in ("before", "after", "once", "when")
        chained = bool(out) and len(clause.tokens) > 2 and clause.tokens[1].text != "of"
        if not timed and chained:
            at = 0
        verb = _gerund(clause.tokens, at) if timed or chained else None
        if verb is None:
            out.append(clause)
        else:
            turned = replace(clause, tokens=_phrased(verb, clause.tokens[at + 1 :]))
            if head == "before" and later is None and clause is not clauses[-1]:
                later = turned
                continue
            out.append(turned)
        if later is not None:
            out.append(later)
            later = None
    return out


def _phrased(verb: Token, rest: Sequence[Token]) -> tuple[Token, ...]:
    """A verb before the rest of its clause, made one with an adverb that belongs to it: "take" and "away"."""
    both = f"{verb.text} {rest[0].text}" if rest else ""
    if both in phrase_tags():
        return (Token(both, both, phrase_tags()[both]), *rest[1:])
    return (verb, *rest)


def _acts(current: Sequence[Token], tokens: Sequence[Token], at: int) -> bool:
    """Whether an imperative goes on with another whose verb might be a noun: "..., plant sunflowers"."""
    row = strip(current)
    if not row or not begins(row, 0) or (row[0].has("VCREATE") and not row[0].has("VCHANGE", "VPAINT")):
        return False
    token = tokens[at]
    after = tokens[at + 1] if at + 1 < len(tokens) else None
    if not token.has(*_VERBS) or token.has("IMG", "PUNCT") or after is None or after.has("PUNCT"):
        return False
    named = token.has("STYLE", "COLOR", "GARMENT") or after.text in (
        "and",
        "of",
        "on",
        "in",
        "to",
        "is",
        "with",
        "at",
        "for",
    )
    return not named and row[0].text not in ("write", "add") and not after.has("POS")


def _leans(current: Sequence[Token]) -> bool:
    """Whether a clause so far only says what the next words go by: "using the pose and the depth, ..."."""
    row = strip(current)
    if not row:
        return False
    head = row[0].text
    if head == "where" and len(row) < 7:
        return not any(t.text == "," for t in row)
    if head in ("keep", "keeping", "preserve", "preserving", "retain"):
        kept = ("face", "identity", "likeness", "features")
        return any(t.text in kept or t.has(*_SIDES) for t in row)
    if len(row) < 2 or head not in wordset("leaning-heads") or any(t.has("VFILL", "VADD") for t in row[1:]):
        return False
    if any(t.has("VCREATE") and t.text != "draw" for t in row[1:]):
        return False
    if any(t.text in wordset("guides") for t in row):
        return True
    loose = head not in ("take", "from", "follow", "by")
    if any(t.has("MASK", "STYLEWORD") for t in row):
        return loose
    sides = any(t.has(*_SIDES) for t in row)
    return (
        sides
        and head not in ("take", "from")
        and (head != "use" or any(t.text in ("as", "and") for t in row))
    )


def _chooses_picture(tokens: Sequence[Token]) -> bool:
    """Whether a few words before a colon only name a picture: "use the first one:"."""
    return (
        any(t.has("IMG") for t in tokens) and len(tokens) < 4 and tokens[0].text in wordset("choosing-verbs")
    )


def _adverb(tokens: Sequence[Token], at: int) -> bool:
    return tokens[at].text == "then" and at > 0 and tokens[at - 1].text in ("back", "since", "by")


_GERUNDS = {
    "making": "make", "adding": "add", "removing": "remove", "turning": "turn", "changing": "change",
    "putting": "put", "replacing": "replace", "converting": "convert", "giving": "give",
    "erasing": "erase", "deleting": "delete", "painting": "paint", "writing": "write",
    "extending": "extend", "coloring": "color", "colouring": "colour", "placing": "place",
    "swapping": "swap", "cutting": "cut", "taking": "take", "getting": "get", "setting": "set",
    "inserting": "insert", "colorizing": "colorize", "sharpening": "sharpen", "restoring": "restore",
    "moving": "move", "including": "include", "inverting": "invert", "flipping": "flip",
    "rotating": "rotate", "applying": "apply", "rendering": "render", "expanding": "expand",
    "removed": "remove", "added": "add", "painted": "paint", "erased": "erase", "deleted": "delete",
    "turned": "turn", "changed": "change", "replaced": "replace", "written": "write", "extended": "extend",
    "cropping": "crop", "doing": "do",
    "widening": "widen", "transforming": "transform", "blurring": "blur", "wiping": "wipe", "cleaning": "clean",
    "fixing": "fix", "repairing": "repair", "isolating": "isolate", "pasting": "paste", "tinting": "tint",
    "brightening": "brighten", "darkening": "darken", "filling": "fill", "covering": "cover",
    "enlarging": "enlarge", "shrinking": "shrink", "dropping": "drop", "throwing": "throw", "dressing": "dress",
}  # fmt: skip


def _gerund(tokens: Sequence[Token], at: int) -> Token | None:
    if at < len(tokens) and tokens[at].text in _GERUNDS and at + 1 < len(tokens):
        base = _GERUNDS[tokens[at].text]
        return Token(base, base, phrase_tags().get(base, frozenset()))
    return None


def _selects(tokens: Sequence[Token], at: int, current: Sequence[Token]) -> bool:
    """``..., on the second one make it night``: a wish that begins by choosing its picture."""
    if (
        tokens[at].text in wordset("choosing-prepositions")
        and at + 1 < len(tokens)
        and tokens[at + 1].has("IMG")
    ):
        onward = at + 2
        while onward < len(tokens) and tokens[onward].text in (",", "please", "then", "and", "just"):
            onward += 1
        return onward < len(tokens) and begins(tokens, onward) and bool(current)
    return False


_VERBS = (
    "VADD", "VREM", "VREP", "VEXTRACT", "VFUSE", "VEXTEND", "VSEGMENT", "STYLIZE", "UNMOSAIC", "VRESTORE",
    "VMOVE", "VPAINT", "COLORIZE", "VFILL", "VWRITE",
)  # fmt: skip
_SIDES = ("DEPTH", "EDGE", "CONTOUR", "POSE", "SCRIBBLE", "DOODLE", "SEGMAP")
_FLIP = ("COLOR", "MATERIAL", "TIME", "STYLE", "GRAY", "LOOK", "BIGGER", "GENERAL", "QUALITY", "MOSAIC")


def _head(current: Sequence[Token]) -> list[Token]:
    """The verb that an elliptical clause inherits."""
    row = strip(current)
    if row and not begins(row, 0) and row[0].has("TIME", "STYLE", "GRAY"):
        return [Token("add", "add", phrase_tags()["add"])]
    if row and _modal(row, 0):
        return [Token("make", "make", phrase_tags()["make"])]
    if row and _noun_phrase(row[0]) and not begins(row, 0):
        return []
    return [row[0]] if row else []


def _contrast(current: Sequence[Token], tokens: Sequence[Token], at: int) -> bool:
    """``make the sky pink and the grass blue``: a second wish that leaves its verb out."""
    row = strip(current)
    if not row or at >= len(tokens):
        return False
    verb = row[0]
    rest: list[Token] = []
    for token in tokens[at:]:
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
    if _modal(row, 0) and definite and rest[-1].has(*_FLIP) and len(rest) >= 2:
        return True
    if rest[0].text in ("the", "its", "a", "an", "his", "her") and any(t.has(*_SIDES) for t in rest[:4]):
        return (
            any(t.has(*_SIDES) for t in row)
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


def _noun_phrase(token: Token) -> bool:
    """Whether a noun phrase begins here."""
    return token.has("IMG") or token.text in ("the", "a", "an", "his", "her", "its", "my", "some", "their")


def _reason_end(tokens: Sequence[Token], at: int) -> int:
    """The place after a reason ("because it looks dull")."""
    end = at + 1
    while end < len(tokens):
        if tokens[end].has("PUNCT") and tokens[end].text in _HARD:
            return end
        if tokens[end].text in (",", "so", "and", "then") and begins(tokens, _skip_fillers(tokens, end + 1)):
            return end
        onward = _skip_fillers(tokens, end)
        if onward > end + 1 and begins(tokens, onward):
            return end
        end += 1
    return end


def merge(clause: Clause, other: Clause) -> Clause:
    """Two clauses as one."""
    return replace(clause, tokens=(*clause.tokens, *other.tokens))
