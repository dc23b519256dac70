"""Things of photographs as layers: one picture's thing put into another, a thing moved, turned or resized."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageChops, ImageFilter, ImageOps

from ace_agent.engines.experts.expert import Expert, ExpertCall
from ace_agent.engines.experts.fill import fill
from ace_agent.engines.experts.local import grown
from ace_agent.engines.experts.regions import find_region
from ace_agent.errors import InputError
from ace_agent.images.geometry import Box

if TYPE_CHECKING:
    import numpy.typing as npt

_TALLEST = 0.6
"""Height of a pasted thing, of the base picture's height, where the words say nothing."""
_STEP = 0.18
"""How far "to the left" moves a thing, of the picture's side."""
_SIDES = re.compile(
    r"\b(?:left|right|top|bottom|up|down|middle|cent(?:er|re)|corner|background|front|foreground)\b"
)
_GROWN = (
    (
        re.compile(r"\b(?:much|far|way|twice|double) (?:as )?(?:bigger|larger|taller|big|large)\b|\bhuge\b"),
        2.0,
    ),
    (re.compile(r"\b(?:bigger|larger|taller|grow|enlarge|wider)\b"), 1.4),
    (re.compile(r"\b(?:half (?:as big|the size|as large)|much smaller|tiny)\b"), 0.5),
    (re.compile(r"\b(?:smaller|shorter|shrink|little)\b"), 0.7),
)
_MIRRORED = re.compile(
    r"\b(?:turn (?:\w+ ){0,3}around|face the other|facing the other|other way|mirror|flip)\b"
)
_MOVED = re.compile(
    r"(?:move|shift|slide|push|pull|make|turn|flip|mirror|rotate|shrink|enlarge|grow|place|put)\s+(?P<thing>.+?)"
    r"(?:\s+(?:to|towards?|a|further|much|twice|half|bigger|larger|smaller|taller|shorter|up|down|left|right|around|over"
    r"|face|facing|in|into|onto|on|as|double)\b.*)?$",
    re.IGNORECASE | re.DOTALL,
)
_PUT = re.compile(
    r"(?:fuse\s+(?:\{image\d?\}\s*(?:with|and)\s*)+:?\s*|put|place|add|paste|insert|combine|copy|set)?\s*"
    r"(?P<thing>(?:the|a|an|my|his|her|this|that|our)\s+.+?)"
    r"(?:\s+(?:of|from|in|on|into|onto|to|next|beside|behind|with|at|over|under|between)\b.*)?$",
    re.IGNORECASE | re.DOTALL,
)
_IMAGE = re.compile(r"\{image\d?\}")


class Layers(Expert):
    """Cut-outs of photographs put somewhere else. Light and shade are not painted anew."""

    name = "layers"
    licence = "Apache-2.0 (weights), MIT (PatchMatch)"
    megabytes = 8.3
    tasks = frozenset({"fuse_layers", "edit_motion"})

    def refusal(self, call: ExpertCall) -> str | None:
        """See `Expert.refusal`."""
        words = call.instruction.lower()
        if call.task == "fuse_layers" and len(call.images) < 2:
            return "it needs the picture to put things into, and theirs"
        if call.task == "edit_motion" and not (
            _SIDES.search(words) or _factor(words) or _MIRRORED.search(words)
        ):
            return "it moves a thing to a side, resizes it or mirrors it, and bends nothing"
        return super().refusal(call)

    def run(self, call: ExpertCall) -> tuple[Image.Image, npt.NDArray[np.float32] | None]:
        """See `Expert.run`."""
        return _fused(call) if call.task == "fuse_layers" else _moved(call)


def _fused(call: ExpertCall) -> tuple[Image.Image, npt.NDArray[np.float32]]:
    """The subject of every later picture, or the thing that the words name there, pasted into the first."""
    base = call.images[0]
    result, changed = base.convert("RGB"), Image.new("L", base.size)
    words = _IMAGE.sub(" ", call.instruction)
    named = " ".join(words.partition(":")[2].split()).strip(" .,")
    found = _PUT.search(" ".join(words.split()).strip(" .:,"))
    thing = named or (found["thing"] if found is not None else "")
    for number, other in enumerate(call.images[1:]):
        cut = _cut_out(other, thing if len(call.images) == 2 else "", call)
        box = _place(cut.size, base.size, words.lower(), number, len(call.images) - 1)
        size = (box[2] - box[0], box[3] - box[1])
        layer = cut.resize(size, Image.Resampling.LANCZOS)
        layer = Image.merge("RGBA", (*_in_light_of(layer, result.crop(box)).split(), layer.getchannel("A")))
        result.paste(layer, box[:2], layer.getchannel("A"))
        changed.paste(layer.getchannel("A"), box[:2])
    if base.mode == "RGBA":
        result.putalpha(ImageChops.lighter(base.getchannel("A"), changed))
    return result, (np.asarray(changed) / 255).astype(np.float32)


def _cut_out(image: Image.Image, thing: str, call: ExpertCall) -> Image.Image:
    """The thing, or the subject where it is not found, cut out and cropped to its outline, RGBA."""
    if image.mode == "RGBA" and np.asarray(image.getchannel("A")).min() < 128:
        matte = image.getchannel("A")  # it is cut out already
    else:
        try:
            region = find_region(image, thing) if thing else find_region(image, "the subject")
        except InputError:
            region = find_region(image, "the subject")
            call.notes.append(f"no {thing.split(' ', 1)[-1]} was found there: the subject was taken")
        matte = region.mask
    solid = matte.point(lambda value: 255 if value > 100 else 0).getbbox()
    if solid is None:
        raise InputError(
            "nothing stands out in the other picture", "cut it out first, or mark it with a mask"
        )
    cut = image.convert("RGBA")
    cut.putalpha(matte.filter(ImageFilter.GaussianBlur(0.7)))
    return cut.crop(solid)


