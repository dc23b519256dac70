"""The instruction of a step: the person's own words, without those that the image model does not need."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache

from ace_agent.plan.tasks import CATALOGUE
from ace_agent.planner.english.tables import wordset
from ace_agent.planner.english.tokens import Token, join_tokens

_NOUN = r"(?:image|picture|photo|photograph|shot|snapshot|illustration|artwork|visual|graphic|scene)s?"
_KIND = r"(?:(?:brand[- ])?new|fresh|different|separate|nice|quick|simple|beautiful|cool|other)"
_SHOWING = r"(?:of|showing|with|depicting|where|that shows|about|in which there is)"
_PICTURE_OF = re.compile(
    rf"^(?:(?:a|an|the|some|one|another)\s+)?(?:{_KIND} )*{_NOUN}\s+{_SHOWING}\s+", re.IGNORECASE
)
_ENDS = re.compile(r"(?<![\s,;:.!?])[\s,;:.!?]++$")

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
"""Instructions of tasks that need nothing but their picture."""

_IN = {"remove": "from", "remove_text": "from", "add": "to", "restore": "", "extract_foreground": "from"}


@cache
def _lead() -> re.Pattern[str]:
    """Matches what may stand before the description of a new picture: "draw me", "text to image:"."""
    leads = "|".join(sorted(map(re.escape, wordset("leads")), key=len, reverse=True))
    return re.compile(
        rf"^(?:(?:{leads})\s++(?:(?:me|us|up|out|with)\s++)*+)++(?=\S)"
        r"|^(?:text to image|(?:a )?new (?:picture|image))\s*[:,]\s*",
        re.IGNORECASE,
    )


def caption(tokens: Sequence[Token]) -> str:
    """The description in a request for a new picture: "a red fox" of "draw me a picture of a red fox"."""
    text = _ENDS.sub("", join_tokens(t for t in tokens if not t.has("IMG") or not t.has("PRON")))
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
        order: the place of each picture that the clause mentions among the step's images.
    """
    row = CATALOGUE[task]
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
            words.append(join_tokens([token]))
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
    if CATALOGUE[task].family == "reference" or task.endswith("_to_image"):
        return f"{{image}}, {text}"
    preposition = _IN.get(task, "in")
    return f"{text} {preposition} {{image}}" if preposition else f"{text}: {{image}}"


PHRASES: Mapping[str, str] = {
    **TEMPLATES,
    "degrade": "Lower the quality of {image}: {text}.",
    "segment_to_image": 'Following the segmentation {image}, develop a real-life image of "{text}".',
    "depth_to_image": 'Use the depth map {image} and the caption "{text}" to create an image.',
    "pose_to_image": 'Translate this posture {image} into a coloured image of "{text}".',
    "edge_to_image": 'Convert the edge map {image} into a picture of "{text}".',
    "contour_to_image": 'From the contour {image} create "{text}".',
    "scribble_to_image": '"{text}", generate the image that corresponds to the scribble {image}.',
    "doodle_to_image": 'Make the doodle {image} into "{text}".',
    "colorize": "Make {image} colourful: {text}.",
    "restore": "Restore {image}: {text}.",
    **dict.fromkeys(
        ("edit_color", "edit_texture", "edit_motion", "edit_scene", "edit_face", "edit_general", "replace"),
        "{text} in {image}.",
    ),
    "edit_style": "Change {image} to {text}.",
    "add": "Add {text} to {image}.",
    "remove": "Remove {text} from {image}.",
    "render_text": "Put the text {text} in {image}.",
    "remove_text": "Wipe the lettering from {image}: {text}.",
    "inpaint": 'Refashion the mask portion of {image} in accordance with "{text}".',
    "outpaint": "Widen {image}: {text}.",
    "extract_foreground": "Cut {text} out of {image}.",
    "fuse_layers": "Fuse {image} with {image1}: {text}.",
    "subject_reference": "{image}, the same subject: {text}.",
    "face_reference": "{image}, the same person: {text}.",
    "style_reference": "Edit {image} in the style of {image1}: {text}.",
    "try_on": "Change the cloth in {image} to the one in {image1}: {text}.",
    "face_swap": "Put the face of {image1} on the person in {image}: {text}.",
    "multi_control": 'Follow {image} and {image1}: "{text}".',
}
"""The instruction of each task around the words that a model wrote for it."""


_VERBS_OF_THEIR_OWN = frozenset(("add", "remove", "render_text", "extract_foreground", "edit_style"))
"""Tasks whose wording begins with a verb, which words that begin with one do not need."""
_VERB_FIRST = re.compile(
    r"(?:add|put|place|insert|give|remove|delete|erase|take|get|write|print|cut|change|turn|make|convert|redo|render"
    r"|paint|draw|let|transform)\b",
    re.IGNORECASE,
)
_PICTURE = re.compile(r"\b(?:it|this (?:picture|photo|image)|the (?:picture|photo|image))\b", re.IGNORECASE)


def phrase(task: str, text: str, images: int) -> str:
    """A model's words as an instruction: "Add small dog on the left to {image}." of "small dog on the left"."""
    text = text.strip().rstrip(".")
    if CATALOGUE[task].max_images == 0:
        return text
    if not text:
        return TEMPLATES.get(task, "Edit {image}.")
    if task == "style_reference" and images < 2:
        return f"{text} in the style of {{image}}."
    if task in _VERBS_OF_THEIR_OWN and _VERB_FIRST.match(text):
        whole = _PICTURE.sub("{image}", f"{text[:1].upper()}{text[1:]}", count=1)
        return f"{whole}." if "{image}" in whole else f"{whole} in {{image}}."
    form = PHRASES.get(task, "{text}: {image}.")
    if "{text}" not in form:
        form = f"{form[:-1]}: {{text}}."
    words = form.replace("{text}", text)
    words = re.sub(r"\{image(\d)\}", lambda m: m[0] if int(m[1]) < images else "it", words)
    return words[:1].upper() + words[1:]
