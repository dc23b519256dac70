"""Finds the pictures that a request mentions, and puts one token in place of each mention."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ace_agent.errors import PlanError
from ace_agent.planner.english.lexicon import NUMBERS, ORDINALS
from ace_agent.planner.english.spelling import stem
from ace_agent.planner.english.tables import wordset
from ace_agent.planner.english.tokens import Token
from ace_agent.planner.rules.image_index import ImageIndex

IT = "it"
"""What a pronoun refers to: the result of the step before, or the picture that the request works on."""

THEM = "them"
"""What "them" refers to: several things, or the pictures mentioned."""

OTHER = "other"
"""What "the other one" refers to: the picture that the rest of the request does not name."""

DET = frozenset({"the", "that", "this", "my", "your", "our", "those", "these", "his", "her"})
THE = frozenset({"the", "that", "my", "your", "our", "those"})
ONE = frozenset({"one", "ones", "one's"})
PLACES = frozenset({"before", "after", "preceding", "following", "ahead", "prior", "since", "until"})
NOT_IN_DESCRIPTION = wordset("not-in-description")
TYPES = ("STYLE", "DEPTH", "POSE", "EDGE", "CONTOUR", "SCRIBBLE", "DOODLE", "SEGMAP", "GRAY", "MOSAIC")


@dataclass(frozen=True)
class Mention:
    """A phrase that stands for pictures: its length in tokens, and the pictures."""

    length: int
    images: tuple[str, ...]


Rule = Callable[["MentionReader", int], Mention | None]
"""A kind of mention: what it reads at a place, if anything."""


class MentionReader:
    """Reads mentions of pictures in a request.

    Args:
        tokens: the request.
        index: the pictures that it may mention.
    """

    def __init__(self, tokens: Sequence[Token], index: ImageIndex) -> None:
        self.tokens = tokens
        self.index = index

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


def number(reader: MentionReader, at: int) -> int | None:
    """The number that a token stands for, if any."""
    text = reader.text(at)
    return int(text) if text.isdigit() and len(text) < 4 else NUMBERS.get(text)


def _known(reader: MentionReader, id_: str) -> str:
    if id_ in reader.index.by_id:
        return id_
    have = [i.id for i in reader.index.context.images]
    span = (
        f"the conversation has {have[0]} to {have[-1]}"
        if len(have) > 1
        else f"there is only {have[0]}"
        if have
        else "there is none yet"
    )
    raise PlanError(f"there is no picture {id_}", span)


def nth(reader: MentionReader, n: int, word: str) -> str:
    """The `n`-th picture, counted as :meth:`ImageIndex.nth` does. Raises PlanError, with the word, if there is none."""
    found = reader.index.nth(n)
    if found is None:
        count = len(reader.index.pictures)
        have = (
            "there is no picture yet"
            if not count
            else f"there {'is' if count == 1 else 'are'} {count} so far"
        )
        raise PlanError(f"there is no {word} picture", have)
    return found


def skip(reader: MentionReader, at: int, *words: str) -> int:
    """The place after any of these words."""
    while reader.text(at) in words:
        at += 1
    return at


def skip_clause(reader: MentionReader, at: int) -> int:
    """The place after "(that) I made", "of the bunch", "you gave me" or "from earlier", which may follow a mention."""
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


_UNITS = wordset("measures-after-a-picture")


def by_id(reader: MentionReader, at: int) -> Mention | None:
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
    if not worded and reader.text(at + 1) in _UNITS:
        return None  # "rotate the picture 90 degrees"
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
    known = reader.index.by_id.get(id_)
    if known is None or (known.kind == "mask" and "mask" not in reader.text(start)):
        ids = [i.id for i in reader.index.pictures]
        if known is None:
            return Mention(at + 1 - start, (_known(reader, id_),))
        if value <= len(ids):
            return Mention(at + 1 - start, (id_,))
    return Mention(at + 1 - start, (id_,))


def by_order(reader: MentionReader, at: int) -> Mention | None:
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
        and ordinal <= len(reader.index.masks)
    ):
        return Mention(at + 2 - start, (reader.index.masks[ordinal - 1].id,))
    if reader.text(at) == "middle" and determined and reader.noun(at + 1) and len(reader.index.pictures) % 2:
        return Mention(at + 2 - start, (nth(reader, (len(reader.index.pictures) + 1) // 2, "middle"),))
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
            same := [
                i for i in reader.index.pictures if stem(reader.text(end)) in reader.index.caption_words[i.id]
            ]
        )
        and len(same) >= max(2, ordinal)
    ):
        return Mention(end + 1 - start, (same[ordinal - 1].id,))
    elif not determined or not (reader.boundary(end) or skip_clause(reader, end) > end):
        return None
    if end == at + 1 and ordinal == 2 and reader.text(end) in ("i", "you"):
        return None
    end = skip_clause(reader, end)
    return Mention(end - start, (nth(reader, ordinal, reader.text(at)),))
