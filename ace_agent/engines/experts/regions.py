"""Regions by words: `the dog`, `the person on the left`, `the sky`, `everything but the car`, `the left half`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from ace_agent.engines.experts import cutout
from ace_agent.engines.experts.detector import NAMES, Detection, detect
from ace_agent.errors import InputError
from ace_agent.images import rank_filters

_SYNONYMS = {
    "person": "people persons man men woman women boy girl child children kid kids baby guy lady human someone",
    "bicycle": "bike bicycles bikes",
    "motorcycle": "motorbike motorbikes moped scooter",
    "airplane": "plane aeroplane aircraft jet",
    "car": "cars automobile taxi cab suv van jeep",
    "truck": "lorry pickup trucks",
    "bus": "coach buses",
    "boat": "ship sailboat yacht canoe kayak boats ferry",
    "bird": "birds seagull pigeon parrot duck",
    "cat": "kitten kitty cats",
    "dog": "puppy doggy dogs hound beagle labrador poodle terrier",
    "horse": "pony horses foal",
    "cow": "cattle cows calf bull",
    "sheep": "lamb",
    "cell phone": "phone mobile smartphone iphone",
    "tv": "television screen monitor telly",
    "laptop": "computer notebook macbook",
    "couch": "sofa settee",
    "potted plant": "plant houseplant flowerpot plants",
    "dining table": "table desk",
    "refrigerator": "fridge",
    "cup": "mug coffee teacup",
    "wine glass": "glass glasses",
    "handbag": "purse bag",
    "backpack": "rucksack",
    "sports ball": "ball football basketball",
    "donut": "doughnut",
    "teddy bear": "teddy",
    "bottle": "bottles",
    "traffic light": "stoplight",
    "chair": "armchair stool chairs",
    "book": "books",
    "cake": "cakes",
    "bowl": "bowls",
    "umbrella": "parasol umbrellas",
}
_SIDES = ("left", "right", "top", "bottom", "middle")
_SUBJECT = {"subject", "foreground", "object", "thing", "product", "figure", "main subject"}
_FILLER = re.compile(r"^(the|a|an|my|his|her|their|our|that|this|those|these|all|all the|both|every)\s+")
_EXCEPT = re.compile(
    r"^(?:everything|all|anything|the rest|everywhere)"
    r"(?: (?:but|except|apart from|other than|outside|around))+ (?:for )?(.+)$"
)


@dataclass(frozen=True)
class FoundRegion:
    """A region of a picture.

    Args:
        mask: L, of the picture's size, 255 inside.
        taken_for: what the words were taken for, in words.
        confidence: 0..1; 1 for sides and boxes.
    """

    mask: Image.Image
    taken_for: str
    confidence: float


FindThings = Callable[[Image.Image, str], FoundRegion]


def find_region(
    image: Image.Image, words: str, *, generous: bool = False, things: FindThings | None = None
) -> FoundRegion:
    """The region of a picture that the words mean.

    Args:
        image: any picture.
        words: a thing, a side, the subject, the background, the sky, everything but one of them.
        generous: take in more at the rim of a thing, for removing it.
        things: finds a thing by its name; default: the detector of things in photographs.

    Raises:
        InputError: it is not there, or the words say nothing that can be found; one line that names what was seen.
    """
    text = " ".join(words.lower().strip(" .!?,;:").split())
    if not text:
        raise InputError("which region?", "say a thing, a side, the subject, the background or the sky")
    if found := _EXCEPT.match(text):
        kept = find_region(image, found[1], generous=generous, things=things)
        return FoundRegion(ImageChops.invert(kept.mask), f"everything but {kept.taken_for}", kept.confidence)
    text = _FILLER.sub("", text)
    if side := _side(text):
        return FoundRegion(_half(image.size, side), f"the {side} half", 1.0)
    if text in _SUBJECT or text.removeprefix("main ") in _SUBJECT:
        return _subject(image)
    if text in ("background", "backdrop", "surroundings"):
        region = _subject(image)
        return FoundRegion(ImageChops.invert(region.mask), "the background", region.confidence)
    if text in ("sky", "clouds", "heaven"):
        return _sky(image)
    if re.fullmatch(r"(everything|whole picture|picture|image|photo|all)", text):
        return FoundRegion(Image.new("L", image.size, 255), "the whole picture", 1.0)
    return things(image, text) if things is not None else _things(image, text, generous)


_COUNTS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}


def _things(image: Image.Image, text: str, generous: bool) -> FoundRegion:
    """Things of a kind that the detector knows, narrowed by `on the left`, `biggest` and the like."""
    kind, which = _kind_of(text)
    seen = detect(image, 0.25)
    if kind is None:
        raise InputError(
            f"nothing here can find {text!r}",
            f"found: {_listed(seen) or 'nothing that has a name'}; --mask marks anything, a file or a side",
        )
    matching = [one for one in seen if one.name == kind]
    if not matching:
        raise InputError(
            f"no {text} was found",
            f"found: {_listed(seen) or 'nothing that has a name'}; --mask marks what is missed",
        )
    chosen = _narrowed(matching, which)
    mask = Image.new("L", image.size)
    for one in chosen:
        mask = ImageChops.lighter(mask, _matte(image, one, generous))
    name = f"the {kind}" if len(chosen) == 1 else f"{_COUNTS.get(len(chosen), len(chosen))} {_plural(kind)}"
    return FoundRegion(mask, name, max(one.score for one in chosen))


def _matte(image: Image.Image, thing: Detection, generous: bool) -> Image.Image:
    """A detection's pixels: the subject of its box where that fills enough of it, else the box with round corners."""
    matte = cutout.subject_in(image, thing.box)
    if generous:
        # What a crop shows too little of, the whole picture often shows: the two together, within the box.
        within = Image.new("L", image.size)
        within.paste(255, (thing.box[0] - 8, thing.box[1] - 8, thing.box[2] + 8, thing.box[3] + 8))
        matte = ImageChops.lighter(matte, ImageChops.darker(cutout.subject(image), within))
    inside = matte.crop(thing.box)
    share = float(np.asarray(inside).mean()) / 255
    if share > 0.2:
        return matte
    whole = Image.new("L", image.size)
    radius = min(thing.box[2] - thing.box[0], thing.box[3] - thing.box[1]) // 4
    ImageDraw.Draw(whole).rounded_rectangle(thing.box, radius, fill=255)
    return whole


