"""Skeletons of people, drawn as pose-guided models expect them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw

from ace_agent.images.types import Pixels

Body = Mapping[str, tuple[float, float]]
"""Joints of one person by the names in `BONES`, x and y in pixels; invisible joints are left out."""

BONES = (
    ("head", "neck"), ("neck", "right shoulder"), ("neck", "left shoulder"),
    ("right shoulder", "right elbow"), ("right elbow", "right wrist"),
    ("left shoulder", "left elbow"), ("left elbow", "left wrist"),
    ("neck", "right hip"), ("neck", "left hip"),
    ("right hip", "right knee"), ("right knee", "right ankle"),
    ("left hip", "left knee"), ("left knee", "left ankle"),
)  # fmt: skip
BONE_COLORS: tuple[tuple[int, int, int], ...] = (
    (255, 0, 170), (255, 85, 0), (255, 170, 0), (255, 255, 0), (170, 255, 0), (85, 255, 0), (0, 255, 0),
    (0, 255, 85), (0, 255, 170), (0, 255, 255), (0, 170, 255), (0, 85, 255), (85, 0, 255),
)  # fmt: skip
"""The colours of OpenPose drawings."""

_SUPERSAMPLED = 1_500_000  # pixels up to which lines are antialiased by drawing at twice the size


def has_bone(body: Body) -> bool:
    """Whether both joints of any bone are known."""
    return any(a in body and b in body for a, b in BONES)


def draw_skeletons(
    bodies: Sequence[Body], height: int, width: int, *, bone: float = 0.014, joint: float = 0.009
) -> Pixels:
    """Coloured bones and white joints on black, uint8 [height, width, 3].

    Args:
        bodies: everybody to draw.
        height: of the image, in pixels.
        width: of the image, in pixels.
        bone: thickness of a bone, in fractions of the shorter side.
        joint: radius of a joint, likewise.
    """
    scale = 2 if width * height <= _SUPERSAMPLED else 1
    canvas = Image.new("RGB", (scale * width, scale * height))
    pen = ImageDraw.Draw(canvas)
    side = scale * min(width, height)
    thickness, radius = max(3, round(bone * side)), joint * side
    for body in bodies:
        points = {name: (scale * x, scale * y) for name, (x, y) in body.items()}
        for (a, b), color in zip(BONES, BONE_COLORS, strict=True):
            if a in points and b in points:
                pen.line([points[a], points[b]], fill=color, width=thickness)
        for x, y in points.values():
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(255, 255, 255))
    return np.asarray(canvas if scale == 1 else canvas.reduce(scale))
