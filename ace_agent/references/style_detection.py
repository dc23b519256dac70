"""The drawing style of things in a user's pictures, which reference pictures then follow."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

from ace_agent.references.template_matching import DrawingMatcher

if TYPE_CHECKING:
    from PIL import Image

    from ace_agent.references.library import ReferenceLibrary

SURE = 0.7
"""Cosine of edges above which a drawing counts as found; drawings in other styles score .3 to .5. With it .29 of 48
validation samples have the style of an earlier picture instead of .06, recolouring scores .168 instead of .141 and
textures .201 instead of .178. At .5 faces were mistaken for other faces and lost .04; at .8 fewer styles were found
(.21)."""

_SIDE = 128  # pixels; pictures are compared at the area of such a square
_KEPT = re.compile(r"\bstyle\b", re.IGNORECASE)


class EarlierTurn(Protocol):
    """What is needed of a turn of the history."""

    @property
    def instruction(self) -> str: ...

    @property
    def images(self) -> Sequence[Image.Image]: ...


class DrawnStyles:
    """Finds the library's drawings in pictures."""

    def __init__(self, library: ReferenceLibrary) -> None:
        self._library = library
        self._matcher = DrawingMatcher(library)

    @torch.inference_mode()
    def seen(self, picture: Image.Image, names: Sequence[str]) -> str | None:
        """The style of the surest drawing of any of the names in a picture; None if none is sure."""
        looks = [(name, style) for name in names for style in self._library.styles(name)]
        if not looks:
            return None
        scale = _SIDE / (picture.width * picture.height) ** 0.5
        size = (max(2, round(picture.width * scale)), max(2, round(picture.height * scale)))
        pixels = np.asarray(picture.convert("RGB").resize(size), np.float32) / 255
        edges = self._matcher.edges(torch.from_numpy(pixels).permute(2, 0, 1)[None])
        cosines = self._matcher.anywhere(edges, looks)
        best = max(range(len(looks)), key=cosines.__getitem__)
        return looks[best][1] if cosines[best] > SURE else None

    def asked(
        self, prompt: str, images: Sequence[Image.Image], history: Sequence[EarlierTurn]
    ) -> Callable[[str], str | None]:
        """The ``style_of`` that `ReferenceLibrary.find` takes, for styles that a request leaves open.

        A thing in the edited picture keeps its style; a new picture takes that of earlier ones if the words mention
        style.
        """
        if images:
            return lambda name: self.seen(images[0], [name])
        if not _KEPT.search(prompt):
            return lambda name: None
        style = self._earlier(history)
        return lambda name: style

    def _earlier(self, history: Sequence[EarlierTurn]) -> str | None:
        """The style of the latest picture in which a thing that its turn or the one before names is found."""
        for number in range(len(history) - 1, -1, -1):
            said = " , ".join(unit.instruction for unit in history[max(0, number - 1) : number + 1])
            for picture in history[number].images:
                style = self.seen(picture, self._library.named(said))
                if style is not None:
                    return style
        return None
