"""Things by their names: what the detector knows, what the classifier says of the subject, faces, written words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from ace_agent.engines.experts import cutout, kinds
from ace_agent.engines.experts.detector import NAMES, Detection, detect
from ace_agent.engines.experts.faces import face_mask, faces
from ace_agent.engines.experts.region import FoundRegion
from ace_agent.engines.experts.text_areas import text_mask
from ace_agent.errors import InputError

_SYNONYMS = {
    "person": "people persons man men woman women boy girl child children kid kids baby guy lady human someone"
    " him her them me us he she they",
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
COUNTS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}


_FACES = frozenset(("face", "faces", "head", "heads"))
_WRITING = frozenset(
    ("text", "texts", "writing", "words", "word", "letters", "lettering", "caption", "captions", "title", "inscription",
     "watermark", "date", "timestamp", "plate", "plates", "subtitle", "subtitles", "slogan", "logo", "logos")
)  # fmt: skip
_ANIMALS = frozenset(("bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe"))
"""Kinds that the detector takes for one another; the classifier knows them apart."""
_EXPLAINED = 0.5
"""Share of the subject that a thing of another name covers, or probability of another kind, from which the subject is
that and nothing else."""


def find_things(image: Image.Image, text: str, generous: bool = False) -> FoundRegion:
    """Things of a name, narrowed by `on the left`, `biggest` and the like.

    A name that the detector does not know is the subject, where the classifier sees it there, or where nothing else
    explains the subject and nothing here knows the name.

    Raises:
        InputError: it is not there; the line names what was seen.
    """
    words = set(re.findall(r"[a-z]+", text))
    if words & _FACES:
        return _faces(image, text)
    if words & _WRITING:
        return _writing(image, text)
    kind, which = _kind_of(text)
    seen = detect(image, 0.25)
    matching = [one for one in seen if one.name == kind]
    if not matching:
        return _by_classifier(image, text, kind, seen)
    chosen = _narrowed(matching, which)
    mask = _together(image, chosen, generous)
    if kind != "person":
        people = [one for one in seen if one.name == "person" and one.score > 0.4]
        mask = _without_people(image, mask, people)
    name = (
        f"the {kind}" if len(chosen) == 1 else f"{COUNTS.get(len(chosen), len(chosen))} {plural(kind or '')}"
    )
    rest = [one for one in matching if one not in chosen]
    others = _together(image, rest, generous=False) if rest else None
    return FoundRegion(mask, name, max(one.score for one in chosen), others)


def _together(image: Image.Image, found: Sequence[Detection], generous: bool) -> Image.Image:
    mask = Image.new("L", image.size)
    for one in found:
        mask = ImageChops.lighter(mask, _matte(image, one, generous))
    return mask


def _without_people(image: Image.Image, mask: Image.Image, people: Sequence[Detection]) -> Image.Image:
    """A thing's mask without the people in front of it; what a person wears or holds is not behind them."""
    extent = mask.getbbox()
    for one in people:
        if extent is not None and 0 < _shared(one.box, extent) < 0.7:
            person = _matte(image, one, generous=False).point(lambda value: min(255, value * 3))
            mask = ImageChops.subtract(mask, person.filter(ImageFilter.MaxFilter(5)))
    return mask


def _shared(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> float:
    """Share of the second box that lies in the first."""
    across = max(0, min(one[2], other[2]) - max(one[0], other[0]))
    down = max(0, min(one[3], other[3]) - max(one[1], other[1]))
    return across * down / max(1, (other[2] - other[0]) * (other[3] - other[1]))


def _faces(image: Image.Image, text: str) -> FoundRegion:
    found = faces(image)
    if not found:
        raise InputError("no face was found", "--mask marks what is missed, with a file or a side")
    chosen = _narrowed(found, text)
    name = "the face" if len(chosen) == 1 else f"{COUNTS.get(len(chosen), len(chosen))} faces"
    return FoundRegion(face_mask(image, chosen), name, chosen[0].score)


def _writing(image: Image.Image, text: str) -> FoundRegion:
    mask = text_mask(image)
    if mask.getbbox() is None:
        raise InputError(f"no {text} was found", "--mask marks what is missed, with a file or a side")
    return FoundRegion(mask, "the written words", 0.7)


def _by_classifier(image: Image.Image, text: str, kind: str | None, seen: Sequence[Detection]) -> FoundRegion:
    noun = re.split(r"\s+(?:on|in|at|with|of|from|to)\s+", text)[0]
    words = [noun, *reversed(noun.split())]
    chance, name = max(((kinds.shows(image, word), word) for word in words), key=lambda pair: pair[0])
    animals = [one for one in seen if one.name in _ANIMALS]
    if chance and kind in _ANIMALS and animals:  # taken for another animal
        return FoundRegion(_together(image, animals, generous=False), f"the {kind}", round(chance, 2))
    matte = cutout.subject(image)
    share = float(np.asarray(matte).mean()) / 255
    stands_out = 0.01 < share < 0.85
    if chance and stands_out:
        return FoundRegion(matte, f"the subject, which may be a {name}", round(chance, 2))
    unknown = kind is None and not any(kinds.known(word) for word in words)
    if unknown and stands_out and not _explained(image, matte, seen):
        return FoundRegion(matte, f"the subject; nothing here knows the word {text!r}", 0.3)
    found = listed(seen) or "nothing that has a name"
    missing = f"nothing here can find {text!r}" if unknown else f"no {text} was found"
    raise InputError(
        missing, f"found: {found}; --mask marks what is missed, with a file, a side or the subject"
    )


def _explained(image: Image.Image, matte: Image.Image, seen: Sequence[Detection]) -> bool:
    """Whether the subject is a thing that has another name."""
    solid = np.asarray(matte) > 127
    for one in seen:
        left, top, right, bottom = one.box
        if one.score > 0.4 and solid[top:bottom, left:right].sum() > _EXPLAINED * max(1, solid.sum()):
            return True
    return kinds.kinds(image, 1)[0][1] > _EXPLAINED


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
    table |= {plural(name): name for name in NAMES}
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
        ({"bottom", "lower"}, lambda one: -middle(one)[1]),
        ({"front", "foreground", "nearest", "closest"}, lambda one: -area(one)),
        ({"back", "behind", "background", "farthest"}, area),
        ({"biggest", "largest", "big", "large", "main"}, lambda one: -area(one)),
        ({"smallest", "little", "small", "tiny"}, area),
    )
    for names, order in orders:
        if words & names:
            return [min(things, key=order)]
    return list(things)


def listed(seen: Sequence[Detection]) -> str:
    """The kinds of things, each once: "a bus, a person"."""
    return ", ".join(dict.fromkeys(with_article(one.name) for one in seen))


def with_article(name: str) -> str:
    """ "an apple" of "apple"."""
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def plural(name: str) -> str:
    """Several of a kind that the detector knows."""
    if name == "person":
        return "people"
    if name in ("sheep", "skis", "scissors"):
        return name
    if name.endswith(("s", "sh", "ch", "x")):
        return f"{name}es"
    return f"{name[:-2]}ves" if name.endswith("fe") else f"{name}s"
