"""How well the scene reader reads held-out scenes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from ace_agent.data.sample import Split
from ace_agent.data.scenes.captions import facts
from ace_agent.data.scenes.rendered_scene import RenderedScene
from ace_agent.data.scenes.scene_sampler import noun_of
from ace_agent.evaluation.agreement import agreement, checks_of
from ace_agent.evaluation.reader import Reader
from ace_agent.references.vocabulary import NOUNS
from ace_agent.training.scene_reader.scenes import WORN, Scenes


def held_out(reader: Reader, pictures: int) -> dict[str, Any]:
    """Accuracy and chance on held-out scenes, and accuracy on scenes as the benchmark draws them ("plain")."""
    plain = measure(reader, draw_scenes("held-out", pictures, plain=True))["accuracy"]
    return {
        "held_out_pictures": pictures,
        **measure(reader, draw_scenes("held-out", pictures)),
        "plain": plain,
    }


def draw_scenes(split: Split, count: int, *, plain: bool = False) -> list[RenderedScene]:
    pictures = iter(Scenes(split, 0, plain=plain))
    return [next(pictures) for _ in range(count)]


def best_threshold(reader: Reader, pictures: Sequence[RenderedScene]) -> float:
    """The threshold at which the reader finds exactly the right objects in the most pictures."""
    images = [Image.fromarray(picture.pixels) for picture in pictures]

    def right(threshold: float) -> int:
        reader.threshold = threshold
        return sum(
            {one.noun for one in view.objects} == _nouns_in(picture)
            for view, picture in zip(reader.read(images), pictures, strict=True)
        )

    return max((0.2, 0.3, 0.4, 0.5, 0.6), key=right)


def _nouns_in(picture: RenderedScene) -> set[str]:
    worn = {WORN + spot.key.split("|")[0] for spot in picture.placements if "@" in spot.key}
    return {noun_of(thing) for thing in picture.scene.objects} | worn


def measure(reader: Reader, pictures: Sequence[RenderedScene]) -> dict[str, Any]:
    """Accuracy by kind of check, and chance: the same checks against another picture of the same split.

    "absent" is the share of nouns of the same category, one for each object, rightly not seen.
    """
    seen = reader.read([Image.fromarray(picture.pixels) for picture in pictures])
    right: dict[str, list[bool]] = {}
    by_chance: dict[str, list[bool]] = {}
    for index, picture in enumerate(pictures):
        named = facts(picture.scene, exact=False)
        checks = checks_of(named, "left right", reader.words.nouns)
        for tally, view in ((right, seen[index]), (by_chance, seen[index - 1])):
            for kind, passed in agreement(checks, view).by_kind().items():
                tally.setdefault(kind, []).extend(passed)
        right.setdefault("count", []).append(seen[index].count == named["count"])
        by_chance.setdefault("count", []).append(seen[index - 1].count == named["count"])
        right.setdefault("absent", []).extend(_rightly_absent(picture, seen[index]))
    accuracy = {kind: round(float(np.mean(passed)), 4) for kind, passed in sorted(right.items())}
    chance = {kind: round(float(np.mean(passed)), 4) for kind, passed in sorted(by_chance.items())}
    return {"accuracy": accuracy, "chance": {**chance, "absent": 0.0}}


def _rightly_absent(picture: RenderedScene, view: Any) -> list[bool]:
    shown = _nouns_in(picture)
    rng = random.Random(len(shown))
    answers = []
    for noun in sorted(shown & set(NOUNS)):
        alike = [n.name for n in NOUNS.values() if n.category == NOUNS[noun].category and n.name not in shown]
        answers.append(view.find(rng.choice(alike)) is None)
    return answers
