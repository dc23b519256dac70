"""The instruction of a step: the person's own words, cut to what the image model must know."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache

from ace_agent.planner.lexicon import phrase_tags
from ace_agent.planner.reading import Token, spell
from ace_agent.planner.tables import wordset
from ace_agent.tasks import TASKS

_NOUN = r"(?:image|picture|photo|photograph|shot|snapshot|illustration|artwork|visual|graphic|scene)s?"
_KIND = r"(?:(?:brand[- ])?new|fresh|different|separate|nice|quick|simple|beautiful|cool|other)"
_SHOWING = r"(?:of|showing|with|depicting|where|that shows|about|in which there is)"
_PICTURE_OF = re.compile(
    rf"^(?:(?:a|an|the|some|one|another)\s+)?(?:{_KIND} )*{_NOUN}\s+{_SHOWING}\s+", re.IGNORECASE
)
_ENDS = re.compile(r"[\s,;:.!?]+$")

TEMPLATES: Mapping[str, str] = {
    "segment": "Do segmentation on {image}.",
    "depth": "Produce a depth map for {image}.",
    "pose": "Distinguish the poses of the figures in {image}.",
    "edge": "Get the edge-enhanced result for {image}.",
    "contour": "Make a contour picture from {image}.",
    "scribble": "Generate a scribble of {image}.",
    "doodle": "Turn {image} into a doodle.",
    "grayscale": "Transform {image} into a black and white one.",
    "mosaic": "Adapt {image} into a mosaic representation.",
    "demosaic": "Clear the mosaic from {image}.",
    "extract_background": "Keep only the background of {image}.",
}
"""Instructions of tasks that need no more than their picture."""

_IN = {"remove": "from", "remove_text": "from", "add": "to", "restore": "", "extract_foreground": "from"}


@cache
def _lead() -> re.Pattern[str]:
    """What may stand before the description of a new picture: "draw me", "text to image:"."""
    leads = "|".join(sorted(map(re.escape, wordset("leads")), key=len, reverse=True))
    return re.compile(
        rf"^(?:(?:{leads})\s+(?:(?:me|us|up|out|with)\s+)*)+(?=\S)"
        r"|^(?:text to image|(?:a )?new (?:picture|image))\s*[:,]\s*",
        re.IGNORECASE,
    )


def caption(tokens: Sequence[Token]) -> str:
    """What a request to draw something new asks to see: "draw me a picture of a red fox" -> "a red fox"."""
    text = _ENDS.sub("", spell(t for t in tokens if not t.has("IMG") or not t.has("PRON")))
    for _ in range(3):
        shorter = _PICTURE_OF.sub("", _lead().sub("", text))
        if shorter == text or not shorter:
            break
        text = shorter
    return text.strip().strip(",").strip()


def instruction(task: str, tokens: Sequence[Token], order: Mapping[str, int]) -> str:
    """One instruction for a step.

    Args:
        task: catalogue id.
        tokens: the clause.
        order: reference as the clause resolves it -> its place among the step's images.
    """
    row = TASKS[task]
    if row.max_images == 0:
        return caption(tokens)
    words: list[str] = []
    named = False
    for token in tokens:
        if token.has("IMG") and not token.has("MASK"):
            places = [order[r] for r in token.images if r in order]
            if not places:
                words.append(token.surface)
                continue
            named = True
            words.append(
                " and ".join("{image}" if p == 0 else f"{{image{p}}}" for p in dict.fromkeys(places))
            )
        else:
            words.append(spell([token]))
    text = _ENDS.sub("", re.sub(r" ([,.;:!?)])", r"\1", " ".join(words)).replace("- ", "-"))
    text = re.sub(r"^(?:to|and|with|then)\s+", "", text, flags=re.IGNORECASE) if task != "add" else text
    if not named and text:
        text = _place(task, text)
    if not text:
        return TEMPLATES.get(task, "Edit {image}.")
    return f"{text[:1].upper()}{text[1:]}."


def _place(task: str, text: str) -> str:
    if "{image}" in text:
        return text
    if TASKS[task].family == "reference" or task.endswith("_to_image"):
        return f"{{image}}, {text}"
    preposition = _IN.get(task, "in")
    return f"{text} {preposition} {{image}}" if preposition else f"{text}: {{image}}"


def known_nouns(text: str, vocabulary: frozenset[str]) -> tuple[str, ...]:
    """Words of an instruction that are things to draw, yet not in the image model's vocabulary."""
    if not vocabulary:
        return ()
    tags = phrase_tags()
    unknown = []
    for word in re.findall(r"[a-z]+(?:-[a-z]+)*", text.lower()):
        kinds = tags.get(word, frozenset())
        if kinds & {"ANIMAL", "THING", "GARMENT"} and word not in vocabulary:
            unknown.append(word)
    return tuple(dict.fromkeys(unknown))