@cache
def _names() -> dict[str, str]:
    """Every word for a kind, with the kind."""
    table = {name: name for name in NAMES}
    table |= {_plural(name): name for name in NAMES}
    for name, words in _SYNONYMS.items():
        table |= dict.fromkeys(words.split(), name)
    return table


def _kind_of(text: str) -> tuple[str | None, str]:
    """The kind that a phrase names, and what else it says."""
    words = text.split()
    for length in (2, 1):
        for start in range(len(words) - length + 1):
            phrase = " ".join(words[start : start + length])
            if phrase in _names():
                return _names()[phrase], " ".join([*words[:start], *words[start + length :]])
    return None, text


def _narrowed(things: Sequence[Detection], which: str) -> list[Detection]:
    """The ones that the other words of the phrase mean; all of them where they say nothing of place or size."""

    def middle(one: Detection) -> tuple[float, float]:
        return (one.box[0] + one.box[2]) / 2, (one.box[1] + one.box[3]) / 2

    def area(one: Detection) -> int:
        return (one.box[2] - one.box[0]) * (one.box[3] - one.box[1])

    words = set(which.split())
    orders = (
        ({"left", "leftmost"}, lambda one: middle(one)[0]),
        ({"right", "rightmost"}, lambda one: -middle(one)[0]),
        ({"top", "upper"}, lambda one: middle(one)[1]),
        ({"bottom", "lower", "front"}, lambda one: -middle(one)[1]),
        ({"biggest", "largest", "big", "large", "main"}, lambda one: -area(one)),
        ({"smallest", "little", "small", "tiny"}, area),
    )
    for names, order in orders:
        if words & names:
            return [min(things, key=order)]
    return list(things)


