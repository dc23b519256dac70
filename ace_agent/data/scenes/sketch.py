"""Drawing landscapes: shapes with a class and a depth, light, and skies."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from ace_agent.data.scenes.scene import Background

Color = tuple[int, int, int]
Point = tuple[float, float]

LABELS: dict[str, Color] = {
    "sky": (70, 130, 180),
    "ground": (107, 142, 35),
    "water": (0, 60, 230),
    "far": (120, 120, 120),
    "wall": (200, 170, 120),
    "animal": (220, 20, 60),
    "food": (255, 165, 0),
    "vehicle": (0, 0, 142),
    "plant": (0, 200, 0),
    "building": (130, 70, 160),
    "thing": (255, 220, 0),
    "garment": (0, 200, 200),
    "person": (255, 105, 180),
}
"""Colours of classes in a segmentation map."""

_SKIES: dict[tuple[str, str], tuple[Color, ...]] = {
    ("day", "clear"): ((92, 168, 238), (156, 208, 248), (218, 238, 250)),
    ("day", "dull"): ((140, 154, 172), (172, 184, 196), (206, 214, 220)),
    ("sunset", "clear"): ((84, 76, 150), (236, 124, 108), (255, 206, 120)),
    ("sunset", "dull"): ((104, 96, 122), (168, 126, 124), (214, 174, 148)),
    ("night", "clear"): ((8, 12, 44), (22, 32, 84), (52, 64, 122)),
    ("night", "dull"): ((20, 24, 44), (34, 40, 66), (54, 62, 90)),
}
_LIGHT: dict[str, tuple[float, float, float]] = {
    "day": (1.0, 1.0, 1.0),
    "sunset": (1.0, 0.80, 0.68),
    "night": (0.34, 0.40, 0.62),
}
"""How the light of a time of day scales red, green and blue of the land."""

FLAT = -1
"""Depth of markings, which take that of the surface below."""


@dataclass(frozen=True)
class Shape:
    """One drawn shape, in fractions of the picture.

    Args:
        kind: "band" (a vertical gradient between two heights), "polygon" or "ellipse".
        points: the band's (top, bottom), the polygon's corners, or the ellipse's two corners.
        colors: one colour, or a band's colours from top to bottom.
        label: its class, a key of `LABELS`.
        depth: nearness 0..255 (255 is nearest), or a band's at its top and bottom; `FLAT` for
            markings.
        lit: whether its colour includes the light already.
    """

    kind: str
    points: tuple[Point, ...]
    colors: tuple[Color, ...]
    label: str
    depth: tuple[int, int]
    lit: bool = False


@dataclass
class Sketch:
    """A landscape under construction."""

    background: Background
    land: random.Random
    sky: random.Random
    horizon: float
    shapes: list[Shape]

    def band(
        self, top: float, bottom: float, *colors: Color, label: str, near: tuple[int, int], lit: bool = False
    ) -> None:
        self.shapes.append(Shape("band", ((0, top), (1, bottom)), colors, label, near, lit))

    def polygon(self, points: list[Point], color: Color, label: str, near: int, lit: bool = False) -> None:
        self.shapes.append(Shape("polygon", tuple(points), (color,), label, (near, near), lit))

    def ellipse(
        self, x: float, y: float, rx: float, ry: float, color: Color, label: str, near: int, lit: bool = False
    ) -> None:
        corners = ((x - rx, y - ry), (x + rx, y + ry))
        self.shapes.append(Shape("ellipse", corners, (color,), label, (near, near), lit))

    def box(
        self, left: float, top: float, right: float, bottom: float, color: Color, label: str, near: int
    ) -> None:
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        self.polygon(corners, color, label, near)

    def vary(self, color: Color, spread: int = 12) -> Color:
        return clip(*(channel + self.land.uniform(-spread, spread) for channel in color))

    def ridge(self, base: float, height: float, waves: float, color: Color, label: str, near: int) -> None:
        """A rolling line of hills from edge to edge, filled down to the bottom."""
        phase, second = self.land.uniform(0, 6.3), self.land.uniform(0, 6.3)
        line = [
            (
                i / 28,
                base
                - height
                * (0.5 + 0.35 * math.sin(phase + i / 28 * waves) + 0.15 * math.sin(second + i / 9 * waves)),
            )
            for i in range(29)
        ]
        self.polygon([*line, (1, 1), (0, 1)], color, label, near)

    def near_at(self, y: float) -> int:
        """Nearness of the ground at height ``y``."""
        return int(60 + 150 * max(0.0, min(1.0, (y - self.horizon) / (1 - self.horizon))))


def clip(*channels: float) -> Color:
    red, green, blue = (max(0, min(255, round(channel))) for channel in channels)
    return red, green, blue


def shade(color: Color, share: float) -> Color:
    return clip(*(channel * share for channel in color))


def light(color: Color, background: Background) -> Color:
    """``color`` of a solid object in the background's light and weather."""
    red, green, blue = (c * f for c, f in zip(color, _LIGHT[background.time], strict=True))
    if background.weather == "clear":
        return clip(red, green, blue)
    gray = 0.3 * red + 0.59 * green + 0.11 * blue
    return clip(*(0.9 * (0.72 * channel + 0.28 * gray) for channel in (red, green, blue)))


# ---- the sky


def draw_sky(s: Sketch) -> None:
    background = s.background
    dull = background.weather != "clear"
    colors = _SKIES[background.time, "dull" if dull else "clear"]
    s.band(0, s.horizon + 0.03, *colors, label="sky", near=(0, 0), lit=True)
    if dull:
        return
    if background.time == "night":
        for _ in range(26):
            x, y, r = s.sky.random(), s.sky.uniform(0, s.horizon * 0.9), s.sky.uniform(0.0028, 0.0065)
            s.ellipse(x, y, r, r, (248, 246, 215), "sky", 0, lit=True)
        x, y = s.sky.uniform(0.12, 0.88), s.sky.uniform(0.1, 0.2)
        s.ellipse(x, y, 0.075, 0.075, (58, 66, 116), "sky", 0, lit=True)
        s.ellipse(x, y, 0.056, 0.056, (250, 244, 208), "sky", 0, lit=True)
    elif background.time == "sunset":
        x, y = s.sky.uniform(0.2, 0.8), s.horizon - 0.06
        for radius, color in ((0.17, (250, 170, 112)), (0.13, (254, 192, 112)), (0.09, (255, 232, 150))):
            s.ellipse(x, y, radius, radius, color, "sky", 0, lit=True)
    else:
        for _ in range(s.sky.randint(1, 3)):
            _draw_cloud(s, s.sky.uniform(0.05, 0.95), s.sky.uniform(0.07, s.horizon * 0.5))


def _draw_cloud(s: Sketch, x: float, y: float) -> None:
    width = s.sky.uniform(0.05, 0.085)
    puffs = ((-1.1, 0.12, 0.55), (-0.35, -0.28, 0.8), (0.45, -0.12, 0.7), (1.15, 0.14, 0.5))
    for shade, drop in (((226, 238, 248), 0.09), ((252, 253, 255), 0.0)):
        for dx, dy, r in puffs:
            s.ellipse(
                x + dx * width,
                y + (dy + drop) * width,
                r * width * 1.15,
                r * width * 0.85,
                shade,
                "sky",
                0,
                lit=True,
            )
