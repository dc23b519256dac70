"""Ways to degrade an image, for the tasks "degrade" and "restore"."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from ace_agent.images import operators
from ace_agent.images.annotated_image import AnnotatedImage
from ace_agent.images.types import Pixels

_GRAIN = 26  # gray levels
_FACTOR = 4


@dataclass(frozen=True)
class Flaw:
    """A way to degrade an image.

    Args:
        words: its names in instructions.
        degrade: of an image, a random generator, and the image's size in scenes of 128 pixels. Raises
            MissingAnnotation if it needs an annotation that is not available.
        exact: whether the instruction determines the answer.
    """

    words: tuple[str, ...]
    degrade: Callable[[AnnotatedImage, random.Random, float], Pixels]
    exact: bool


FLAWS: dict[str, Flaw] = {
    "blur": Flaw(
        ("blur",), lambda image, rng, scale: operators.blur(image.pixels, rng.uniform(1.6, 2.6) * scale), True
    ),
    "noise": Flaw(
        ("noise", "grain"),
        lambda image, rng, scale: operators.noise(image.pixels, rng.getrandbits(32), _GRAIN),
        False,
    ),
    "low resolution": Flaw(
        ("low resolution",), lambda image, rng, scale: operators.lower_resolution(image.pixels, _FACTOR), True
    ),
    "darkness": Flaw(("darkness",), lambda image, rng, scale: operators.darken(image.pixels), True),
    "haze": Flaw(("haze", "mist"), lambda image, rng, scale: operators.haze(image.pixels, image.depth), True),
    "rain": Flaw(
        ("rain", "rain streaks"),
        lambda image, rng, scale: operators.precipitation(image.pixels, "rain", rng.getrandbits(16)),
        False,
    ),
    "snow": Flaw(
        ("snowflakes",),
        lambda image, rng, scale: operators.precipitation(image.pixels, "snow", rng.getrandbits(16)),
        False,
    ),
}
