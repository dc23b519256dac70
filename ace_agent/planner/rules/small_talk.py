"""Small talk between instructions: "my wife says it is dull, so please make it a sunset"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from ace_agent.planner.english.tables import wordset
from ace_agent.planner.english.tokens import Token
from ace_agent.planner.rules.clauses import Clause
from ace_agent.planner.rules.verbs import begins_command


def is_small_talk(tokens: Sequence[Token]) -> bool:
    """Whether a clause states something and asks for nothing."""
    words = [w for t in tokens for w in t.text.split()]
    if not words or (tokens[0].has("IMG") and tokens[0].text not in ("it", "this", "that")):
        return False
    better = {"better", "nicer", "improved", "great", "good", "nice"} & set(words)
    if (
        words[0] in ("it", "this", "that")
        and words[1:2] in (["could"], ["would"])
        and words[2:3] == ["be"]
        and better
    ):
        return True
    if words[0] not in ("i", "we") and begins_command(tokens, 0):
        return False
    if words[-1] in wordset("complaints") and {"is", "are", "looks", "look", "feels", "seems"} & set(
        words[1:-1]
    ):
        return True  # "the parasols are ugly"
    if words[1:2] and words[1] in ("need", "want", "have", "made", "use") and "for" in words[2:4]:
        return True  # "we need this for a flyer"
    pairs = {f"{a} {b}" for a, b in pairwise(words)} | set(words)
    reported = any(w in wordset("reporting-verbs") for w in words[:6])
    if not reported and pairs & wordset("wishing-words"):
        return False
    return words[0] in wordset("talk-heads") and any(w in wordset("telling-verbs") for w in words[:9])


def without_small_talk(clauses: Sequence[Clause]) -> list[Clause]:
    """The clauses without small talk, if any are left; what they call "it" is named from the small talk before.

    "There is a lamp post in the way, remove it" becomes "remove the lamp post".
    """
    clauses = _with_questions(
        [c for c in clauses if c.text not in ("show me", "show", "let me see")] or clauses
    )
    instructs = [not is_small_talk(c.tokens) for c in clauses]
    if all(instructs) or not any(instructs):
        return list(clauses)
    kept: list[Clause] = []
    topic: tuple[Token, ...] = ()
    whole: tuple[Token, ...] = ()
    for clause, instruction in zip(clauses, instructs, strict=True):
        if instruction:
            kept.append(_with_topic(clause, topic, whole))
            topic = whole = ()
        else:
            topic = _topic(clause.tokens) or topic
            start = next((k for k, t in enumerate(clause.tokens) if t.text in ("a", "an", "some")), None)
            whole = clause.tokens[start:] if start is not None else whole
    return kept


def _with_questions(clauses: Sequence[Clause]) -> list[Clause]:
    """The clauses, a question joined to the instruction after it: "how far is everything? Show it as a map."."""
    out: list[Clause] = []
    for clause in clauses:
        asks = out and out[-1].tokens[0].text in ("how", "where", "what", "which", "who")
        if (
            asks
            and begins_command(clause.tokens, 0)
            and any(t.has("PRON") or t.text == "the" for t in clause.tokens)
        ):
            comma = Token(",", ",", frozenset({"PUNCT"}))
            out[-1] = replace(out[-1], tokens=(*out[-1].tokens, comma, *clause.tokens))
        else:
            out.append(clause)
    return out


def _topic(tokens: Sequence[Token]) -> tuple[Token, ...]:
    """The first indefinite noun phrase: "a small sailboat in the distance"."""
    for at, token in enumerate(tokens):
        if token.text not in ("a", "an", "some", "this", "that", "these") or at + 1 >= len(tokens):
            continue
        end = at + 1
        while end < len(tokens) and end - at < 7 and not tokens[end].has("PUNCT", "IMG"):
            if tokens[end].text in wordset("topic-ends"):
                break
            end += 1
        if end > at + 1 and tokens[at + 1].text not in ("bit", "little", "lot", "while"):
            return tuple(tokens[at:end])
    return ()


def _with_topic(clause: Clause, topic: tuple[Token, ...], whole: tuple[Token, ...]) -> Clause:
    """The clause with the topic in place of "one", "it" or "them" after a verb that adds, moves or removes."""
    if not topic or len(clause.tokens) > 5:
        return clause
    if len(clause.tokens) == 2 and clause.tokens[0].has("VCREATE") and clause.tokens[1].has("PRON"):
        return replace(clause, tokens=(clause.tokens[0], *whole))
    for at, token in enumerate(clause.tokens):
        if (
            at
            and token.text in ("one", "it", "them", "that", "some")
            and clause.tokens[at - 1].has("VADD", "VREM", "VREP", "VMOVE")
        ):
            removed = not clause.tokens[at - 1].has("VADD")
            thing = topic
            if removed and topic[0].text in ("a", "an", "some"):
                thing = (Token("the", "the"), *topic[1:])
            return replace(clause, tokens=(*clause.tokens[:at], *thing, *clause.tokens[at + 1 :]))
    return clause
