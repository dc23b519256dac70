"""The pictures of a conversation, to be found by order, relation and what their captions say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, cached_property

from ace_agent.planner.english.lexicon import tagged
from ace_agent.planner.english.spelling import stem
from ace_agent.planner.english.tables import rows, wordset
from ace_agent.planner.interface import Context, KnownImage

_STOP = wordset("stop")


_LACKS = dict.fromkeys(("day", "daytime", "daylight"), frozenset({"night", "dark", "moonl", "midni", "dusk"}))
"""Words that fit a caption if another caption has the opposite and this one has not."""


@cache
def _neighbours() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    groups = [group.split() for group in rows("kin")]
    for group in groups:
        for word in group:
            found.setdefault(word, set()).update(group)
    for head, tag in (
        ("animal", "ANIMAL"),
        ("creature", "ANIMAL"),
        ("person", "PERSON"),
        ("people", "PERSON"),
    ):
        found.setdefault(head, set()).update(tagged()[tag])
    for head in ("clothes", "garment", "outfit"):
        found.setdefault(head, set()).update(tagged()["GARMENT"])
    return {word: frozenset(stem(w) for w in words) for word, words in found.items()}


def content_words(text: str) -> list[str]:
    """The stems of a text's content words, in order."""
    words = re.findall(r"[^\W_]+(?:'[^\W_]+)?", text.lower().replace("-", " "))
    return [stem(word) for word in words if word not in _STOP]


class ImageIndex:
    """The pictures of a conversation, as a request may mention them.

    `ambiguous` collects the phrases that fit several pictures equally well, with those pictures, newest first.

    Args:
        context: the conversation.
        answers: phrases that fit several pictures, and the picture that each means.
    """

    def __init__(self, context: Context, answers: Mapping[str, str] | None = None) -> None:
        self.context = context
        self.answers = dict(answers or {})
        self.ambiguous: dict[str, tuple[str, ...]] = {}
        self.pictures = context.pictures
        self.masks = context.masks
        self.default = context.default
        self.newest = context.newest

    @cached_property
    def by_id(self) -> dict[str, KnownImage]:
        """Every image and mask by its id."""
        return {image.id: image for image in self.context.images}

    @cached_property
    def caption_words(self) -> dict[str, list[str]]:
        """The content words of what is known of each image, or of the instruction that made it."""
        return {i.id: content_words(i.text or i.instruction) for i in self.context.images}

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """Every word of the captions and instructions, for correcting slips."""
        text = " ".join(f"{i.text} {i.instruction}" for i in self.context.images)
        return frozenset(w for w in re.findall(r"[a-z]+", text.lower()) if len(w) > 2)

    def undone(self, count: int) -> str | None:
        """The picture that undoing ``count`` turns goes back to; None if there are fewer."""
        path = [id_ for id_ in self.context.path if id_ in self.by_id]
        if len(path) > 1:
            return path[-1 - count] if count < len(path) else None
        newest = self.newest
        return self.neighbour(newest, -count) if newest else None

    @property
    def first(self) -> str | None:
        """The first picture of the conversation, or the one handed over."""
        return self.pictures[0].id if self.pictures else self.default

    def nth(self, number: int) -> str | None:
        """The ``number``-th picture, from 1; negative numbers count from the newest."""
        if number == 0 or abs(number) > len(self.pictures):
            return None
        return self.pictures[number - 1 if number > 0 else number].id

    def neighbour(self, id_: str, step: int) -> str | None:
        """The image ``step`` places after another, or before it if negative, in the order they were made."""
        ids = [i.id for i in self.pictures]
        if id_ not in ids:
            ids = [i.id for i in self.context.images]
        if id_ not in ids:
            return None
        at = ids.index(id_) + step
        return ids[at] if 0 <= at < len(ids) else None

    def affinity(self, word: str, id_: str) -> float:
        """How well a stem fits a caption: 1 for the word itself, less for a related word, 0 for none."""
        have = self.caption_words.get(id_, [])
        if word in have:
            return 1.0
        if len(word) > 4 and any(h.startswith(word[:5]) or word.startswith(h) for h in have if len(h) > 3):
            return 0.9
        if (lacking := _LACKS.get(word)) is not None or (word.startswith("un") and len(word) > 5):
            gone = lacking if lacking is not None else frozenset({word[2:6]})
            present = any(h.startswith(g) for h in have for g in gone)
            elsewhere = any(h.startswith(g) for w in self.caption_words.values() for h in w for g in gone)
            return 0.8 if elsewhere and not present else 0.0
        kin = _neighbours().get(word, frozenset())
        return 0.7 if any(h in kin for h in have) else 0.0

    def fits(self, word: str) -> bool:
        """Whether a caption has the word or a related one."""
        return any(self.affinity(stem(word), i.id) > 0 for i in self.context.images)

    def ranked(self, phrase: Iterable[str], kind: str = "image") -> list[str]:
        """The images that a description fits, best first, and the newest first among equals.

        Args:
            phrase: words of the description.
            kind: "image" or "mask".
        """
        wanted = [w for p in phrase for w in content_words(p)]
        if not wanted:
            return []
        pool = self.masks if kind == "mask" else self.pictures
        scored: list[tuple[float, float, int, str]] = []
        for order, image in enumerate(pool):
            fit = sum(self.affinity(w, image.id) for w in wanted) / len(wanted)
            if fit >= 0.34:
                have = self.caption_words[image.id]
                cover = sum(self.affinity(w, image.id) > 0 for w in wanted) / max(len(have), 1)
                scored.append((round(fit, 3), round(cover, 3), order, image.id))
        scored.sort(reverse=True)
        return [s[-1] for s in scored]

    def origin(self, id_: str, ranked: Sequence[str]) -> str:
        """The picture in which came what a phrase describes, of those that it fits: they hand it on one to the next."""
        while (earlier := self.neighbour(id_, -1)) in ranked:
            id_ = str(earlier)
        return id_

    def pick(self, phrase: Iterable[str]) -> str | None:
        """The picture that a phrase means: the one answered, or the best fit. Several equal fits make it ambiguous."""
        words = list(phrase)
        ranked = self.ranked(words)
        if not ranked:
            return None
        key = " ".join(words)
        if key in self.answers:
            return self.answers[key]
        even = [
            i for i in self.ties(words) if len(self.caption_words[i]) == len(self.caption_words[ranked[0]])
        ]
        if len(even) > 1 and all(
            set(self.caption_words[a]) != set(self.caption_words[b]) for a in even for b in even if a != b
        ):
            self.ambiguous[key] = tuple(even)
        return ranked[0]

    def ties(self, phrase: Iterable[str]) -> list[str]:
        """The images that fit a phrase equally well: more than one if it is ambiguous."""
        phrase = list(phrase)
        wanted = [w for p in phrase for w in content_words(p)]
        ranked = self.ranked(phrase)
        if not ranked:
            return []

        def fit(id_: str) -> float:
            return sum(self.affinity(w, id_) for w in wanted)

        return [r for r in ranked if fit(r) == fit(ranked[0])]
