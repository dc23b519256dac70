"""The pictures of a conversation as a request may speak of them: by order, relation and content."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache, cached_property

from ace_agent.planner.english.lexicon import tagged
from ace_agent.planner.english.spelling import stem
from ace_agent.planner.english.tables import rows, wordset
from ace_agent.planner.interface import Context, KnownImage

_STOP = wordset("stop")


_LACKS = dict.fromkeys(("day", "daytime", "daylight"), frozenset({"night", "dark", "moonl", "midni", "dusk"}))
"""Words that fit a caption which does not say the opposite, when another caption does."""


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


def content(text: str) -> list[str]:
    """The stems of a text's telling words, in order."""
    words = re.findall(r"[^\W_]+(?:'[^\W_]+)?", text.lower().replace("-", " "))
    return [stem(word) for word in words if word not in _STOP]


class Gallery:
    """What is known of the pictures when a request is read.

    Args:
        context: the conversation's images, oldest first, its tip and how many pictures came with the request.
        answers: phrases that fit several pictures, and the one each is to mean.

    ``doubts`` collects the phrases met that fit several pictures equally well, with those pictures, newest first.
    """

    def __init__(self, context: Context, answers: Mapping[str, str] | None = None) -> None:
        self.context = context
        self.doubts: dict[str, tuple[str, ...]] = {}
        self.answers: dict[str, str] = dict(answers or {})
        pictures = tuple(i for i in context.images if i.kind != "mask")
        self.images: tuple[KnownImage, ...] = tuple(i for i in pictures if i.on_path) or pictures
        self.masks: tuple[KnownImage, ...] = tuple(i for i in context.images if i.kind == "mask")

    @cached_property
    def known(self) -> dict[str, KnownImage]:
        """Every image and mask by its id."""
        return {image.id: image for image in self.context.images}

    @cached_property
    def words(self) -> dict[str, list[str]]:
        """The telling words of each image's caption; of its maker's instruction where it has no caption."""
        return {i.id: content(i.caption or i.instruction or "") for i in self.context.images}

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """Every word of the captions and instructions, for mending slips."""
        text = " ".join(f"{i.caption} {i.instruction or ''}" for i in self.context.images)
        return frozenset(w for w in re.findall(r"[a-z]+", text.lower()) if len(w) > 2)

    @property
    def last(self) -> str | None:
        """The picture a plain instruction works on: the handed-over one, else the newest."""
        if self.context.inputs:
            return "input"
        return self.newest

    @property
    def newest(self) -> str | None:
        """The newest image on the path to the tip."""
        tip = self.known.get(self.context.tip or "")
        if tip is not None and tip.kind != "mask":
            return tip.id
        return self.images[-1].id if self.images else None

    def back(self, count: int) -> str | None:
        """The picture that undoing ``count`` turns returns to."""
        path = [id_ for id_ in self.context.path if id_ in self.known]
        if len(path) > 1:
            return path[-1 - count] if count < len(path) else None
        newest = self.newest
        return self.beside(newest, -count) if newest else None

    @property
    def original(self) -> str | None:
        """The first image of the conversation."""
        return self.images[0].id if self.images else self.last

    def nth(self, number: int) -> str | None:
        """The ``number``-th image, one-based; negative counts from the newest."""
        if number == 0 or abs(number) > len(self.images):
            return None
        return self.images[number - 1 if number > 0 else number].id

    def beside(self, id_: str, step: int) -> str | None:
        """The image ``step`` places after (or before, when negative) another in order of making."""
        ids = [i.id for i in self.images]
        if id_ not in ids:
            ids = [i.id for i in self.context.images]
        if id_ not in ids:
            return None
        at = ids.index(id_) + step
        return ids[at] if 0 <= at < len(ids) else None

    def affinity(self, word: str, id_: str) -> float:
        """How well a stemmed word fits a caption: 1 the word itself, less for a relative, 0 not at all."""
        have = self.words.get(id_, [])
        if word in have:
            return 1.0
        if len(word) > 4 and any(h.startswith(word[:5]) or word.startswith(h) for h in have if len(h) > 3):
            return 0.9
        if (lacking := _LACKS.get(word)) is not None or (word.startswith("un") and len(word) > 5):
            gone = lacking if lacking is not None else frozenset({word[2:6]})
            shown = any(h.startswith(g) for h in have for g in gone)
            elsewhere = any(h.startswith(g) for w in self.words.values() for h in w for g in gone)
            return 0.8 if elsewhere and not shown else 0.0
        kin = _neighbours().get(word, frozenset())
        return 0.7 if any(h in kin for h in have) else 0.0

    def fits(self, word: str) -> bool:
        """Whether any image's caption has the word or a relative of it."""
        return any(self.affinity(stem(word), i.id) > 0 for i in self.context.images)

    def match(self, phrase: Iterable[str], kinds: str = "image") -> list[str]:
        """Image ids that a describing phrase fits, best first; the newest first among equals.

        Args:
            phrase: words of the description.
            kinds: "image" or "mask": which of them to look among.
        """
        wanted = [w for p in phrase for w in content(p)]
        if not wanted:
            return []
        pool = self.masks if kinds == "mask" else self.images
        scored: list[tuple[float, float, int, str]] = []
        for order, image in enumerate(pool):
            fit = sum(self.affinity(w, image.id) for w in wanted) / len(wanted)
            if fit >= 0.34:
                have = self.words[image.id]
                cover = sum(self.affinity(w, image.id) > 0 for w in wanted) / max(len(have), 1)
                scored.append((round(fit, 3), round(cover, 3), order, image.id))
        scored.sort(reverse=True)
        return [s[-1] for s in scored]

    def pick(self, phrase: Iterable[str]) -> str | None:
        """The picture that a phrase means: the answer given, else the best fit; equal fits are noted as a doubt."""
        said = list(phrase)
        ranked = self.match(said)
        if not ranked:
            return None
        key = " ".join(said)
        if key in self.answers:
            return self.answers[key]
        even = [i for i in self.rivals(said) if len(self.words[i]) == len(self.words[ranked[0]])]
        if len(even) > 1 and all(
            set(self.words[a]) != set(self.words[b]) for a in even for b in even if a != b
        ):
            self.doubts[key] = tuple(even)
        return ranked[0]

    def rivals(self, phrase: Iterable[str]) -> list[str]:
        """The images that fit a phrase equally well: more than one means the phrase is ambiguous."""
        phrase = list(phrase)
        wanted = [w for p in phrase for w in content(p)]
        ranked = self.match(phrase)
        if not ranked:
            return []

        def fit(id_: str) -> float:
            return sum(self.affinity(w, id_) for w in wanted)

        return [r for r in ranked if fit(r) == fit(ranked[0])]
