"""A rendered scene: its pixels, and the annotations that its description gives."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ace_agent.data.errors import Unfit
from ace_agent.data.scenes.scene import Scene
from ace_agent.images.annotated_image import AnnotatedImage, Segment
from ace_agent.images.skeletons import Body, draw_skeletons
from ace_agent.images.types import Pixels
from ace_agent.references import people
from ace_agent.references.objects import Object
from ace_agent.references.types import Placement

if TYPE_CHECKING:
    from ace_agent.data.scenes.render import Renderer

_BONE, _JOINT = 0.028, 0.018
"""Thickness of a bone and radius of a joint, in fractions of the picture: twice those in photographs, which show more
people."""


@dataclass(frozen=True)
class Patch:
    """A drawn part of an object, and its upper left corner in pixels."""

    image: Image.Image
    left: int
    top: int
    key: str
    color: str = ""

    @property
    def box(self) -> tuple[int, int, int, int]:
        return self.left, self.top, self.left + self.image.width, self.top + self.image.height


class RenderedScene(AnnotatedImage):
    """A rendered scene.

    Attributes:
        scene: what was rendered.
        pixels: uint8 [H, W, 3].
        placements: one for each object, hat and pair of glasses.
    """

    def __init__(
        self, renderer: Renderer, scene: Scene, image: Pixels, pieces: list[tuple[Object, list[Patch]]]
    ) -> None:
        super().__init__(image)
        self.scene = scene
        self._renderer, self._pieces = renderer, pieces

    @cached_property
    def placements(self) -> tuple[Placement, ...]:
        if "upside down" in self.scene.adjust or "mirrored" in self.scene.adjust:
            return ()  # a placement cannot describe a picture that is turned over
        things = (self._renderer.placement(patch, obj) for obj, patches in self._pieces for patch in patches)
        return (*things, *self._renderer.written(self.scene))

    @property
    def size(self) -> int:
        return self.height

    def mask(self, obj: Object, *, worn: bool = True) -> Pixels:
        """Opacity of ``obj`` with its hidden parts, uint8 [H, W]; ``worn`` includes hat and glasses."""
        for candidate, patches in self._pieces:
            if candidate == obj:
                plane = Image.new("L", (self.size, self.size))
                for patch in patches if worn else patches[:1]:
                    plane.paste(255, (patch.left, patch.top), patch.image.getchannel("A"))
                return np.asarray(plane)
        raise KeyError(obj)

    def visible(self) -> list[tuple[Object, Pixels]]:
        """Objects, farthest first, with the opacity of what nearer ones leave visible."""
        covered = np.zeros((self.size, self.size), np.uint8)
        result = []
        for obj, _ in reversed(self._pieces):
            mask = self.mask(obj)
            result.append((obj, np.minimum(mask, 255 - covered)))
            covered = np.maximum(covered, mask)
        return result[::-1]

    def box(self, obj: Object) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of ``obj`` in pixels, hat included."""
        for candidate, patches in self._pieces:
            if candidate == obj:
                boxes = [patch.box for patch in patches]
                return (
                    min(b[0] for b in boxes),
                    min(b[1] for b in boxes),
                    max(b[2] for b in boxes),
                    max(b[3] for b in boxes),
                )
        raise KeyError(obj)

    def body_box(self, obj: Object) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of ``obj`` in pixels, without its hat."""
        return next(patches[0].box for candidate, patches in self._pieces if candidate == obj)

    @cached_property
    def depth(self) -> Pixels:
        """Nearness, uint8 [H, W], 255 is nearest."""
        return self._renderer.depth(self.scene, self._pieces)

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """Segments of the background's classes, then of the objects, farthest first."""
        return self._renderer.segments(self.scene, self._pieces)

    @cached_property
    def shapes(self) -> list[Pixels]:
        """Opacities of the visible parts of the objects."""
        shapes = [mask for _, mask in self.visible()]
        if not shapes:
            raise Unfit("no shapes to draw")
        return shapes

    @cached_property
    def pose(self) -> Pixels:
        """The skeletons of the drawn figures on black, uint8 [H, W, 3]."""
        bodies = [
            self._body(obj) for obj in self.scene.objects if obj.person is not None and not obj.person.bust
        ]
        if not bodies:
            raise Unfit("nobody to pose")
        return draw_skeletons(bodies, self.height, self.width, bone=_BONE, joint=_JOINT)

    def _body(self, obj: Object) -> Body:
        assert obj.person is not None
        left, top, right, bottom = people.box(obj.person)
        x0, y0, x1, y1 = self.body_box(obj)
        scale_x, scale_y = (x1 - x0) / (right - left), (y1 - y0) / (bottom - top)
        points = {}
        for joint, (x, y) in people.joints(obj.person).items():
            across = (x - left) * scale_x
            points[joint] = (x1 - across if obj.flip else x0 + across, y0 + (y - top) * scale_y)
        return points
