"""An image, rendered or photographed, with its depth, segments, poses and caption; and the maps drawn from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from ace_agent.errors import AceError
from ace_agent.images import operators
from ace_agent.images.skeletons import Body, draw_skeletons
from ace_agent.images.types import Pixels


class MissingAnnotation(AceError):
    """An annotation is not available, or the image shows nothing of the kind."""


@dataclass(frozen=True)
class Segment:
    """A part of an image.

    Args:
        name: what it is ("dog").
        mask: uint8 [H, W], 255 inside.
        thing: whether it can be counted, as a dog can and the sky cannot.
        color: its colour in a segmentation map; None lets `operators.paint_segments` choose.
    """

    name: str
    mask: Pixels
    thing: bool
    color: tuple[int, int, int] | None = None


class Annotator(Protocol):
    """Annotates images, uint8 [H, W, 3]. Every method may raise `MissingAnnotation`."""

    def depth(self, pixels: Pixels) -> Pixels:
        """Nearness, uint8 [H, W], 255 is nearest."""
        ...

    def segments(self, pixels: Pixels) -> tuple[Segment, ...]: ...

    def bodies(self, pixels: Pixels) -> tuple[Body, ...]:
        """The joints of every person."""
        ...

    def caption(self, pixels: Pixels) -> str: ...


class AnnotatedImage:
    """An image whose annotations are computed on first access; each may raise `MissingAnnotation`.

    Args:
        pixels: uint8 [H, W, 3].
        annotator: computes them; None if only ``caption`` is known.
        caption: what came with the image, or "".
    """

    def __init__(self, pixels: Pixels, annotator: Annotator | None = None, *, caption: str = "") -> None:
        self.pixels = pixels
        self._annotator = annotator
        self._caption = caption

    @property
    def height(self) -> int:
        return self.pixels.shape[0]

    @property
    def width(self) -> int:
        return self.pixels.shape[1]

    @property
    def _known(self) -> Annotator:
        if self._annotator is None:
            raise MissingAnnotation("no model annotates this image")
        return self._annotator

    @cached_property
    def depth(self) -> Pixels:
        """Nearness, uint8 [H, W], 255 is nearest."""
        return self._known.depth(self.pixels)

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """At least two segments; later ones lie over earlier ones."""
        found = self._known.segments(self.pixels)
        if len(found) < 2:
            raise MissingAnnotation("the image has one segment only")
        return found

    @cached_property
    def shapes(self) -> Sequence[Pixels]:
        """Masks that contours and scribbles outline, uint8 [H, W]: the segments, or areas of one tone if there are
        none."""
        try:
            return [segment.mask for segment in self.segments]
        except MissingAnnotation:
            pass
        found = operators.tone_shapes(self.pixels)
        if not found:
            raise MissingAnnotation("nothing stands out in the image")
        return found

    @cached_property
    def pose(self) -> Pixels:
        """Everybody's skeleton on black, uint8 [H, W, 3]."""
        return draw_skeletons(self._known.bodies(self.pixels), self.height, self.width)

    @cached_property
    def caption(self) -> str:
        """What it shows, in words."""
        caption = self._caption or self._known.caption(self.pixels)
        if not caption:
            raise MissingAnnotation("the image has no caption")
        return caption


def segmentation(image: AnnotatedImage) -> Pixels:
    return operators.paint_segments(
        [segment.mask for segment in image.segments], [segment.color for segment in image.segments]
    )


ANALYSES: dict[str, Callable[[AnnotatedImage], Pixels]] = {
    "segment": segmentation,
    "depth": lambda image: operators.to_rgb(image.depth),
    "pose": lambda image: image.pose,
    "edge": lambda image: operators.edges(image.pixels),
    "contour": lambda image: operators.contours(image.shapes),
    "scribble": lambda image: operators.scribble(image.shapes),
    "doodle": lambda image: operators.doodle(image.pixels),
    "grayscale": lambda image: operators.grayscale(image.pixels),
}
"""The map that each task of visual analysis draws, uint8 [H, W, 3]. "mosaic" and "degrade" take parameters; see
`operators`."""
