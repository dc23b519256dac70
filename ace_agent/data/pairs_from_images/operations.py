"""The operations of synthesis: pairs that can be made of one image.

Operators and wordings are shared with the scene world, so that pairs from photographs and from scenes make the same
requests in the same words.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

from ace_agent.data import masks
from ace_agent.data.errors import Unfit
from ace_agent.data.flaws import FLAWS
from ace_agent.data.sample import TrainingTurn
from ace_agent.data.scenes.edits.elements import WORDS
from ace_agent.data.scenes.edits.global_edits import ADJUST_PHRASES, STYLE_PHRASES
from ace_agent.data.scenes.wordings import compose
from ace_agent.data.shards import make_turn
from ace_agent.images import filters, operators
from ace_agent.images.annotated_image import ANALYSES, AnnotatedImage, MissingAnnotation
from ace_agent.images.compositing import blank_out, changed_mask, composite
from ace_agent.images.types import Pixels
from ace_agent.references.lettering import INKS, typeset
from ace_agent.references.types import Frame

Need = Literal["caption", "depth", "segment", "pose"]

_MASKED = 0.15  # share of analyses and filters that are masked, as in the scene world
_MOSAIC = (8,)  # sides of a mosaic's tiles in a scene, in pixels
_LEAST_CHANGE = 0.003  # share of pixels below which a pair shows no change


@dataclass(frozen=True)
class Operation:
    """A way to make a pair.

    Args:
        task: of the catalogue.
        make: makes the pair; raises Unfit or MissingAnnotation if the image is unsuitable.
        needs: annotations that it cannot do without.
        weight: relative frequency.
    """

    task: str
    make: Callable[[AnnotatedImage, random.Random], TrainingTurn]
    needs: frozenset[Need] = frozenset()
    weight: float = 1.0


# ---- analysis: the image in, a map out


def _scale(image: AnnotatedImage) -> float:
    """The image's size in scenes of 128 pixels."""
    return min(image.width, image.height) / 128


