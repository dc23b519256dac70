"""Frames, where things are placed in them, and references that an instruction names. numpy only.

H and W are a picture's height and width in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

from ace_agent.images.types import Pixels


@dataclass(frozen=True)
class Placement:
    """Where one object appears in a picture.

    Args:
        key: equal in two pictures when the object looks the same up to position, size, mirroring
            and colour, so that its pixels correspond. A second object of the same look in one
            scene ends in ``#2``; what stands before ``#`` is its look. Words begin with a quote.
        x: left edge of its sprite's box, in fractions of the picture's width.
        y: top edge, in fractions of the height.
        w: width of the box, in fractions of the picture's width.
        h: height of the box.
        flip: mirrored left to right.
        color: its tint; "" for none.
        parts: head and clothes of a drawn figure, which may correspond where the whole does not.
    """

    key: str
    x: float
    y: float
    w: float
    h: float
    flip: bool
    color: str = ""
    parts: tuple[Placement, ...] = ()

    @property
    def is_lettering(self) -> bool:
        """Whether it is lettering rather than an object."""
        return self.key.startswith('"')


@dataclass(frozen=True)
class Frame:
    """One conditioning picture.

    Args:
        image: uint8 [H, W, 3].
        mask: uint8 [H, W], 255 where the picture is to change; in a reference picture, the thing's opacity. None
            means everywhere.
        placements: what appears where.
    """

    image: Pixels
    mask: Pixels | None = None
    placements: tuple[Placement, ...] = ()


@dataclass(frozen=True)
class NamedReference:
    """A reference picture of something the instruction names.

    Args:
        name: the noun as the instruction has it ("pine tree"), or a quotation with its quotes.
        start: where it starts in the instruction, in characters.
        stop: where it ends.
        frame: the thing alone on white, 64x64, or lettering, 128x32.
    """

    name: str
    start: int
    stop: int
    frame: Frame
