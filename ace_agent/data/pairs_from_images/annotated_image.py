"""One picture and everything that operations may want to know of it, worked out when first asked for."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from ace_agent.data.errors import Unfit
from ace_agent.data.scenes import masks
from ace_agent.images import operators
from ace_agent.images.types import Pixels

_SHAPE_COLORS = 5  # tones a picture is parted into when no segmentation model is there
_SMALLEST_SHAPE = 0.01  # of the picture
_LARGEST_SHAPE = 0.7


@dataclass(frozen=True)
class Segment:
    """A part of a picture.

    Args:
        name: what it is ("dog"), as the segmentation model calls it.
        mask: uint8 [H, W], 255 inside.
        thing: it can be counted (a dog, not the sky).
    """

    name: str
    mask: Pixels
    thing: bool


class Specialists(Protocol):
    """Models that see what no operator can; pixels are uint8 [H, W, 3]."""

    def depth(self, image: Pixels) -> Pixels:
        """Nearness, uint8 [H, W], 255 is nearest."""
        ...

    def segments(self, image: Pixels) -> tuple[Segment, ...]: ...

    def pose(self, image: Pixels) -> Pixels | None:
        """Skeletons on black, uint8 [H, W, 3]; None when nobody is there."""
        ...

    def caption(self, image: Pixels) -> str: ...


class Subject:
    """A prepared picture under one random generator.

    Args:
        pixels: uint8 [H, W, 3].
        known_caption: what came with the picture, or "".
        rng: the only source of randomness.
        specialists: None when no model is there.
    """

    def __init__(
        self, pixels: Pixels, known_caption: str, rng: random.Random, specialists: Specialists | None = None
    ) -> None:
        self.pixels = pixels
        self.rng = rng
        self._known_caption = known_caption
        self._specialists = specialists

    @property
    def height(self) -> int:
        return self.pixels.shape[0]

    @property
    def width(self) -> int:
        return self.pixels.shape[1]

    def _need(self) -> Specialists:
        if self._specialists is None:
            raise Unfit("no model for this")
        return self._specialists

    @cached_property
    def caption(self) -> str:
        """What the picture shows.

        Raises:
            Unfit: nobody says.
        """
        caption = self._known_caption or self._need().caption(self.pixels)
        if not caption:
            raise Unfit("no caption")
        return caption

    @cached_property
    def depth(self) -> Pixels:
        """Nearness, uint8 [H, W]; Unfit without a model."""
        return self._need().depth(self.pixels)

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """The parts of the picture; Unfit without a model, or with fewer than two parts."""
        found = self._need().segments(self.pixels)
        if len(found) < 2:
            raise Unfit("one segment only")
        return found

    @cached_property
    def pose(self) -> Pixels:
        drawn = self._need().pose(self.pixels)
        if drawn is None:
            raise Unfit("nobody to pose")
        return drawn

    @cached_property
    def shapes(self) -> list[Pixels]:
        """Areas of one tone, uint8 [H, W] of 0 and 255: what outlines and scribbles are drawn around.

        A segmentation model would follow things rather than tones; this needs none.

        Raises:
            Unfit: nothing stands out.
        """
        scale = max(1, min(self.height, self.width) // 128)
        small = Image.fromarray(self.pixels).reduce(scale).filter(ImageFilter.MedianFilter(5))
        tones = small.quantize(_SHAPE_COLORS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        # Voting with the neighbours takes away specks.
        tones = tones.filter(ImageFilter.ModeFilter(7))
        plane = np.asarray(tones.resize((self.width, self.height), Image.Resampling.NEAREST))
        found = []
        for tone in range(_SHAPE_COLORS):
            mask = np.where(plane == tone, np.uint8(255), np.uint8(0))
            if _SMALLEST_SHAPE < (mask > 0).mean() < _LARGEST_SHAPE:
                found.append(mask)
        if not found:
            raise Unfit("no shapes to draw")
        return found

    def hole(self) -> Pixels:
        """A mask as a person draws it: a box, an oval or a few strokes of a brush, uint8 [H, W]."""
        if self.rng.random() < 0.6:
            # The scene world's masks are square.
            square = masks.anywhere(self.rng, 256)
            image = Image.fromarray(square).resize((self.width, self.height), Image.Resampling.NEAREST)
            return np.asarray(image)
        return _strokes(self.rng, self.width, self.height)

    def hidden(self, mask: Pixels) -> Pixels:
        """The picture with mid-grey where ``mask`` is white."""
        return masks.composite(mask, np.full_like(self.pixels, 128), self.pixels)


def _strokes(rng: random.Random, width: int, height: int) -> Pixels:
    mask = Image.new("L", (width, height))
    pen = ImageDraw.Draw(mask)
    short = min(width, height)
    for _ in range(rng.randint(1, 3)):
        thick = round(rng.uniform(0.08, 0.2) * short)
        x, y = rng.uniform(0.15, 0.85) * width, rng.uniform(0.15, 0.85) * height
        for _ in range(rng.randint(2, 5)):
            to_x = min(max(x + rng.uniform(-0.3, 0.3) * width, 0), width)
            to_y = min(max(y + rng.uniform(-0.3, 0.3) * height, 0), height)
            pen.line((x, y, to_x, to_y), fill=255, width=thick)
            pen.ellipse((to_x - thick / 2, to_y - thick / 2, to_x + thick / 2, to_y + thick / 2), fill=255)
            x, y = to_x, to_y
    return np.asarray(mask)


def outlines(shapes: list[Pixels]) -> Pixels:
    """White outlines on black; thicker in larger pictures."""
    width = 3 if min(shapes[0].shape) < 384 else 5
    return operators.outline(shapes, width)