def _mosaic(image: AnnotatedImage, rng: random.Random, sides: tuple[int, ...]) -> Pixels:
    """A mosaic whose tiles are as large, relative to the image, as tiles of one of ``sides`` in a scene."""
    block = max(2, rng.choice(sides) * min(image.width, image.height) // 128)
    return operators.mosaic(image.pixels, block)


def _analysis(task: str) -> Callable[[AnnotatedImage, random.Random], TrainingTurn]:
    def make(image: AnnotatedImage, rng: random.Random) -> TrainingTurn:
        drawn = _mosaic(image, rng, _MOSAIC) if task == "mosaic" else ANALYSES[task](image)
        return _edited(image, rng, task, task, {}, drawn, exact=True)

    return make


def _edited(
    image: AnnotatedImage,
    rng: random.Random,
    task: str,
    kind: str,
    slots: dict[str, str],
    answer: Pixels,
    *,
    exact: bool,
    before: Pixels | None = None,
    mask_at: float = _MASKED,
) -> TrainingTurn:
    """A turn on the whole image, or sometimes only within a mask."""
    source = image.pixels if before is None else before
    mask = None
    if rng.random() < mask_at:
        mask = masks.hole(rng, image.width, image.height)
        answer = composite(mask, answer, source)
    instruction = compose(rng, "train", kind, slots, masked=mask is not None)
    return make_turn(task, instruction, (Frame(source, mask),), answer, 0, {"exact": exact})


# ---- degradation and repair

# Haze comes last because it may lack a depth. Seeds depend on the order: another would give other pairs.
_FLAWS = [*(name for name in FLAWS if name != "haze"), "haze"]


def _flaw(image: AnnotatedImage, rng: random.Random) -> tuple[str, str, Pixels]:
    """A random flaw: its name, a word for it, and the degraded image."""
    names = list(_FLAWS)
    while True:
        name = rng.choice(names)
        try:
            return name, rng.choice(FLAWS[name].words), FLAWS[name].degrade(image, rng, _scale(image))
        except MissingAnnotation:
            names.remove(name)


def _degrade(image: AnnotatedImage, rng: random.Random) -> TrainingTurn:
    name, word, degraded = _flaw(image, rng)
    if name == "low resolution" and rng.random() < 0.6:
        return _edited(image, rng, "degrade", "degrade", {}, degraded, exact=False)
    return _edited(image, rng, "degrade", "degrade_kind", {"flaw": word}, degraded, exact=FLAWS[name].exact)


def _restore(image: AnnotatedImage, rng: random.Random) -> TrainingTurn:
    _, word, degraded = _flaw(image, rng)
    return _repaired(image, rng, "restore", {"flaw": word}, degraded)


def _demosaic(image: AnnotatedImage, rng: random.Random) -> TrainingTurn:
    return _repaired(image, rng, "demosaic", {}, _mosaic(image, rng, (4, 6, 8)))


def _repaired(
    image: AnnotatedImage, rng: random.Random, task: str, slots: dict[str, str], degraded: Pixels
) -> TrainingTurn:
    mask = None
    if rng.random() < 0.25:
        mask = masks.hole(rng, image.width, image.height)
        degraded = composite(mask, degraded, image.pixels)
    said = mask is not None and rng.random() < 0.7
    instruction = compose(rng, "train", task, slots, masked=said)
    return make_turn(task, instruction, (Frame(degraded, mask),), image.pixels, 0, {"exact": True})


# ---- controllable generation: a map and a caption in, the picture out

_CONTROL_NAMES = {
    "edge": "edge map", "contour": "contour", "scribble": "scribble", "doodle": "doodle",
    "depth": "depth map", "segment": "segmentation", "pose": "pose",
}  # fmt: skip
_COLORIZE = (
    "colorize {image}", "Colorize {image}.", "give {image} its colors", "Color {image}, please.",
    "please color {image}", "add color to {image}", "Make {image} a color picture.",
    "bring the colors of {image} back", "turn this black and white photo {image} into a color one",
)  # fmt: skip


def _inverse(control: str) -> Callable[[AnnotatedImage, random.Random], TrainingTurn]:
    task = f"{control}_to_image"

    def make(image: AnnotatedImage, rng: random.Random) -> TrainingTurn:
        shown = ANALYSES[control](image)
        instruction = compose(rng, "train", task, {"caption": image.caption})
        return make_turn(task, instruction, (Frame(shown),), image.pixels, 0, {"exact": False})

    return make


def _colorize(image: AnnotatedImage, rng: random.Random) -> TrainingTurn:
    shown = operators.grayscale(image.pixels)
    try:
        instruction = compose(rng, "train", "colorize", {"caption": image.caption})
    except MissingAnnotation:
        instruction = rng.choice(_COLORIZE)
    return make_turn("colorize", instruction, (Frame(shown),), image.pixels, 0, {"exact": False})


def _multi_control(image: AnnotatedImage, rng: random.Random) -> TrainingTurn:
    names = list(_CONTROL_NAMES)
    rng.shuffle(names)
    shown: dict[str, Pixels] = {}
    for name in names:
        try:
            shown[name] = ANALYSES[name](image)
        except MissingAnnotation:
            continue
        if len(shown) == 2:
            break
    if len(shown) < 2:
        raise Unfit("one control only")
    first, second = shown
    slots = {"kind1": _CONTROL_NAMES[second], "kind": _CONTROL_NAMES[first], "caption": image.caption}
    instruction = compose(rng, "train", "multi_control", slots)
    frames = tuple(Frame(pixels) for pixels in shown.values())
    return make_turn("multi_control", instruction, frames, image.pixels, None, {"exact": False})


def _from_words(image: AnnotatedImage, rng: random.Random) -> TrainingTurn:
    instruction = compose(rng, "train", "text_to_image", {"caption": image.caption})
    return make_turn("text_to_image", instruction, (), image.pixels, None, {"exact": False})


# ---- editing


def _style(image: AnnotatedImage, rng: random.Random) -> TrainingTurn:
    name = rng.choice([name for name in filters.FILTERS if name in STYLE_PHRASES])
    slots = {"style": rng.choice(STYLE_PHRASES[name])}
    answer = filters.FILTERS[name](image.pixels)
    return _edited(image, rng, "edit_style", "edit_style", slots, answer, exact=True)


def _adjust(image: AnnotatedImage, rng: random.Random) -> TrainingTurn:
    name = rng.choice(list(ADJUST_PHRASES))
    slots = {"how": rng.choice(ADJUST_PHRASES[name])}
    answer = filters.ADJUSTMENTS[name](image.pixels)
    # Mirrored or turned over, a masked part would show another part of the image.
    mask_at = 0.0 if name in ("mirrored", "upside down") else _MASKED
    return _edited(image, rng, "edit_general", "general_adjust", slots, answer, exact=True, mask_at=mask_at)


def _with_lettering(image: AnnotatedImage, rng: random.Random) -> tuple[Pixels, dict[str, str]]:
    """The image with lettering, and the slots that describe it."""
    words = rng.choice(WORDS["train"]).upper()
    where, line = rng.choice((("top", 0.13), ("bottom", 0.87), ("center", 0.5)))
    ink = rng.choice(INKS)
    canvas = Image.fromarray(image.pixels)
    plate = typeset(words, ink, min(canvas.size))
    left, top = (canvas.width - plate.width) // 2, round(line * canvas.height - plate.height / 2)
    canvas.paste(plate, (left, top), plate)
    return np.asarray(canvas), {"words": words, "where": where, "color": ink}


def _write(image: AnnotatedImage, rng: random.Random) -> TrainingTurn:
    answer, slots = _with_lettering(image, rng)
    if rng.random() < 0.3:
        slots["words"] = slots["words"].lower()
    return _local(image, rng, "render_text", "render_text_color", slots, image.pixels, answer, exact=False)


def _unwrite(image: AnnotatedImage, rng: random.Random) -> TrainingTurn:
    shown, slots = _with_lettering(image, rng)
    return _local(image, rng, "remove_text", "remove_text", slots, shown, image.pixels, exact=True)


def _local(
    image: AnnotatedImage,
    rng: random.Random,
    task: str,
    kind: str,
    slots: dict[str, str],
    before: Pixels,
    after: Pixels,
    *,
    exact: bool,
) -> TrainingTurn:
    """An edit of one place, half of the time with a mask around it."""
    mask = None
    if rng.random() < 0.5:
        mask = masks.around(rng, changed_mask(before, after))
    instruction = compose(rng, "train", kind, slots, masked=mask is not None and rng.random() < 0.5)
    return make_turn(task, instruction, (Frame(before, mask),), after, 0, {"exact": exact})


# ---- repainting and layers


def _inpaint(image: AnnotatedImage, rng: random.Random) -> TrainingTurn:
    mask = masks.hole(rng, image.width, image.height)
    try:
        kind, slots = "inpaint_caption", {"caption": image.caption}
    except MissingAnnotation:
        kind, slots = "inpaint", {}
    if slots and rng.random() < 0.3:
        kind = "inpaint"
    instruction = compose(rng, "train", kind, slots)
    frame = Frame(blank_out(image.pixels, mask), mask)
    return make_turn("inpaint", instruction, (frame,), image.pixels, 0, {"exact": False})


def _outpaint(image: AnnotatedImage, rng: random.Random) -> TrainingTurn:
    """A part of the image on the whole canvas; the rest is to be painted."""
    mask = np.full((image.height, image.width), 255, np.uint8)
    ends = []
    for side in (image.height, image.width):
        kept = rng.uniform(0.5, 0.8) if rng.random() < 0.8 else 1.0
        start = rng.uniform(0, 1 - kept)
        ends.append((round(start * side), round((start + kept) * side)))
    (top, bottom), (left, right) = ends
    if bottom - top == image.height and right - left == image.width:
        left, right = round(0.2 * image.width), round(0.8 * image.width)
    mask[top:bottom, left:right] = 0
    instruction = compose(rng, "train", "outpaint", {})
    frame = Frame(blank_out(image.pixels, mask), mask)
    return make_turn("outpaint", instruction, (frame,), image.pixels, 0, {"exact": False})


def _extract(image: AnnotatedImage, rng: random.Random) -> TrainingTurn:
    things = [segment for segment in image.segments if segment.thing]
    names = [thing.name for thing in things]
    alone = [thing for thing in things if names.count(thing.name) == 1 and (thing.mask > 127).mean() > 0.02]
    if not alone:
        raise Unfit("no thing of its own kind")
    thing = rng.choice(alone)
    answer = composite(thing.mask, image.pixels, np.full_like(image.pixels, 255))
    slots = {"the": f"the {thing.name}"}
    instruction = compose(rng, "train", "extract_foreground", slots)
    return make_turn("extract_foreground", instruction, (Frame(image.pixels),), answer, 0, {"exact": True})


_CAPTION: frozenset[Need] = frozenset(("caption",))


def _needing(*needs: Need) -> frozenset[Need]:
    return frozenset(needs)


OPERATIONS: tuple[Operation, ...] = (
    *(Operation(task, _analysis(task)) for task in
      ("edge", "contour", "scribble", "doodle", "grayscale", "mosaic")),
    Operation("degrade", _degrade),
    Operation("colorize", _colorize, weight=1.2),
    Operation("demosaic", _demosaic),
    Operation("restore", _restore, weight=1.5),
    Operation("edit_style", _style, weight=2.0),
    Operation("edit_general", _adjust, weight=2.0),
    Operation("render_text", _write, weight=1.5),
    Operation("remove_text", _unwrite, weight=1.5),
    Operation("inpaint", _inpaint, weight=2.0),
    Operation("outpaint", _outpaint, weight=1.5),
    Operation("text_to_image", _from_words, _CAPTION, weight=3.0),
    *(Operation(f"{control}_to_image", _inverse(control), _CAPTION) for control in
      ("edge", "contour", "scribble", "doodle")),
    Operation("multi_control", _multi_control, _CAPTION),
    Operation("depth", _analysis("depth"), _needing("depth")),
    Operation("depth_to_image", _inverse("depth"), _needing("depth", "caption")),
    Operation("segment", _analysis("segment"), _needing("segment")),
    Operation("segment_to_image", _inverse("segment"), _needing("segment", "caption")),
    Operation("extract_foreground", _extract, _needing("segment")),
    Operation("pose", _analysis("pose"), _needing("pose")),
    Operation("pose_to_image", _inverse("pose"), _needing("pose", "caption")),
)  # fmt: skip


def changes(turn: TrainingTurn) -> bool:
    """Whether a turn's target differs visibly from its base."""
    return turn.region is None or float((turn.region > 0).mean()) >= _LEAST_CHANGE
