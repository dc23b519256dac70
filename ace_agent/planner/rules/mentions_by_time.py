"""Mentions by time: the latest, the original, "the one I made first", "two steps back", "it"."""

from __future__ import annotations

from ace_agent.planner.english.lexicon import ORDINALS
from ace_agent.planner.english.tables import wordset
from ace_agent.planner.rules.mentions import (
    IT,
    ONE,
    OTHER,
    THE,
    THEM,
    Mention,
    MentionReader,
    nth,
    number,
    skip,
    skip_clause,
)


def by_recency(reader: MentionReader, at: int) -> Mention | None:
    """``the last one``, ``the latest picture``, ``the last two``, ``the previous one``."""
    start = at
    determined = reader.text(at) in THE
    at += determined
    at = skip(reader, at, "very", "most")
    many = number(reader, at)
    if determined and many and many > 1:
        end = skip(reader, at + 1, "most", "very")
        newest = reader.text(end) in ("last", "latest", "recent", "newest")
        end += newest
        if (reader.noun(end) or reader.text(end) in ("layers", "layer")) and (
            newest or many == len(reader.index.pictures)
        ):
            pictures = tuple(nth(reader, -n, f"{n}th last") for n in range(many, 0, -1))
            return Mention(end + 1 - start, pictures)
        if many == 2 and reader.boundary(end) and len(reader.index.pictures) >= 2 and end == at + 1:
            return Mention(end - start, (nth(reader, -2, "previous"), nth(reader, -1, "last")))
    word = reader.text(at)
    if word in ("last", "latest", "recent", "newest", "current", "final", "most"):
        end = at + 1
        end = skip(reader, end, "recent")
        count = number(reader, end)
        if count and count > 1 and (reader.noun(end + 1) or reader.boundary(end + 1)):
            stop = end + 1 + reader.noun(end + 1)
            return Mention(
                stop - start, tuple(nth(reader, -n, f"{count}th last") for n in range(count, 0, -1))
            )
        if reader.noun(end) or reader.text(end) in wordset("ordinal-nouns"):
            end += 1
        elif (
            not determined
            or not (reader.boundary(end) or skip_clause(reader, end) > end)
            or word in ("current", "final")
        ):
            return None
        end = skip_clause(reader, end)
        if reader.text(end) == "before" and reader.text(end + 1) in ("that", "this", "it", "the", "last"):
            return None
        return Mention(end - start, (nth(reader, -1, "last") if reader.index.pictures else IT,))
    if (
        word in ("older", "newer", "earlier", "later")
        and reader.text(at + 1) == "of"
        and reader.text(at + 3) == "two"
    ):
        end = at + 4 + reader.noun(at + 4)
        return Mention(end - start, (nth(reader, -2 if word in ("older", "earlier") else -1, word),))
    if determined and reader.noun(at) and (reader.text(at + 1), reader.text(at + 2)) == ("of", "before"):
        return Mention(at + 3 - start, (nth(reader, -2, "previous"),))
    if (
        word == "before"
        and reader.noun(at + 1)
        and (determined or reader.text(at - 1) in ("from", "the", "in"))
    ):
        return Mention(at + 2 - start, (nth(reader, -2, "previous"),))
    if (
        word in ("old", "older")
        and determined
        and reader.has(at + 1, "PICTURE")
        and not reader.index.ranked([word])
    ):
        return Mention(at + 2 - start, (nth(reader, 1, "old"),))
    if word in ("previous", "prior", "preceding", "penultimate", "earlier", "former"):
        end = at + 1
        if reader.text(end) in ("two", "2") and reader.noun(end + 1):
            return Mention(end + 2 - start, (nth(reader, -2, "previous"), nth(reader, -1, "last")))
        if reader.noun(end) or reader.text(end) in ("state", "step", "try", "attempt", "draft"):
            return Mention(end + 1 - start, (nth(reader, -2, word),))
        if word == "penultimate" or (determined and reader.boundary(end)):
            return Mention(end - start, (nth(reader, -2, word),))
    return None


