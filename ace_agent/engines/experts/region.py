"""A region that was found in a picture."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image


@dataclass(frozen=True)
class FoundRegion:
    """A region of a picture.

    Args:
        mask: L, of the picture's size, 255 inside.
        taken_for: what the words were taken for, in words.
        confidence: 0..1; 1 for sides and boxes.
        others: L, further things of the kind, which were not meant; None if there are none.
    """

    mask: Image.Image
    taken_for: str
    confidence: float
    others: Image.Image | None = None
