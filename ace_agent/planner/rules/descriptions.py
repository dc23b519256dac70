"""Mentions by what a picture shows ("the lighthouse one") or by a neighbour ("the one before it")."""

from __future__ import annotations

from collections.abc import Sequence

from ace_agent.errors import PlanError
from ace_agent.planner.english.tables import wordset
from ace_agent.planner.english.tokens import Token
from ace_agent.planner.rules.image_index import ImageIndex, content_words
from ace_agent.planner.rules.mentions import (
    DET,
    NOT_IN_DESCRIPTION,
    ONE,
    PLACES,
    THE,
    TYPES,
    Mention,
    MentionReader,
    Rule,
    by_id,
    by_order,
    nth,
    number,
    skip,
    skip_clause,
)
from ace_agent.planner.rules.mentions_by_time import by_count, by_origin, by_pronoun, by_recency, by_time


def _anchor(reader: MentionReader, at: int, *, before: bool) -> tuple[int, str, bool] | None:
    """What "before ..." counts from: its length in tokens, a picture, and whether an event made that picture.

    What stays in the pictures after it came counts from where it came: "before the beard".
    """
    text = reader.text(at)
    index = reader.index
    if text in ("last", "latest", "newest") or (
        text == "the" and reader.text(at + 1) in ("last", "latest", "newest")
    ):
        end = at + 1 + (text == "the")
        end += reader.noun(end)
        newest = index.nth(-1)
        return (end - at, newest, False) if newest else None
    if text in ("that", "this", "it", "these") and (reader.boundary(at + 1) or reader.noun(at + 1)):
        newest = index.nth(-1)
        return (1 + reader.noun(at + 1), newest, False) if newest else None
    for rule in (by_id, by_order, by_recency, by_origin):
        found = rule(reader, at)
        if found and found.images[0] in index.by_id:
            return found.length, found.images[0], False
    event = text in wordset("event-openers")
    phrase: list[str] = []
    best: tuple[int, str, bool] | None = None
    end = at
    while (
        end < len(reader.tokens)
        and end - at < 9
        and reader.text(end) not in ("and", "then", ",", ".", ";", ":", "!", "?", "but")
    ):
        phrase.append(reader.text(end))
        end += 1
        fresh = content_words(phrase[-1])
        if (fresh and any(index.fits(w) for w in fresh)) or reader.noun(end - 1):
            ranked = index.ranked(phrase if not event else [w for w in phrase if w not in ("i", "you", "we")])
            if ranked:
                made_it = event or any(
                    w in phrase
                    for w in ("was", "were", "got", "went", "became", "appeared", "came", "disappeared")
                )
                chosen = ranked[0]
                if made_it:
                    top = index.ties(phrase)
                    chosen = min(top, key=lambda i: [m.id for m in index.pictures].index(i))
                elif before:
                    chosen = index.origin(chosen, ranked)
                best = (end - at, chosen, made_it)
    if best and best[2]:
        while end < len(reader.tokens) and reader.text(best[0] + at) in wordset("event-tails"):
            best = (best[0] + 1, best[1], True)
    return best


def by_relation(reader: MentionReader, at: int) -> Mention | None:
    """``the one before the sketch``, ``the picture right after @2``, ``what we had before the snow``."""
    start = at
    index = reader.index
    if not index.pictures:
        return None
    if reader.text(at) in THE and reader.noun(at + 1):
        at += 2
    elif (
        reader.text(at) in ("yours", "mine", "one")
        or (
            reader.noun(at)
            and (reader.text(at + 1) in PLACES or not reader.has(at, "VCREATE", "VCHANGE", "STYLE"))
        )
        or (
            reader.text(at) in ("what", "whatever")
            and reader.text(at + 1)
            in (
                "came",
                "comes",
                "follows",
                "was",
                "is",
            )
        )
    ):
        at += 1
    elif reader.text(at) in ("what", "how", "whatever") and reader.text(at + 1) in ("we", "i", "you", "it"):
        at += 2
        if reader.text(at) not in ("had", "was", "made", "did", "got", "looked", "saw"):
            return None
        at += 1
        at = skip(reader, at, "like")
    elif reader.text(at) in ("the",) and reader.text(at + 1) in ("state", "way"):
        at += 2
        at = skip(reader, at, "it", "was", "looked")
    else:
        return None
    at = (
        skip_clause(reader, at)
        if reader.text(at) in ("i", "you", "we", "that", "which") and reader.text(at + 2) not in PLACES
        else at
    )
    if reader.text(at) in ("i", "you", "we"):
        at += 2
    at = skip(reader, at, *wordset("relating"))
    back = 1
    if number(reader, at) and reader.text(at + 1) in PLACES:
        back = number(reader, at) or 1
        at += 1
    place = reader.text(at)
    if place not in ("before", "after", "preceding", "following", "prior", "ahead"):
        return None
    at += 1
    at = skip(reader, at, "to", "of")
    step = 1 if place in ("after", "following") else -1
    if (reader.boundary(at) and reader.text(at) not in ("i", "you")) or not reader.text(at):
        if step > 0:
            return None
        return Mention(at - start, (nth(reader, -1 - back, "earlier"),))
    found = _anchor(reader, at, before=step < 0)
    if found is None:
        return None
    length, anchor, event = found
    # "after you made it night" is that picture itself; "before ..." the one it was made from.
    target = anchor if event and step > 0 else index.neighbour(anchor, step * back)
    if target is None:
        raise PlanError(f"there is no picture {place} {anchor}", "say which one by its id")
    return Mention(at + length - start, (target,))


