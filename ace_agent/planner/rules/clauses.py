"""Splits a request into clauses, one instruction each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ace_agent.planner.english.lexicon import phrase_tags
from ace_agent.planner.english.tables import wordset
from ace_agent.planner.english.tokens import Token
from ace_agent.planner.rules.ellipsis import SIDES, are_results, inherited_verb, omits_verb
from ace_agent.planner.rules.verbs import VERBS, after_fillers, begins_command, strip_fillers

_HARD = frozenset({".", "!", "?", ";", "\n"})
_SEQUENCE = wordset("sequence")
_JOINTS = frozenset({",", "and", "but", "while", "before", "after", "plus", "or", "with", "so"})


@dataclass(frozen=True)
class Clause:
    """One instruction, or small talk between instructions.

    Args:
        tokens: without fillers at its ends.
        fresh: it begins the request or follows a full stop, not a comma or "and".
    """

    tokens: tuple[Token, ...]
    fresh: bool = False

    @property
    def text(self) -> str:
        """The words of the clause."""
        return " ".join(t.text for t in self.tokens)


def split(tokens: Sequence[Token]) -> list[Clause]:
    """The clauses of a request whose mentions of pictures are one token each."""
    clauses: list[Clause] = []
    current: list[Token] = []
    fresh = True
    past_fillers = after_fillers(tokens)
    past_joints = _after_joints(tokens)

    def close(now_fresh: bool) -> None:
        nonlocal current, fresh
        stripped = strip_fillers(current)
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
                (lead := strip_fillers(current))
                and (begins_command(lead, 0) or lead[0].has("FACESWAP", "VCREATE"))
                and not (begins_command(tokens, past_fillers[at + 1]) or _chooses_picture(lead))
            ):
                current.append(replace(token, text=",", surface=","))
            else:
                close(False)
        elif text == "so" and any(t.has("OPERATION") for t in current) and _purpose(tokens, at + 1):
            at = _reason_end(tokens, at, past_fillers)
            continue
        elif text == "," or text in _JOINTS or text in _SEQUENCE:
            nxt = past_joints[at + 1]
            onward = past_fillers[nxt]
            lead = strip_fillers(current)
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
                    and not (
                        text == "so"
                        and (begins_command(tokens, onward) or _picks_picture(tokens, onward, current))
                    )
                )
                or (onward < len(tokens) and _introduces(lead))
            ):
                current.append(token)
            elif onward < len(tokens) and (
                begins_command(tokens, onward)
                or _continues_imperative(lead, tokens, onward)
                or _picks_picture(tokens, onward, current)
                or (gerund is not None and current)
            ):
                close(False)
                at = onward
                if gerund is not None and not begins_command(tokens, onward):
                    current.append(gerund)
                    at += 1
                continue
            elif are_results(lead, tokens, nxt):
                close(False)
                at = nxt
                continue
            elif omits_verb(lead, tokens, nxt):
                verb = inherited_verb(lead)
                close(False)
                current.extend(verb)
                at = nxt
                continue
            elif text != "," or current:
                current.append(token)
        elif text in ("because", "since", "so that", "cause") and current:
            at = _reason_end(tokens, at, past_fillers)
            continue
        else:
            current.append(token)
        at += 1
    close(True)
    return _reordered(clauses)


def _after_joints(tokens: Sequence[Token]) -> list[int]:
    """For each place, and the one after the last, the place after any words there that join clauses."""
    places = [*range(len(tokens) + 2)]
    for at in range(len(tokens) - 1, -1, -1):
        word = tokens[at].text
        if word in _SEQUENCE or word in ("and", "then", ",", "also", "but", "plus", "next", "finally"):
            places[at] = places[at + 1]
    return places


def _reordered(clauses: list[Clause]) -> list[Clause]:
    """The clauses in the order of the work: "before adding a fountain" goes after the rest."""
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
    """A verb and the rest of its clause, with an adverb that belongs to the verb in one token: "take away"."""
    both = f"{verb.text} {rest[0].text}" if rest else ""
    if both in phrase_tags():
        return (Token(both, both, phrase_tags()[both]), *rest[1:])
    return (verb, *rest)


def _continues_imperative(row: Sequence[Token], tokens: Sequence[Token], at: int) -> bool:
    """Whether another imperative follows, with a verb that may be a noun: "..., plant sunflowers"."""
    if (
        not row
        or not begins_command(row, 0)
        or (row[0].has("VCREATE") and not row[0].has("VCHANGE", "VPAINT"))
    ):
        return False
    token = tokens[at]
    after = tokens[at + 1] if at + 1 < len(tokens) else None
    if not token.has(*VERBS) or token.has("IMG", "PUNCT") or after is None or after.has("PUNCT"):
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


def _introduces(row: Sequence[Token]) -> bool:
    """Whether a clause so far only introduces the next words: "using the pose and the depth, ..."."""
    if not row:
        return False
    head = row[0].text
    if head == "where" and len(row) < 7:
        return not any(t.text == "," for t in row)
    if head in ("keep", "keeping", "preserve", "preserving", "retain"):
        kept = ("face", "identity", "likeness", "features")
        return any(t.text in kept or t.has(*SIDES) for t in row)
    if len(row) < 2 or head not in wordset("leaning-heads") or any(t.has("VFILL", "VADD") for t in row[1:]):
        return False
    if any(t.has("VCREATE") and t.text != "draw" for t in row[1:]):
        return False
    if any(t.text in wordset("guides") for t in row):
        return True
    loose = head not in ("take", "from", "follow", "by")
    if any(t.has("MASK", "STYLEWORD") for t in row):
        return loose
    sides = any(t.has(*SIDES) for t in row)
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


def _picks_picture(tokens: Sequence[Token], at: int, current: Sequence[Token]) -> bool:
    """Whether an instruction begins here by choosing its picture: "..., on the second one make it night"."""
    if (
        tokens[at].text in wordset("choosing-prepositions")
        and at + 1 < len(tokens)
        and tokens[at + 1].has("IMG")
    ):
        onward = at + 2
        while onward < len(tokens) and tokens[onward].text in (",", "please", "then", "and", "just"):
            onward += 1
        return onward < len(tokens) and begins_command(tokens, onward) and bool(current)
    return False


def _purpose(tokens: Sequence[Token], at: int) -> bool:
    """Whether "so" says what for: "flip it, so you can read it"."""
    words = [w for t in tokens[at : at + 2] for w in t.text.split()][:2]
    return (
        len(words) == 2 and words[0] in ("you", "i", "we", "they", "people") and words[1] in ("can", "could")
    )


def _reason_end(tokens: Sequence[Token], at: int, past_fillers: Sequence[int]) -> int:
    """The place after a reason ("because it looks dull")."""
    end = at + 1
    while end < len(tokens):
        if tokens[end].has("PUNCT") and tokens[end].text in _HARD:
            return end
        if tokens[end].text in (",", "so", "and", "then") and begins_command(tokens, past_fillers[end + 1]):
            return end
        onward = past_fillers[end]
        if onward > end + 1 and begins_command(tokens, onward):
            return end
        end += 1
    return end
