"""Instructions as people write them: wordings of every kind of request, separated by split.

The wordings are in ``wording_tables/``, whose README describes their format.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from importlib import resources

from ace_agent.data.sample import Split

FAMILIES = (
    "generation", "analysis", "controls", "semantic", "elements", "repainting", "layers", "references",
    "conversations",
)  # fmt: skip
"""Names of the tables."""

_APART = 3  # wordings for validation, and as many held out

# "%" is the request. Splits have their own, so that no whole sentence is in two splits.
_PHRASINGS: dict[Split, tuple[str, ...]] = {
    "train": (
        "%", "%", "%", "%", "%", "%.", "%.", "%!", "please %", "please %.", "%, please", "%, please.",
        "can you %?", "could you %", "could you please %?", "now %", "i want you to %", "try to %",
    ),
    "validation": ("%", "%.", "would you %?", "kindly %.", "next, %"),
    "held-out": ("%", "%.", "i'd like you to %.", "go ahead and %", "%, would you?"),
}  # fmt: skip
_SENTENCE = re.compile(r"=|given |from |with |i |following |now |first |both |how ")
_PICTURES = ("it", "it", "this", "the picture", "the image", "this picture", "this image", "the photo")


@dataclass(frozen=True)
class Wordings:
    """The wordings of one kind of request, by split."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    held_out: tuple[str, ...]

    def of(self, split: Split) -> tuple[str, ...]:
        return {"train": self.train, "validation": self.validation, "held-out": self.held_out}[split]


@cache
def tables() -> Mapping[str, tuple[str, ...]]:
    """Every wording by kind of request, in the order of the tables."""
    found: dict[str, tuple[str, ...]] = {}
    for family in FAMILIES:
        text = (
            resources.files("ace_agent.data.scenes")
            .joinpath(f"wording_tables/{family}.txt")
            .read_text("utf-8")
        )
        kind = ""
        for line in text.splitlines():
            if line.startswith("["):
                kind = line.strip("[]")
                found[kind] = ()
            elif line and not line.startswith("#"):
                found[kind] += (line,)
    return found


@cache
def wordings(kind: str) -> Wordings:
    """The wordings of a kind of request, by split; KeyError for an unknown kind."""
    lines = tables()[kind]
    return Wordings(lines[: -2 * _APART], lines[-2 * _APART : -_APART], lines[-_APART:])


_OTHERS: ContextVar[Mapping[str, tuple[str, ...]] | None] = ContextVar("others", default=None)


@contextmanager
def using(instructions: Mapping[str, tuple[str, ...]]) -> Iterator[None]:
    """Within the context, use other whole instructions for some kinds of request.

    They contain ``{image}``, ``{image1}`` ... and ``<slot>``; other kinds keep their wordings.
    """
    token = _OTHERS.set(instructions)
    try:
        yield
    finally:
        _OTHERS.reset(token)


def compose(
    rng: random.Random, split: Split, kind: str, slots: Mapping[str, str], *, masked: bool = False
) -> str:
    """A whole instruction of a kind of request.

    Args:
        rng: source of randomness.
        split: which wordings may be used.
        kind: key of the wording tables.
        slots: what fills ``<slot>``.
        masked: mention that the change belongs in the mask.
    """
    others = (_OTHERS.get() or {}).get(kind)
    if others:
        return _filled(rng.choice(others), slots)
    core = rng.choice(wordings(kind).of(split))
    # A whole sentence takes no "please": nobody writes "please given the map".
    bare = bool(_SENTENCE.match(core))
    core = core.removeprefix("=")
    prefix = ""
    if any(mark in core for mark in "~@^"):
        named = rng.random() < 0.5
        if named and not bare and rng.random() < 0.25:
            prefix, named = rng.choice(("{image}, ", "{image} ", "{image}: ")), False
        core = _mention(rng, core, named, bool(prefix))
    core = _filled(core, slots)
    if masked:
        core += rng.choice(
            (" in the masked area", " within the mask", " inside the mask", " in the marked region")
        )
    sentence = core if bare else rng.choice(_PHRASINGS[split]).replace("%", core)
    return prefix + _typed(rng, sentence, starts=not prefix)


def _filled(wording: str, slots: Mapping[str, str]) -> str:
    for slot, value in slots.items():
        wording = wording.replace(f"<{slot}>", value)
    return wording


def _mention(rng: random.Random, core: str, named: bool, prefixed: bool) -> str:
    core = core.replace("^", " {image}" if named else "", 1)
    if named:
        first, place = "{image}", rng.choice((" in {image}", " in {image}", " of {image}"))
        if " of" in place and "~" not in core:
            place = " in {image}"
        core = core.replace("~", first, 1).replace("~", "it")
        return core.replace("@", place if "{image}" not in core else "", 1).replace("@", "")
    if prefixed:
        return core.replace("~", "it").replace("@", "")
    core = core.replace("~", rng.choice(_PICTURES), 1).replace("~", "it")
    where = (
        rng.choice(("", "", "", "", " in the picture", " in this picture", " here"))
        if "picture" not in core
        else ""
    )
    return core.replace("@", where, 1).replace("@", "")


def _typed(rng: random.Random, sentence: str, *, starts: bool) -> str:
    """Capitalised now and then, as people type."""
    sentence = re.sub(r"\s+", " ", sentence).strip()
    if starts and not sentence.startswith(("{", '"')) and rng.random() < 0.4:
        return sentence[0].upper() + sentence[1:]
    return sentence