def _subject(image: Image.Image) -> FoundRegion:
    matte = cutout.subject(image)
    share = float(np.asarray(matte).mean()) / 255
    if share < 0.005:
        raise InputError("no subject stands out in the picture", "draw a mask, or name a thing or a side")
    return FoundRegion(matte, "the subject", 0.8 if 0.02 < share < 0.8 else 0.4)


def _sky(image: Image.Image) -> FoundRegion:
    """What is bright or blue, smooth, and joined to the top edge."""
    scale = min(1.0, 400 / max(image.size))
    size = (max(8, round(image.width * scale)), max(8, round(image.height * scale)))
    small = image.convert("RGB").resize(size, Image.Resampling.BOX)
    pixels = np.asarray(small, np.float32)
    plane = np.asarray(small.convert("L"), np.float32)
    rough = np.abs(plane - np.asarray(small.convert("L").filter(ImageFilter.GaussianBlur(2)), np.float32))
    blue = pixels[..., 2] >= pixels[..., 0] - 12
    warm = (plane > 110) & (pixels[..., 0] > pixels[..., 2])  # a sunset
    green = pixels[..., 1] > np.maximum(pixels[..., 0], pixels[..., 2]) + 6
    likely = (blue | warm) & ~green & (rough < 9)
    labels = Image.fromarray(np.where(likely, np.uint8(255), np.uint8(0)))
    labels = Image.fromarray(rank_filters.median(np.asarray(labels)[..., None].repeat(3, 2))[..., 0])
    joined = labels.copy()
    top = np.flatnonzero(np.asarray(joined)[0] > 0)
    for column in top[:: max(1, len(top) // 40)]:
        if joined.getpixel((int(column), 0)) == 255:
            ImageDraw.floodfill(joined, (int(column), 0), 128)
    sky = np.asarray(joined) == 128
    share = float(sky.mean())
    if share < 0.03:
        raise InputError("there is no sky to be seen", "draw a mask, or say the top half")
    mask = Image.fromarray(np.where(sky, np.uint8(255), np.uint8(0))).filter(ImageFilter.MaxFilter(3))
    return FoundRegion(
        cutout.fitted(image, mask.resize(image.size, Image.Resampling.BILINEAR)), "the sky", 0.6
    )


def _side(text: str) -> str | None:
    found = re.fullmatch(
        r"(left|right|top|bottom|upper|lower|middle|cent(?:er|re))(?:[- ]?hand)?(?: (?:half|side|part|third))?",
        text,
    )
    if not found:
        return None
    return {"upper": "top", "lower": "bottom", "center": "middle", "centre": "middle"}.get(found[1], found[1])


def _half(size: tuple[int, int], side: str) -> Image.Image:
    width, height = size
    box = {
        "left": (0, 0, width // 2, height),
        "right": (width // 2, 0, width, height),
        "top": (0, 0, width, height // 2),
        "bottom": (0, height // 2, width, height),
        "middle": (width // 4, height // 4, width - width // 4, height - height // 4),
    }[side]
    mask = Image.new("L", size)
    mask.paste(255, box)
    return mask


def _listed(seen: Sequence[Detection]) -> str:
    return ", ".join(dict.fromkeys(f"{_article(one.name)} {one.name}" for one in seen))


def _article(name: str) -> str:
    return "an" if name[0] in "aeiou" else "a"


def _plural(name: str) -> str:
    if name == "person":
        return "people"
    if name in ("sheep", "skis", "scissors"):
        return name
    if name.endswith(("s", "sh", "ch", "x")):
        return f"{name}es"
    return f"{name[:-2]}ves" if name.endswith("fe") else f"{name}s"