def by_caption(reader: MentionReader, at: int) -> Mention | None:
    """``the lighthouse one``, ``my beach photo``, ``the picture of the dog``, ``the one with the car``."""
    start = at
    index = reader.index
    determined = reader.text(at) in DET
    at += determined
    if reader.text(at - 1) in ("a", "an") or reader.text(start - 1) in ("a", "an"):
        return None
    # words before the noun: "the old lighthouse one"
    for width in range(4, 0, -1):
        end = at + width
        if not reader.noun(end):
            continue
        phrase = [reader.text(i) for i in range(at, end)]
        if any(w in NOT_IN_DESCRIPTION or w in DET or w in wordset("not-a-name") for w in phrase):
            continue
        if any(
            reader.has(i, "IMG", "QUOTE", "PUNCT", "ID")
            or (reader.has(i, "VCHANGE", "VCREATE", "VADD", "VREM") and not index.fits(phrase[i - at]))
            for i in range(at, end)
        ):
            continue
        if not determined and (
            any(not index.fits(w) for w in phrase) or reader.text(end) in ONE or reader.has(end, "STYLE")
        ):
            continue
        picked = index.pick(phrase)
        if picked is None:
            continue
        return Mention(_more(reader, end + 1, phrase) - start, (picked,))
    # words after the noun: "the one with the red car"
    typed = determined and (reader.has(at, *TYPES) or reader.text(at) in wordset("kinds-of-picture"))
    if (
        (determined and reader.noun(at))
        or typed
        or (
            not determined
            and reader.has(at, "PICTURE")
            and reader.text(at + 1) in ("of", "with")
            and reader.text(at + 2) in THE
        )
    ):
        end = at + 1
        if reader.text(end) in wordset("describers"):
            phrase = [reader.text(at)] if typed else []
            stop, words = _description(reader, end + 1)
            if words:
                ranked = index.ranked([*phrase, *words]) if typed else index.ranked(words)
                if reader.text(end) == "without":
                    fitting = set(index.ranked(words))
                    ranked = [i.id for i in reversed(index.pictures) if i.id not in fitting]
                if ranked and (not typed or index.ranked(phrase)):
                    return Mention(stop - start, (ranked[0],))
    if (
        typed
        and not reader.has(at - 2, "VREM", "VADD")
        and not (
            reader.has(at, "POSE", "EDGE", "CONTOUR", "DEPTH", "SEGMAP")
            and reader.text(at + 1) in ("of", "from", "in", "for")
        )
    ):
        ranked = index.ranked([reader.text(at)])
        if ranked and (reader.boundary(at + 1) or reader.noun(at + 1)):
            return Mention(at + 1 + reader.noun(at + 1) - start, (ranked[0],))
    return None


def _more(reader: MentionReader, at: int, phrase: list[str]) -> int:
    """The place after "with the boat" in "the lighthouse one with the boat", if a caption has both."""
    if reader.text(at) in ("with", "of") and reader.text(at + 1) in DET:
        stop, words = _description(reader, at + 1)
        if words and set(reader.index.ranked([*phrase, *words])[:1]) == set(reader.index.ranked(phrase)[:1]):
            return stop
    return at


def _description(reader: MentionReader, at: int) -> tuple[int, list[str]]:
    """The end of the longest run of words from ``at`` that captions have, and those words."""
    words: list[str] = []
    stop = at
    place = at
    while place < len(reader.tokens) and place - at < 9:
        text = reader.text(place)
        if reader.has(place, "PUNCT", "QUOTE", "IMG", "ID") or (
            text in NOT_IN_DESCRIPTION and text not in ("is", "and", "like")
        ):
            break
        content = content_words(text)
        if any(reader.index.fits(w) for w in content):
            words.append(text)
            stop = place + 1
        elif (
            content
            and not reader.has(place, "COLOR", "BIGGER", "MORE")
            and text not in ("little", "small", "big")
        ):
            break
        place += 1
    return stop, words


RULES: tuple[Rule, ...] = (
    by_relation,
    by_caption,
    by_time,
    by_count,
    by_id,
    by_order,
    by_recency,
    by_origin,
    by_pronoun,
)
"""Kinds of mention. The longest wins, and the earlier rule among equals."""


def find_mentions(tokens: Sequence[Token], index: ImageIndex) -> list[Token]:
    """The tokens of a request with one ``IMG`` token in place of every mention of pictures.

    Raises PlanError for an id, a number or a relation that no picture has.
    """
    return MentionReader(tokens, index).mentions(RULES)