def by_origin(reader: MentionReader, at: int) -> Mention | None:
    """``the original``, ``the initial picture``, ``what we started with``, ``the photo I uploaded``."""
    start = at
    index = reader.index
    determined = reader.text(at) in THE
    at += determined
    at = skip(reader, at, "very")
    if reader.text(at) in wordset("original"):
        end = at + 1
        if reader.noun(end):
            end += 1
        elif reader.text(end) in wordset("original-parts") or (
            not determined
            and not (
                reader.text(start) in ("original", "initial")
                and reader.text(start - 1) in ("on", "in", "from", "to", "use", "take")
            )
        ):
            return None
        end = skip_clause(reader, end)
        if index.first is None:
            return Mention(end - start, (IT,))
        return Mention(end - start, (index.first,))
    at = start
    if (
        reader.text(at) in ("what", "where", "how")
        and reader.text(at + 1) in ("we", "i", "you", "it")
        and reader.text(at + 2) in ("started", "began", "had")
    ):
        end = at + 3
        if reader.text(at + 2) == "had":
            if reader.text(end) in ("first", "originally") or (reader.text(end), reader.text(end + 1)) == (
                "at",
                "first",
            ):
                return Mention(end + 1 + (reader.text(end) == "at") - start, (index.first or IT,))
            return None
        end = skip(reader, end, "with", "from", "out", "off")
        return Mention(end - start, (index.first or IT,))
    return None


def by_time(reader: MentionReader, at: int) -> Mention | None:
    """``the picture I made first``, ``the one you did last``, ``what I uploaded originally``."""
    start = at
    if reader.text(at) in THE and reader.noun(at + 1):
        at += 2
    elif reader.text(at) == "what":
        at += 1
    else:
        return None
    at = skip(reader, at, "that", "which")
    if reader.text(at) not in ("i", "you", "we", "it"):
        return None
    at = skip(reader, at, "i", "you", "we", "have", "had", "just", "started")
    end = at
    while end - at < 4 and reader.text(end):
        end += 1
        word = reader.text(end)
        if word in ("first", "originally", "initially", "earliest") or (
            word == "at" and reader.text(end + 1) in ("first", "the")
        ):
            stop = end + 1
            if word == "at":
                stop = skip(reader, end + 1, "the", "very", "first", "start", "beginning")
            return (
                Mention(stop - start, (nth(reader, 1, "first"),))
                if reader.index.pictures
                else Mention(stop - start, (IT,))
            )
        if word in ORDINALS and reader.boundary(end + 1):
            return Mention(end + 1 - start, (nth(reader, ORDINALS[word], word),))
        if word in ("last", "latest", "most") or (word == "just" and reader.text(end + 1) == "now"):
            stop = end + 1 + (word != "last" and reader.text(end + 1) in ("recently", "now"))
            return Mention(stop - start, (nth(reader, -1, "last"),))
        if reader.has(end, "PUNCT") or word in ("and", "then"):
            return None
    return None


def by_count(reader: MentionReader, at: int) -> Mention | None:
    """``two pictures ago``, ``the one from three steps back``, ``two versions earlier``."""
    start = at
    at = skip(reader, at, "the")
    if reader.noun(at) and at > start:
        at += 1
        at = skip(reader, at, "from", "we", "had")
    count = number(reader, at) or (1 if reader.text(at) in ("a", "an") else None)
    if count is None:
        return None
    unit = reader.text(at + 1) in [
        "step",
        "steps",
        "turn",
        "turns",
        "edit",
        "edits",
        "try",
        "tries",
        "round",
        "rounds",
        "go",
        "goes",
        "change",
        "changes",
        "place",
        "places",
    ]
    if not (reader.noun(at + 1) or unit):
        if reader.text(at + 1) not in ("back", "ago", "earlier") or at == start:
            return None
        end = at + 2
    else:
        if reader.text(at + 2) not in ("ago", "back", "earlier", "before", "prior"):
            return None
        end = at + 3
        if reader.text(at + 2) == "before" and reader.text(end) and not reader.boundary(end):
            return None
    return Mention(end - start, (nth(reader, -1 - count, f"{reader.text(at)} back"),))