def _place(size: tuple[int, int], base: tuple[int, int], words: str, number: int, count: int) -> Box:
    """Where a cut-out goes: to the side that the words name, else beside the others on the ground."""
    share = 0.3 if re.search(r"\b(?:small|little|tiny|background|far|distance|sky)\b", words) else _TALLEST
    share = 0.85 if re.search(r"\b(?:big|large|huge|front|foreground)\b", words) else share
    scale = min(share * base[1] / size[1], 0.8 * base[0] / size[0] / count)
    width, height = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    middle = base[0] * (number + 1) / (count + 1)
    if re.search(r"\bleft\b", words):
        middle = base[0] * 0.05 + width / 2
    elif re.search(r"\bright\b", words):
        middle = base[0] * 0.95 - width / 2
    top = base[1] - height
    if re.search(r"\b(?:top|sky|above|up)\b", words):
        top = round(base[1] * 0.05)
    elif re.search(r"\b(?:middle|cent(?:er|re)|background)\b", words):
        top = (base[1] - height) // 2
    left = min(max(0, round(middle - width / 2)), base[0] - width)
    return left, max(0, top), left + width, max(0, top) + height


def _in_light_of(layer: Image.Image, behind: Image.Image) -> Image.Image:
    """The layer's colours, RGB, a third of the way to the lightness and warmth of what is behind it."""
    alpha = np.asarray(layer.getchannel("A"), np.float32)[..., None] / 255
    pixels = np.asarray(layer.convert("RGB"), np.float32)
    own = (pixels * alpha).sum((0, 1)) / max(float(alpha.sum()), 1)
    there = np.asarray(behind.convert("RGB"), np.float32).mean((0, 1))
    gain = np.clip((there + 30) / (own + 30), 0.6, 1.6) ** 0.33
    return Image.fromarray(np.clip(pixels * gain, 0, 255).astype(np.uint8))


def _moved(call: ExpertCall) -> tuple[Image.Image, npt.NDArray[np.float32]]:
    """A thing taken out, its place filled, and put back moved, resized or mirrored."""
    image = call.images[0]
    words = _IMAGE.sub("", call.instruction)
    words = re.sub(r"\s+\b(?:in|of|from)\s*(?=[.\s]*$)", "", words).strip(" .")
    found = _MOVED.search(words)
    others = None
    if call.mask is not None:
        matte = call.mask.convert("L")
    else:
        region = find_region(image, found["thing"] if found is not None else "the subject")
        matte, others = region.mask, region.others
    box = matte.point(lambda value: 255 if value > 100 else 0).getbbox()
    if box is None:
        raise InputError("there is nothing to move", "name a thing that is in the picture")
    if (box[2] - box[0]) * (box[3] - box[1]) > 0.85 * image.width * image.height:
        raise InputError(
            "it fills nearly all of the picture, so there is nowhere to move it", "crop or widen instead"
        )
    cut = image.convert("RGBA")
    cut.putalpha(matte)
    cut = cut.crop(box)
    hole = grown(matte)
    empty = fill(image.convert("RGB"), hole, call.seed, others)
    lower = words.lower()
    factor = _factor(lower) or 1.0
    if _MIRRORED.search(lower):
        cut = ImageOps.mirror(cut)
    size = (max(1, round(cut.width * factor)), max(1, round(cut.height * factor)))
    cut = cut.resize(size, Image.Resampling.LANCZOS)
    left, top = _new_corner(lower, box, size, image.size)
    layer = Image.new("RGBA", image.size)
    layer.paste(cut, (left, top))
    result = Image.composite(layer.convert("RGB"), empty, layer.getchannel("A"))
    changed = ImageChops.lighter(hole, layer.getchannel("A"))
    if image.mode == "RGBA":
        result.putalpha(image.getchannel("A"))
    return result, (np.asarray(changed) / 255).astype(np.float32)


def _new_corner(words: str, box: Box, size: tuple[int, int], picture: tuple[int, int]) -> tuple[int, int]:
    """The left top corner: the feet stay where they stood, but for the sides that the words name."""
    x, y = (box[0] + box[2]) / 2, float(box[3])
    far = bool(re.search(r"\b(?:far|all the way|edge|corner|very)\b", words))
    step = 1.0 if far else _STEP
    x -= step * picture[0] * bool(re.search(r"\bleft\b", words))
    x += step * picture[0] * bool(re.search(r"\bright\b", words))
    y -= step * picture[1] * bool(re.search(r"\b(?:up|higher|top)\b", words))
    y += step * picture[1] * bool(re.search(r"\b(?:down|lower|bottom)\b", words))
    if re.search(r"\b(?:middle|cent(?:er|re))\b", words):
        x = picture[0] / 2
    left = min(max(0, round(x - size[0] / 2)), max(0, picture[0] - size[0]))
    return left, min(max(0, round(y - size[1])), max(0, picture[1] - size[1]))


def _factor(words: str) -> float | None:
    return next((factor for pattern, factor in _GROWN if pattern.search(words)), None)
