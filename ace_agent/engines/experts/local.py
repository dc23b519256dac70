"""Local edits of photographs: remove, fill, widen, cut out, recolour, replace a background."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import numpy as np
from PIL import Image, ImageChops, ImageColor, ImageFilter, ImageOps

from ace_agent.engines.experts import cutout
from ace_agent.engines.experts.expert import Expert, ExpertCall
from ace_agent.engines.experts.fill import fill
from ace_agent.engines.experts.region import FoundRegion
from ace_agent.engines.experts.regions import find_region
from ace_agent.errors import InputError
from ace_agent.images.operators import gray
from ace_agent.plan import operations as ops

if TYPE_CHECKING:
    import numpy.typing as npt

_IMAGE = re.compile(r"\s*\b(?:from|out of|off|of|in|on)\s+\{image\}|\s*\{image\}")
_REMOVED = re.compile(
    r"(?:remove|erase|delete|take|get rid of|wipe|clear|drop)\s+(?:out\s+|away\s+)?(?P<thing>.+?)(?:\s+(?:away|out))?$",
    re.I,
)
_CUT = re.compile(r"(?:cut|extract|isolate|separate)\s+(?:out\s+)?(?P<thing>.+?)(?:\s+out)?$", re.I)
_RECOLORED = re.compile(
    r"(?:(?:make|turn|paint|colou?r|change|dye|recolou?r)\s+(?P<thing>.+?)\s+(?:to\s+|into\s+|in\s+)?"
    r"|(?P<named>.+?)\s+(?:to\s+be|to\s+become|should\s+be|must\s+be|in)\s+)(?:(?:light|dark|pale|bright|deep)\s+)?\w+$",
    re.I,
)


def thing_in(instruction: str, pattern: re.Pattern[str]) -> str | None:
    """The words for the thing that an instruction speaks of: `the dog` of `Cut the dog out from {image}.`"""
    found = pattern.match(_IMAGE.sub("", instruction).strip(" ."))
    return next((words for words in found.groups() if words), None) if found else None


class PhotoEdits(Expert):
    """Edits of a part of a photograph that need no new content: what is there is taken away, moved or tinted."""

    name = "photo-edits"
    licence = "Apache-2.0 (weights), MIT (PatchMatch)"
    megabytes = 8.3
    tasks = frozenset(
        {
            "remove",
            "inpaint",
            "outpaint",
            "extract_foreground",
            "extract_background",
            "edit_color",
            "background",
        }
    )

    def refusal(self, call: ExpertCall) -> str | None:
        """See `Expert.refusal`."""
        if call.task == "inpaint" and '"' in call.instruction:
            return "it fills with what is around, and paints nothing new"
        if call.task == "edit_color" and _color_in(call.instruction) is None:
            return "it found no colour in the words"
        return super().refusal(call)

    def run(self, call: ExpertCall) -> tuple[Image.Image, npt.NDArray[np.float32] | None]:
        """See `Expert.run`."""
        return _RUN[call.task](call)


Done = tuple[Image.Image, "npt.NDArray[np.float32] | None"]


def _changed(mask: Image.Image) -> npt.NDArray[np.float32]:
    return (np.asarray(mask) / 255).astype(np.float32)


def grown(mask: Image.Image) -> Image.Image:
    """A hole a little larger than the thing: its rim holds the thing's colours and a thin shadow."""
    solid = mask.point(lambda value: 255 if value > 40 else 0)
    size = max(3, max(mask.size) // 120 * 2 + 1)
    small = solid.reduce(max(1, size // 9))
    return (
        small.filter(ImageFilter.MaxFilter(9)).resize(mask.size).point(lambda value: 255 if value > 20 else 0)
    )


def _remove(call: ExpertCall) -> Done:
    image = call.images[0]
    others = None
    if call.mask is not None:
        hole = call.mask.point(lambda value: 255 if value > 127 else 0)
    else:
        words = thing_in(call.instruction, _REMOVED) or call.instruction
        region = find_region(image, words, generous=True)
        hole, others = grown(region.mask), region.others
        if region.confidence < 0.5:
            call.notes.append(f"{words!r} was taken for {region.taken_for}")
    _refuse_whole(hole, "remove")
    return fill(image, hole, call.seed, others), _changed(hole)


def _refuse_whole(mask: Image.Image, verb: str) -> None:
    if float(np.asarray(mask).mean()) > 0.9 * 255:
        raise InputError(
            f"that is nearly all of the picture, so there is nothing to {verb} it with", "name less"
        )


def _inpaint(call: ExpertCall) -> Done:
    hole = (call.mask or Image.new("L", call.images[0].size)).point(lambda value: 255 if value > 127 else 0)
    _refuse_whole(hole, "fill")
    return fill(call.images[0], hole, call.seed), _changed(hole)


def _extract(call: ExpertCall) -> tuple[Image.Image, Image.Image]:
    """The picture, and the matte of what the mask or the words mean."""
    image = call.images[0]
    if call.mask is not None:
        return image, call.mask.convert("L")
    words = thing_in(call.instruction, _CUT) or "the subject"
    if re.search(r"\b(foreground|subject|it|them|everything|main)\b", words):
        words = "the subject"
    return image, find_region(image, words).mask


def _extract_foreground(call: ExpertCall) -> Done:
    image, matte = _extract(call)
    if call.mask is None and float(np.asarray(matte).mean()) > 0.85 * 255:
        raise InputError(
            "it fills nearly all of the picture, so no outline was found", "--mask marks what to keep"
        )
    cut = image.convert("RGBA")
    cut.putalpha(ImageChops.multiply(cut.getchannel("A"), matte))
    return cut, _changed(ImageChops.invert(matte))


def _extract_background(call: ExpertCall) -> Done:
    image, matte = _extract(call)
    hole = grown(matte)
    _refuse_whole(hole, "fill")
    return fill(image, hole, call.seed), _changed(hole)


def _outpaint(call: ExpertCall) -> Done:
    return _inpaint(call)


def _background(call: ExpertCall) -> Done:
    image, options = call.images[0], cast(ops.Background, call.options)
    matte = call.mask.convert("L") if call.mask is not None else cutout.subject(image)
    if float(np.asarray(matte).mean()) < 1:
        raise InputError("no subject stands out in the picture", "draw a mask of what should stay")
    other = options.fill == "image" or (len(call.images) > 1 and "fill" not in options.model_fields_set)
    if options.fill == "transparent" and not other:
        cut = image.convert("RGBA")
        cut.putalpha(ImageChops.multiply(cut.getchannel("A"), matte))
        return cut, _changed(ImageChops.invert(matte))
    if options.fill == "blur":
        # What is blurred must not hold the subject's colours, or a halo of them stays around it.
        hole = grown(matte)
        scale = min(1.0, 500 / max(image.size))
        size = (max(8, round(image.width * scale)), max(8, round(image.height * scale)))
        small = fill(image.convert("RGB").resize(size), hole.resize(size), call.seed)
        radius = options.radius * max(image.size)
        behind = small.filter(ImageFilter.GaussianBlur(radius * scale)).resize(
            image.size, Image.Resampling.BICUBIC
        )
    elif other:
        if len(call.images) < 2:
            raise InputError("which picture should the background be?", "hand over a second one")
        behind = ImageOps.fit(call.images[1].convert("RGB"), image.size, Image.Resampling.LANCZOS)
    else:
        behind = Image.new("RGB", image.size, options.color)
    return Image.composite(image.convert("RGB"), behind, matte), _changed(ImageChops.invert(matte))


def _color_in(instruction: str) -> str | None:
    """The last colour word of an instruction."""
    found = [word for word in re.findall(r"[a-z]+", instruction.lower()) if word in ImageColor.colormap]
    return found[-1] if found else None


def _edit_color(call: ExpertCall) -> Done:
    """Another hue and saturation, the shading kept."""
    image = call.images[0]
    color = _color_in(call.instruction) or "red"
    if call.mask is not None:
        region = FoundRegion(call.mask.convert("L"), "the mask", 1)
    else:
        region = find_region(image, thing_in(call.instruction, _RECOLORED) or "the subject")
        if region.confidence < 0.5:
            call.notes.append(f"the thing was taken for {region.taken_for}")
    rgb = image.convert("RGB")
    # What the matte is unsure of would be tinted a little, which the eye sees at once.
    sure = region.mask.point(lambda value: max(0, min(255, (value - 70) * 255 // 130)))
    weight = _of_one_color(rgb, sure)
    painted = _tinted(rgb, weight, ImageColor.getrgb(color)[:3])
    result = Image.composite(painted, rgb, weight)
    if image.mode == "RGBA":
        result.putalpha(image.getchannel("A"))
    return result, _changed(weight)


def _of_one_color(image: Image.Image, mask: Image.Image) -> Image.Image:
    """The part of a region that has its main colour, L: of a red motorcycle the paint and not the tyres. All of a
    region in which no colour prevails."""
    hue, saturation, value = (np.asarray(band, np.float32) for band in image.convert("HSV").split())
    inside = np.asarray(mask) > 127
    vivid = inside & (saturation > 90) & (value > 40)
    if vivid.sum() < 0.12 * max(1, inside.sum()):
        return mask
    counts = np.bincount(hue[vivid].astype(int), minlength=256).astype(np.float64)
    around = np.convolve(np.concatenate([counts[-8:], counts, counts[:8]]), np.ones(17), mode="valid")
    main = float(np.argmax(around))
    away = np.abs((hue - main + 128) % 256 - 128)
    near = np.clip((30 - away) / 12, 0, 1) * np.clip((saturation - 45) / 40, 0, 1)
    soft = Image.fromarray((near * np.asarray(mask, np.float32)).astype(np.uint8))
    return soft.filter(ImageFilter.MedianFilter(3)).filter(ImageFilter.GaussianBlur(max(image.size) / 1200))


def _tinted(image: Image.Image, weight: Image.Image, color: tuple[int, ...]) -> Image.Image:
    """A picture in the light and shade of `image` and one colour, with highlights left white."""
    target = np.array(color, np.float32)
    light = gray(np.asarray(image)).astype(np.float32)
    inside = np.asarray(weight) > 127
    middle = float(np.median(light[inside])) if inside.any() else 128.0
    wanted = float(target @ np.array([0.299, 0.587, 0.114], np.float32))
    # Shading is kept in proportion around the thing's middle tone; a darker or lighter colour moves that half-way.
    goal = 0.5 * wanted + 0.5 * middle
    if goal > wanted:  # a dark colour in more light is paler, or its brightest channel would clip
        tint = target + (255 - target) * (goal - wanted) / max(255 - wanted, 1)
    else:
        tint = target * (goal / max(wanted, 1))
    muted = 0.85 * tint + 0.15 * goal  # no paint reflects one colour alone
    painted = np.clip((light / max(middle, 16.0))[..., None] * muted, 0, 255)
    shine = np.clip((light - max(200.0, 1.7 * middle)) / 50, 0, 1)[..., None]
    return Image.fromarray((painted * (1 - shine) + light[..., None] * shine).astype(np.uint8))


_RUN: dict[str, Callable[[ExpertCall], Done]] = {
    "remove": _remove,
    "inpaint": _inpaint,
    "outpaint": _outpaint,
    "extract_foreground": _extract_foreground,
    "extract_background": _extract_background,
    "edit_color": _edit_color,
    "background": _background,
}