def by_pronoun(reader: MentionReader, at: int) -> Mention | None:
    """``it``, ``this picture``, ``the whole thing``, ``both pictures``, ``all of them``, ``the other``."""
    text, after = reader.text(at), reader.text(at + 1)
    images = tuple(i.id for i in reader.index.pictures)
    if text in ("it", "everything", "itself") or (text in ("{image}",)):
        return Mention(1, (IT,))
    if text == "them" and after == "both" and len(images) > 1:
        return Mention(2, images[-2:])
    if text == "them" and (
        reader.boundary(at + 1) or not reader.has(at + 1, "THING", "SCENE", "ANIMAL", "GARMENT")
    ):
        return Mention(1, (THEM,))
    if text == "all" and after == "of" and reader.text(at + 2) in ("it", "this", "that"):
        return Mention(3, (IT,))
    if text in ("it", "this", "that") and after == "all":
        return Mention(2, (IT,))
    start = at
    many = {"both": 2, "all": 0, "each": 0, "every": 0, "these": 0, "those": 0}
    if text in many and images:
        end = at + 1
        end = skip(reader, end, "of", "the", "them", "these", "those", "my", "your", "our", "all", "single")
        if text == "both" and reader.text(end) in ("control", "reference", "source", "guide"):
            end += 1
        count = number(reader, end)
        end += bool(count)
        if reader.noun(end):
            end += 1
        elif end == at + 1 and text in ("all", "each", "every", "these", "those", "both"):
            if not (text == "both" and reader.boundary(end)) and not (
                text in ("these", "those") and reader.boundary(end)
            ):
                return None
        elif (text in ("all", "both", "each") and reader.text(at + 1) not in wordset("all-of")) or (
            (end > at + 1 and reader.text(end - 1) in ("the", "my", "your", "our"))
            or (
                text in ("these", "those", "all")
                and reader.text(end - 1) != "them"
                and not (reader.boundary(end) or (text == "all" and count and reader.text(end) == "together"))
            )
        ):
            return None
        size = (
            2
            if text == "both" or (text in ("them", "these", "those") and len(images) >= 2 and not count)
            else count or len(images)
        )
        return Mention(end - start, images[-size:] if size <= len(images) else images)
    if text in ("the", "this", "that", "my", "your", "our"):
        end = skip(
            reader,
            at + 1,
            "whole",
            "entire",
            "full",
            "complete",
            "new",
            "resulting",
            "above",
            "same",
            "finished",
            "generated",
            "edited",
            "current",
            "attached",
            "uploaded",
        )
        if reader.text(end) == "other" and (reader.noun(end + 1) or reader.boundary(end + 1)):
            return Mention(end + 1 + reader.noun(end + 1) - start, (OTHER,))
        if (
            reader.noun(end)
            or (reader.text(end) in ("thing", "lot", "result", "canvas") and end > at + 1)
            or reader.text(end) in ("result", "outcome")
        ):
            if text in ("the",) and reader.text(end) in ONE:
                return None
            stop = end + 1
            if reader.text(stop) in ONE or (reader.has(stop, "PICTURE") and reader.has(end, "PICTURE")):
                stop += 1
            stop = skip_clause(reader, stop)
            if reader.text(stop) in ("you", "i", "we") and reader.text(stop + 1) in ("just", "have"):
                stop += 3
            return Mention(stop - start, (IT,))
        if (
            text in ("this", "that")
            and reader.boundary(at + 1)
            and reader.text(at - 1) not in ("is", "like", "before", "after", "than", "so")
        ):
            if text == "that" and reader.text(at + 1) in ("is", "i", "you"):
                return None
            return Mention(1, (IT,))
        if (
            text in ("this", "that")
            and (
                reader.has(
                    at + 1,
                    "STYLE",
                    "GRAY",
                    "COLOR",
                    "TIME",
                    "LOOK",
                    "PLACE",
                    "GENERAL",
                    "QUALITY",
                    "DEGRADE",
                    "MATERIAL",
                )
                and reader.boundary(at + 2)
            )
            and reader.has(at - 1, "VCHANGE")
        ):
            return Mention(1, (IT,))
        if text == "this" and reader.text(at + 1) in ("a", "an", "more", "less", "look", "the"):
            return Mention(1, (IT,))
    return None
