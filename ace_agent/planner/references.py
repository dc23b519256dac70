"""Finding the pictures that a request speaks of, and putting one token in place of each such phrase."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ace_agent.errors import PlanError
from ace_agent.planner.english import stem
from ace_agent.planner.gallery import Gallery
from ace_agent.planner.lexicon import NUMBERS, ORDINALS
from ace_agent.planner.reading import Token
from ace_agent.planner.tables import wordset

IT = "it"
"""The reference of a pronoun: the result of the step before, else the picture the request works on."""

THEM = "them"
"""The reference of "them": several things, or the pictures spoken of."""

OTHER = "other"
"""The reference of "the other one": the picture that the rest of the request does not name."""

DET = frozenset({"the", "that", "this", "my", "your", "our", "those", "these", "his", "her"})
THE = frozenset({"the", "that", "my", "your", "our", "those"})
ONE = frozenset({"one", "ones", "one's"})
PLACES = frozenset({"before", "after", "preceding", "following", "ahead", "prior", "since", "until"})
NOT_IN_DESCRIPTION = wordset("not-in-description")
TYPES = ("STYLE", "DEPTH", "POSE", "EDGE", "CONTOUR", "SCRIBBLE", "DOODLE", "SEGMAP", "GRAY", "MOSAIC")


@dataclass(frozen=True)
class Mention:
    """A phrase that stands for pictures: how many tokens it takes, and which references they are."""

    length: int
    images: tuple[str, ...]


Rule = Callable[["Reader", int], Mention | None]
"""A way of speaking of pictures: what it reads at a place, if anything."""


class Reader:
    """Reads mentions of pictures in a row of tokens.

    Args:
        tokens: the request.
        gallery: the pictures it may speak of.
    """

    def __init__(self, tokens: Sequence[Token], gallery: Gallery) -> None:
        self.tokens = tokens
        self.gallery = gallery

    def text(self, at: int) -> str:
        """The word at a place; empty beyond the ends."""
        return self.tokens[at].text if 0 <= at < len(self.tokens) else ""

    def has(self, at: int, *tags: str) -> bool:
        """Whether the token at a place has one of the tags."""
        return 0 <= at < len(self.tokens) and self.tokens[at].has(*tags)

    def noun(self, at: int) -> bool:
        """Whether the token is a word for a picture."""
        return self.has(at, "PICTURE") or self.text(at) in ONE

    def boundary(self, at: int) -> bool:
        """Whether a phrase may end before this place."""
        return (
            at >= len(self.tokens)
            or self.has(at, "PUNCT", "GRAY", "STYLE", "BIGGER", "VCHANGE", "VADD", "VREM")
            or self.text(at) in wordset("after-mention")
        )

    def mentions(self, rules: Sequence[Rule]) -> list[Token]:
        """The tokens with every mention replaced by one ``IMG`` token."""
        out: list[Token] = []
        at = 0
        while at < len(self.tokens):
            found = max(
                (m for m in (rule(self, at) for rule in rules) if m), key=lambda m: m.length, default=None
            )
            if found is None:
                out.append(self.tokens[at])
                at += 1
                continue
            surface = " ".join(t.surface for t in self.tokens[at : at + found.length])
            text = " ".join(t.text for t in self.tokens[at : at + found.length])
            out.append(
                Token(
                    text,
                    surface,
                    frozenset({"IMG", *(("PRON",) if found.images in ((IT,), (THEM,)) else ())}),
                    found.images,
                )
            )
            at += found.length
        return out


def number(reader: Reader, at: int) -> int | None:
    """The number that a token says, if it says one."""
    text = reader.text(at)
    return int(text) if text.isdigit() and len(text) < 4 else NUMBERS.get(text)


def _known(reader: Reader, id_: str) -> str:
    if id_ in reader.gallery.known:
        return id_
    have = [i.id for i in reader.gallery.context.images]
    span = (
        f"the conversation has {have[0]} to {have[-1]}"
        if len(have) > 1
        else f"there is only {have[0]}"
        if have
        else "there is none yet"
    )
    raise PlanError(f"there is no picture {id_}", span)


def nth(reader: Reader, n: int, said: str) -> str:
    found = reader.gallery.nth(n)
    if found is None:
        count = len(reader.gallery.images)
        have = (
            "there is no picture yet"
            if not count
            else f"there {'is' if count == 1 else 'are'} {count} so far"
        )
        raise PlanError(f"there is no {said} picture", have)
    return found


def skip(reader: Reader, at: int, *words: str) -> int:
    while reader.text(at) in words:
        at += 1
    return at


def tail(reader: Reader, at: int) -> int:
    """Steps over "(that) I made", "of the bunch", "you gave me", "from earlier" after a mention by order."""
    start = at
    if reader.text(at) in ("that", "which") and reader.text(at + 1) in ("i", "you", "we"):
        at += 1
    if reader.text(at) in ("i", "you", "we") and (
        reader.text(at + 1)
        in [
            "made",
            "did",
            "drew",
            "created",
            "generated",
            "sent",
            "uploaded",
            "gave",
            "had",
            "got",
            "painted",
            "asked",
            "showed",
            "started",
            "shared",
            "attached",
            "took",
            "added",
        ]
    ):
        at += 2
        while reader.text(at) in wordset("maker-tails"):
            at += 1
        return at
    if reader.text(at) == "of" and reader.text(at + 1) in wordset("all-of"):
        step = skip(reader, at + 1, "the", "all", "my", "our", "your", "them", "these", "those")
        if reader.noun(step) or reader.text(step) in ("bunch", "series", "lot", "set", "conversation"):
            return step + 1
        if reader.text(at + 1) in ("them", "these", "those", "all"):
            return at + 2
    if reader.text(at) in ("so", "from") and reader.text(at + 1) in ("far", "earlier", "today"):
        return at + 2
    return start


def by_id(reader: Reader, at: int) -> Mention | None:
    """``@3``, ``picture 3``, ``image number two``, ``no. 3``."""
    if reader.has(at, "ID"):
        return Mention(1, (_known(reader, reader.text(at)),))
    start = at
    at = skip(reader, at, "the", "my", "your")
    if at == 0 and number(reader, 0) and reader.text(1) == ":" and reader.text(0).isdigit():
        return Mention(1, (_known(reader, f"@{reader.text(0)}"),))
    named = reader.has(at, "PICTURE")
    at += named
    worded = reader.text(at) in ("number", "no", "nr", "nbr", "num")
    if worded:
        at += 1
        at += reader.text(at) == "."
    value = number(reader, at)
    if named and value is not None and reader.text(at + 1) in ("and", ",") and number(reader, at + 2):
        ids = [f"@{value}", f"@{number(reader, at + 2)}"]
        end = at + 3
        while reader.text(end) in ("and", ",") and (number(reader, end + 1) or number(reader, end + 2)):
            end += 1 if number(reader, end + 1) else 2
            ids.append(f"@{number(reader, end)}")
            end += 1
        if not reader.noun(end):
            return Mention(end - start, tuple(_known(reader, id_) for id_ in ids))
    if value is None or not (named or worded) or (reader.noun(at + 1) and not worded):
        return None
    if reader.text(at) in ("one", "couple") and reader.text(at - 1) not in (
        "number",
        "image",
        "picture",
        "photo",
        "version",
    ):
        return None
    id_ = f"@{value}"
    known = reader.gallery.known.get(id_)
    if known is None or (known.kind == "mask" and "mask" not in reader.text(start)):
        ids = [i.id for i in reader.gallery.images]
        if known is None:
            return Mention(at + 1 - start, (_known(reader, id_),))
        if value <= len(ids):
            return Mention(at + 1 - start, (id_,))
    return Mention(at + 1 - start, (id_,))


def by_order(reader: Reader, at: int) -> Mention | None:
    """``the second one``, ``the very first picture I made``, ``my third photo``."""
    start = at
    determined = reader.text(at) in THE
    at += determined
    if not determined and reader.text(at - 1) in ("a", "an"):
        return None
    at = skip(reader, at, "very")
    if reader.text(at) == "last" and reader.text(at + 1) == "but":
        back = {"one": 2, "two": 3, "three": 4}.get(reader.text(at + 2))
        if back:
            end = at + 3 + reader.noun(at + 3)
            return Mention(end - start, (nth(reader, -back, "such"),))
    ordinal = ORDINALS.get(reader.text(at))
    if (
        ordinal
        and determined
        and reader.text(at + 1) in ("mask", "masks")
        and ordinal <= len(reader.gallery.masks)
    ):
        return Mention(at + 2 - start, (reader.gallery.masks[ordinal - 1].id,))
    if reader.text(at) == "middle" and determined and reader.noun(at + 1) and len(reader.gallery.images) % 2:
        return Mention(at + 2 - start, (nth(reader, (len(reader.gallery.images) + 1) // 2, "middle"),))
    if ordinal is None:
        return None
    end = at + 1
    if reader.text(end) in ("to", "from", "before") and reader.text(end + 1) in ("last", "the", "latest"):
        stop = end + 1 + (reader.text(end + 1) == "the")
        if reader.text(stop) in ("last", "end", "latest", "newest", "back", "final"):
            back = -ordinal if reader.text(end) in ("to", "from") else -2
            stop += 1 + reader.noun(stop + 1)
            return Mention(stop - start, (nth(reader, back, reader.text(at)),))
    if reader.text(end) in ("last", "latest", "newest"):
        stop = end + 1 + reader.noun(end + 1)
        return Mention(stop - start, (nth(reader, -ordinal, f"{reader.text(at)} last"),))
    if (
        reader.text(end) in ("two", "three", "four", "2", "3", "4")
        and (reader.noun(end + 1) or reader.boundary(end + 1))
        and ordinal == 1
    ):
        count = number(reader, end) or 2
        stop = end + 1 + reader.noun(end + 1)
        return Mention(stop - start, tuple(nth(reader, n, str(n)) for n in range(1, count + 1)))
    if reader.text(end) in ("and", "&") and not reader.noun(end):
        step = end + 1 + (reader.text(end + 1) in THE)
        other = ORDINALS.get(reader.text(step))
        if reader.text(step) == "last":
            other = -1
        if other and reader.noun(step + 1) and determined:
            return Mention(
                step + 2 - start,
                (nth(reader, ordinal, reader.text(at)), nth(reader, other, reader.text(step))),
            )
    adjective = reader.text(end) in ("original", "generated", "uploaded", "made", "ever", "actual")
    end += adjective
    if reader.noun(end):
        end += 1 + (reader.text(end) in ("picture", "image") and reader.noun(end + 1))
    elif reader.text(end) in wordset("ordinal-nouns"):
        end += 1
    elif (
        determined
        and reader.text(start - 1) in ("", ",", "in", "of", "on", "from", "to", "take", "use", "with", "for")
        and (
            same := [i for i in reader.gallery.images if stem(reader.text(end)) in reader.gallery.words[i.id]]
        )
        and len(same) >= max(2, ordinal)
    ):
        return Mention(end + 1 - start, (same[ordinal - 1].id,))
    elif not determined or not (reader.boundary(end) or tail(reader, end) > end):
        return None
    if end == at + 1 and ordinal == 2 and reader.text(end) in ("i", "you"):
        return None
    end = tail(reader, end)
    return Mention(end - start, (nth(reader, ordinal, reader.text(at)),))


def by_recency(reader: Reader, at: int) -> Mention | None:
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
            newest or many == len(reader.gallery.images)
        ):
            shown = tuple(nth(reader, -n, f"{n}th last") for n in range(many, 0, -1))
            return Mention(end + 1 - start, shown)
        if many == 2 and reader.boundary(end) and len(reader.gallery.images) >= 2 and end == at + 1:
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
            or not (reader.boundary(end) or tail(reader, end) > end)
            or word in ("current", "final")
        ):
            return None
        end = tail(reader, end)
        if reader.text(end) == "before" and reader.text(end + 1) in ("that", "this", "it", "the", "last"):
            return None
        return Mention(end - start, (nth(reader, -1, "last") if reader.gallery.images else IT,))
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
        and not reader.gallery.match([word])
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


def by_origin(reader: Reader, at: int) -> Mention | None:
    """``the original``, ``the initial picture``, ``what we started with``, ``the photo I uploaded``."""
    start = at
    gallery = reader.gallery
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
        end = tail(reader, end)
        if gallery.original is None:
            return Mention(end - start, (IT,))
        return Mention(end - start, (gallery.original,))
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
                return Mention(end + 1 + (reader.text(end) == "at") - start, (gallery.original or IT,))
            return None
        end = skip(reader, end, "with", "from", "out", "off")
        return Mention(end - start, (gallery.original or IT,))
    return None


def by_time(reader: Reader, at: int) -> Mention | None:
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
                if reader.gallery.images
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


def by_count(reader: Reader, at: int) -> Mention | None:
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


def by_pronoun(reader: Reader, at: int) -> Mention | None:
    """``it``, ``this picture``, ``the whole thing``, ``both pictures``, ``all of them``, ``the other``."""
    text, after = reader.text(at), reader.text(at + 1)
    images = tuple(i.id for i in reader.gallery.images)
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
            stop = tail(reader, stop)
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
