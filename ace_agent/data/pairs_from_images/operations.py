"""Synthesis: what can be made of one picture, one row an operation.

Operators and wordings are the scene world's, so that pairs from photographs and from scenes ask for the same
things in the same words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image

from ace_agent.data.errors import Unfit
from ace_agent.data.pairs_from_images.annotated_image import Subject, outlines
from ace_agent.data.sample import TrainingTurn
from ace_agent.data.scenes import masks
from ace_agent.data.scenes.edits.elements import WORDS
from ace_agent.data.scenes.edits.whole import ADJUST_PHRASES, STYLE_PHRASES
from ace_agent.data.scenes.wordings import compose
from ace_agent.data.shards import make_turn
from ace_agent.images import operators
from ace_agent.images.types import Pixels
from ace_agent.references.lettering import INKS, typeset
from ace_agent.references.types import Frame

Need = Literal["caption", "depth", "segment", "pose"]

_MASKED = 0.15  # share of analyses and filters that happen within a mask, as in the scene world
_LEAST_CHANGE = 0.003  # share of pixels; less is no edit


@dataclass(frozen=True)
class Operation:
    """A way to make a pair.

    Args:
        task: of the catalogue.
        make: the pair of a picture; raises Unfit where the picture does not lend itself.
        needs: what must be known of the picture.
        weight: how often it is drawn, against the others.
    """

    task: str
    make: Callable[[Subject], TrainingTurn]
    needs: frozenset[Need] = frozenset()
    weight: float = 1.0


# ---- analysis: the picture in, a map out


def _block(subject: Subject, coarse: tuple[int, ...]) -> int:
    """Tiles as large, against the picture, as the scene world's at 128 px."""
    return max(2, subject.rng.choice(coarse) * min(subject.width, subject.height) // 128)


def _shown(subject: Subject) -> dict[str, Callable[[], Pixels]]:
    return {
        "edge": lambda: operators.edges(subject.pixels),
        "contour": lambda: outlines(_parts(subject)),
        "scribble": lambda: operators.scribble(_parts(subject)),
        "doodle": lambda: operators.doodle(subject.pixels),
        "grayscale": lambda: operators.grayscale(subject.pixels),
        "mosaic": lambda: operators.mosaic(subject.pixels, _block(subject, (8,))),
        "depth": lambda: operators.to_rgb(subject.depth),
        "segment": lambda: painted(subject),
        "pose": lambda: subject.pose,
    }


def _parts(subject: Subject) -> list[Pixels]:
    """Shapes of things where a model tells them, of tones where none does."""
    try:
        return [segment.mask for segment in subject.segments]
    except Unfit:
        return subject.shapes


def painted(subject: Subject) -> Pixels:
    """Every segment in one flat colour, uint8 [H, W, 3]. Hues are as far apart as their number allows."""
    drawn = np.zeros_like(subject.pixels)
    for k, segment in enumerate(subject.segments):
        hue, light = k * 0.618034 % 1, (255, 200, 150)[k % 3]
        flat = Image.new("HSV", (1, 1), (int(hue * 255), 190, light)).convert("RGB")
        drawn[segment.mask > 127] = np.asarray(flat)[0, 0]
    return drawn


def _analysis(task: str) -> Callable[[Subject], TrainingTurn]:
    def make(subject: Subject) -> TrainingTurn:
        return _edited(subject, task, task, {}, _shown(subject)[task](), exact=True)

    return make


def _edited(
    subject: Subject,
    task: str,
    kind: str,
    slots: dict[str, str],
    answer: Pixels,
    *,
    exact: bool,
    before: Pixels | None = None,
    mask_at: float = _MASKED,
) -> TrainingTurn:
    """A turn on the whole picture, or now and then only within a mask."""
    shown = subject.pixels if before is None else before
    mask = None
    if subject.rng.random() < mask_at:
        mask = subject.hole()
        answer = masks.composite(mask, answer, shown)
    instruction = compose(subject.rng, "train", kind, slots, masked=mask is not None)
    return make_turn(task, instruction, (Frame(shown, mask),), answer, 0, {"exact": exact})


# ---- spoiling and mending

_FLAWS: dict[str, tuple[tuple[str, ...], Callable[[Subject], Pixels], bool]] = {
    # words, operator, whether the same request gives the same answer
    "blur": (("blur",), lambda s: operators.blur(s.pixels, s.rng.uniform(1.6, 2.6) * _scale(s)), True),
    "noise": (
        ("noise", "grain"), lambda s: operators.noise(s.pixels, s.rng.getrandbits(32), 26), False,
    ),
    "low resolution": (("low resolution",), lambda s: operators.lower_resolution(s.pixels, 4), True),
    "darkness": (("darkness",), lambda s: operators.darken(s.pixels), True),
    "rain": (
        ("rain", "rain streaks"), lambda s: operators.fallen(s.pixels, "rain", s.rng.getrandbits(16)), False,
    ),
    "snow": (
        ("snowflakes",), lambda s: operators.fallen(s.pixels, "snow", s.rng.getrandbits(16)), False,
    ),
    "haze": (("haze", "mist"), lambda s: operators.haze(s.pixels, s.depth), True),
}  # fmt: skip


def _scale(subject: Subject) -> float:
    return min(subject.width, subject.height) / 128


def _flaw(subject: Subject) -> tuple[str, str, Pixels, bool]:
    """A way to spoil the picture: its name, a word for it, the spoilt picture, whether it is exact."""
    names = list(_FLAWS)
    while True:
        name = subject.rng.choice(names)
        words, spoil, exact = _FLAWS[name]
        try:
            return name, subject.rng.choice(words), spoil(subject), exact
        except Unfit:  # haze, when nobody knows the depth
            names.remove(name)


def _degrade(subject: Subject) -> TrainingTurn:
    name, word, spoilt, exact = _flaw(subject)
    if name == "low resolution" and subject.rng.random() < 0.6:
        return _edited(subject, "degrade", "degrade", {}, spoilt, exact=False)
    return _edited(subject, "degrade", "degrade_kind", {"flaw": word}, spoilt, exact=exact)


def _restore(subject: Subject) -> TrainingTurn:
    _, word, spoilt, _ = _flaw(subject)
    return _mended(subject, "restore", {"flaw": word}, spoilt)


def _demosaic(subject: Subject) -> TrainingTurn:
    return _mended(subject, "demosaic", {}, operators.mosaic(subject.pixels, _block(subject, (4, 6, 8))))


def _mended(subject: Subject, task: str, slots: dict[str, str], spoilt: Pixels) -> TrainingTurn:
    mask = None
    if subject.rng.random() < 0.25:
        mask = subject.hole()
        spoilt = masks.composite(mask, spoilt, subject.pixels)
    said = mask is not None and subject.rng.random() < 0.7
    instruction = compose(subject.rng, "train", task, slots, masked=said)
    return make_turn(task, instruction, (Frame(spoilt, mask),), subject.pixels, 0, {"exact": True})


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


def _inverse(control: str) -> Callable[[Subject], TrainingTurn]:
    task = f"{control}_to_image"

    def make(subject: Subject) -> TrainingTurn:
        shown = _shown(subject)[control]()
        instruction = compose(subject.rng, "train", task, {"caption": subject.caption})
        return make_turn(task, instruction, (Frame(shown),), subject.pixels, 0, {"exact": False})

    return make


def _colorize(subject: Subject) -> TrainingTurn:
    shown = operators.grayscale(subject.pixels)
    try:
        instruction = compose(subject.rng, "train", "colorize", {"caption": subject.caption})
    except Unfit:
        instruction = subject.rng.choice(_COLORIZE)
    return make_turn("colorize", instruction, (Frame(shown),), subject.pixels, 0, {"exact": False})


def _multi_control(subject: Subject) -> TrainingTurn:
    names = list(_CONTROL_NAMES)
    subject.rng.shuffle(names)
    shown: dict[str, Pixels] = {}
    for name in names:
        try:
            shown[name] = _shown(subject)[name]()
        except Unfit:
            continue
        if len(shown) == 2:
            break
    if len(shown) < 2:
        raise Unfit("one control only")
    first, second = shown
    slots = {"kind1": _CONTROL_NAMES[second], "kind": _CONTROL_NAMES[first], "caption": subject.caption}
    instruction = compose(subject.rng, "train", "multi_control", slots)
    frames = tuple(Frame(pixels) for pixels in shown.values())
    return make_turn("multi_control", instruction, frames, subject.pixels, None, {"exact": False})


def _from_words(subject: Subject) -> TrainingTurn:
    instruction = compose(subject.rng, "train", "text_to_image", {"caption": subject.caption})
    return make_turn("text_to_image", instruction, (), subject.pixels, None, {"exact": False})


# ---- editing


def _style(subject: Subject) -> TrainingTurn:
    name = subject.rng.choice([name for name in operators.FILTERS if name in STYLE_PHRASES])
    slots = {"style": subject.rng.choice(STYLE_PHRASES[name])}
    answer = operators.FILTERS[name](subject.pixels)
    return _edited(subject, "edit_style", "edit_style", slots, answer, exact=True)


def _adjust(subject: Subject) -> TrainingTurn:
    name = subject.rng.choice(list(ADJUST_PHRASES))
    slots = {"how": subject.rng.choice(ADJUST_PHRASES[name])}
    answer = operators.ADJUSTMENTS[name](subject.pixels)
    # A mirrored or upturned part would show another part of the picture.
    mask_at = 0.0 if name in ("mirrored", "upside down") else _MASKED
    return _edited(subject, "edit_general", "general_adjust", slots, answer, exact=True, mask_at=mask_at)


def _lettered(subject: Subject) -> tuple[Pixels, dict[str, str]]:
    """The picture with words on it, and how they are spoken of."""
    rng = subject.rng
    words = rng.choice(WORDS["train"]).upper()
    where, line = rng.choice((("top", 0.13), ("bottom", 0.87), ("center", 0.5)))
    ink = rng.choice(INKS)
    image = Image.fromarray(subject.pixels)
    plate = typeset(words, ink, min(image.size))
    image.paste(
        plate, ((image.width - plate.width) // 2, round(line * image.height - plate.height / 2)), plate
    )
    return np.asarray(image), {"words": words, "where": where, "color": ink}


def _write(subject: Subject) -> TrainingTurn:
    answer, slots = _lettered(subject)
    if subject.rng.random() < 0.3:
        slots["words"] = slots["words"].lower()
    return _local(subject, "render_text", "render_text_color", slots, subject.pixels, answer, exact=False)


def _unwrite(subject: Subject) -> TrainingTurn:
    shown, slots = _lettered(subject)
    return _local(subject, "remove_text", "remove_text", slots, shown, subject.pixels, exact=True)


def _local(
    subject: Subject,
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
    if subject.rng.random() < 0.5:
        mask = masks.around(subject.rng, masks.difference(before, after))
    instruction = compose(
        subject.rng, "train", kind, slots, masked=mask is not None and subject.rng.random() < 0.5
    )
    return make_turn(task, instruction, (Frame(before, mask),), after, 0, {"exact": exact})


# ---- repainting and layers


def _inpaint(subject: Subject) -> TrainingTurn:
    mask = subject.hole()
    try:
        kind, slots = "inpaint_caption", {"caption": subject.caption}
    except Unfit:
        kind, slots = "inpaint", {}
    if slots and subject.rng.random() < 0.3:
        kind = "inpaint"
    instruction = compose(subject.rng, "train", kind, slots)
    frame = Frame(subject.hidden(mask), mask)
    return make_turn("inpaint", instruction, (frame,), subject.pixels, 0, {"exact": False})


def _outpaint(subject: Subject) -> TrainingTurn:
    """A part of the picture on a larger canvas: what was cropped away is the answer."""
    rng = subject.rng
    mask = np.full((subject.height, subject.width), 255, np.uint8)
    ends = []
    for side in (subject.height, subject.width):
        kept = rng.uniform(0.5, 0.8) if rng.random() < 0.8 else 1.0
        start = rng.uniform(0, 1 - kept)
        ends.append((round(start * side), round((start + kept) * side)))
    (top, bottom), (left, right) = ends
    if bottom - top == subject.height and right - left == subject.width:
        left, right = round(0.2 * subject.width), round(0.8 * subject.width)
    mask[top:bottom, left:right] = 0
    instruction = compose(rng, "train", "outpaint", {})
    frame = Frame(subject.hidden(mask), mask)
    return make_turn("outpaint", instruction, (frame,), subject.pixels, 0, {"exact": False})


def _extract(subject: Subject) -> TrainingTurn:
    things = [segment for segment in subject.segments if segment.thing]
    names = [thing.name for thing in things]
    alone = [thing for thing in things if names.count(thing.name) == 1 and (thing.mask > 127).mean() > 0.02]
    if not alone:
        raise Unfit("no thing of its own kind")
    thing = subject.rng.choice(alone)
    answer = masks.composite(thing.mask, subject.pixels, np.full_like(subject.pixels, 255))
    slots = {"the": f"the {thing.name}"}
    instruction = compose(subject.rng, "train", "extract_foreground", slots)
    return make_turn("extract_foreground", instruction, (Frame(subject.pixels),), answer, 0, {"exact": True})


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
    """Whether a turn asks for something: its answer differs from its base picture."""
    return turn.region is None or float((turn.region > 0).mean()) >= _LEAST_CHANGE
