"""What a picture shows, by the specialists: things with their places, faces, writing, light, and whose word each is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ace_agent.engines.experts import kinds
from ace_agent.engines.experts.detector import Detection, detect
from ace_agent.engines.experts.faces import faces
from ace_agent.engines.experts.text_areas import text_mask
from ace_agent.engines.experts.things import COUNTS, plural, with_article
from ace_agent.images.photograph import looks_like_a_photograph

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Sight:
    """One thing that is said of a picture: the words, where it is, how sure that is (0..1), and who says it."""

    words: str
    place: str
    confidence: float
    source: str


def describe(image: Image.Image) -> list[Sight]:
    """What the specialists see in a picture, the things first."""
    kind = "a photograph" if looks_like_a_photograph(image) else "a drawing or a plain picture"
    sights = [Sight(f"{kind}, {image.width} x {image.height}", "", 1.0, "its pixels")]
    for name, group in _by_name(detect(image)).items():
        places = dict.fromkeys(place_of(one.box, image.size) for one in group)
        sights.append(
            Sight(
                counted(name, len(group)),
                ", ".join(places),
                group[0].score,
                "YOLOX-Nano (80 kinds of things)",
            )
        )
    sights += [
        Sight(with_article(name), "", round(chance, 2), "EfficientNet-Lite0 (1000 kinds of subjects)")
        for name, chance in kinds.kinds(image, 2)
        if chance > kinds.SURE
    ]
    seen = faces(image)
    if seen:
        places = dict.fromkeys(place_of(one.box, image.size) for one in seen)
        sights.append(Sight(counted("face", len(seen)), ", ".join(places), seen[0].score, "BlazeFace"))
    if (box := text_mask(image).getbbox()) is not None:
        sights.append(Sight("written words", place_of(box, image.size), 0.7, "PP-OCR's detector"))
    return [*sights, Sight(_light(image), "", 1.0, "its pixels")]


def in_a_few_words(image: Image.Image) -> str:
    """The things in a photograph, as one would name it: "two people, a tie"; empty if nothing is sure."""
    found = [counted(name, len(group)) for name, group in list(_by_name(detect(image, 0.4)).items())[:4]]
    if not found:
        found = [with_article(name) for name, chance in kinds.kinds(image, 1) if chance > kinds.SURE]
    return ", ".join(found)


def place_of(box: Box, size: tuple[int, int]) -> str:
    """Where a box lies, in ninths of the picture: "top left", "middle"."""
    across, down = (box[0] + box[2]) / 2 / size[0], (box[1] + box[3]) / 2 / size[1]
    side = "left" if across < 0.38 else "right" if across > 0.62 else ""
    height = "top" if down < 0.33 else "bottom" if down > 0.67 else ""
    return f"{height} {side}".strip() or "middle"


def counted(name: str, count: int) -> str:
    """ "a dog", "two dogs", "11 people"."""
    return with_article(name) if count == 1 else f"{COUNTS.get(count, count)} {plural(name)}"


def _by_name(found: Sequence[Detection]) -> dict[str, list[Detection]]:
    groups: dict[str, list[Detection]] = {}
    for one in found:
        groups.setdefault(one.name, []).append(one)
    return groups


def _light(image: Image.Image) -> str:
    small = image.convert("RGB").resize((64, 64))
    light = np.asarray(small.convert("L"), np.float32)
    color = np.asarray(small.convert("HSV"), np.float32)[..., 1].mean()
    tone = "dark" if light.mean() < 70 else "bright" if light.mean() > 185 else "of middle brightness"
    flat = ", of little contrast" if light.std() < 30 else ""
    return f"{tone}{flat}{', nearly without colour' if color < 18 else ''}"
