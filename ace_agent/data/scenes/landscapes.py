"""The shapes of procedural landscapes and rooms, drawn from a seed.

Everything solid is drawn from one random stream and the sky's ornaments from another, so another
time of day or weather changes colours and the sky but never moves the land.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from ace_agent.data.scenes.scene import Background
from ace_agent.references.colors import PAPERS

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
"""Colours of a segmentation, by class."""

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
"""What the light of a time of day leaves of the land's red, green and blue."""


FLAT = -1
"""Depth of markings: that of what they lie on."""


@dataclass(frozen=True)
class Shape:
    """One drawn shape, in fractions of the picture.

    Args:
        kind: "band" (a vertical gradient between two heights), "polygon" or "ellipse".
        points: the band's (top, bottom), the polygon's corners, or the ellipse's two corners.
        colors: one colour, or a band's colours from top to bottom.
        label: its class, a key of `LABELS`.
        depth: nearness 0..255 (255 is nearest), or a band's at its top and bottom; `FLAT` for what is
            painted on a surface and takes its depth.
        lit: its colour already is what the time of day makes of it.
    """

    kind: str
    points: tuple[Point, ...]
    colors: tuple[Color, ...]
    label: str
    depth: tuple[int, int]
    lit: bool = False


@dataclass
class _Sketch:
    """A landscape while it is being drawn."""

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
        return _clip(*(channel + self.land.uniform(-spread, spread) for channel in color))

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


def _clip(*channels: float) -> Color:
    red, green, blue = (max(0, min(255, round(channel))) for channel in channels)
    return red, green, blue


def _scale(color: Color, share: float) -> Color:
    return _clip(*(channel * share for channel in color))


def light(color: Color, background: Background) -> Color:
    """``color`` of something solid under the background's time of day and weather."""
    red, green, blue = (c * f for c, f in zip(color, _LIGHT[background.time], strict=True))
    if background.weather == "clear":
        return _clip(red, green, blue)
    gray = 0.3 * red + 0.59 * green + 0.11 * blue
    return _clip(*(0.9 * (0.72 * channel + 0.28 * gray) for channel in (red, green, blue)))


# ---- the sky


def _draw_sky(s: _Sketch) -> None:
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


def _draw_cloud(s: _Sketch, x: float, y: float) -> None:
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


# ---- places


def _meadow(s: _Sketch) -> None:
    s.ridge(s.horizon + 0.03, 0.13, s.land.uniform(3, 6), s.vary((134, 182, 150)), "far", 35)
    s.ridge(s.horizon + 0.04, 0.07, s.land.uniform(4, 8), s.vary((122, 184, 100)), "ground", 50)
    s.band(s.horizon + 0.02, 1, s.vary((128, 192, 86)), s.vary((82, 152, 60)), label="ground", near=(60, 210))
    petals = ((255, 238, 120), (255, 255, 255), (248, 156, 184), (190, 160, 240))
    for _ in range(16):
        x, y = s.land.random(), s.land.uniform(s.horizon + 0.08, 0.98)
        r = 0.003 + 0.009 * (y - s.horizon) / (1 - s.horizon)
        near = s.near_at(y)
        s.polygon([(x - r / 3, y), (x + r / 3, y), (x, y + 3 * r)], (70, 130, 50), "ground", near)
        s.ellipse(x, y, r, r, s.land.choice(petals), "ground", near)


def _beach(s: _Sketch) -> None:
    shore = s.horizon + s.land.uniform(0.1, 0.15)
    s.band(
        s.horizon - 0.005,
        shore + 0.05,
        s.vary((38, 120, 190)),
        s.vary((108, 206, 222)),
        label="water",
        near=(55, 100),
    )
    s.band(shore + 0.03, 1, s.vary((246, 226, 170)), s.vary((226, 190, 126)), label="ground", near=(105, 210))
    phase, waves = s.land.uniform(0, 6.3), s.land.uniform(5, 9)
    line = [(i / 24, shore + 0.03 + 0.014 * math.sin(phase + i / 24 * waves)) for i in range(25)]
    s.polygon([*line, *((x, y - 0.02) for x, y in reversed(line))], (242, 250, 252), "water", 102)
    for _ in range(12):
        x, y = s.land.random(), s.land.uniform(shore + 0.1, 0.98)
        s.ellipse(x, y, 0.007, 0.004, s.vary((206, 170, 112), 8), "ground", s.near_at(y))


def _desert(s: _Sketch) -> None:
    sand = s.vary((232, 182, 108), 10)
    s.ridge(s.horizon + 0.02, 0.12, s.land.uniform(3, 6), _scale(sand, 0.86), "far", 35)
    s.ridge(s.horizon + 0.05, 0.08, s.land.uniform(3, 6), _scale(sand, 0.94), "ground", 50)
    s.band(s.horizon + 0.05, 1, sand, _scale(sand, 1.1), label="ground", near=(60, 210))
    s.ridge(0.99, 0.13, s.land.uniform(3, 5), _scale(sand, 1.04), "ground", 190)
    x, y = s.land.uniform(0.1, 0.9), s.horizon + 0.05
    green = s.vary((76, 138, 74), 8)
    arms = ((-0.014, -0.17, 0.014, 0), (-0.05, -0.085, 0, -0.06), (-0.05, -0.13, -0.03, -0.06))
    for left, top, right, bottom in (*arms, (0, -0.105, 0.05, -0.08), (0.03, -0.15, 0.05, -0.08)):
        s.box(x + left, y + top, x + right, y + bottom, green, "plant", 55)


def _snow(s: _Sketch) -> None:
    s.ridge(s.horizon + 0.02, 0.16, s.land.uniform(3, 6), s.vary((196, 214, 236), 8), "far", 35)
    s.ridge(s.horizon + 0.03, 0.07, s.land.uniform(4, 7), s.vary((218, 232, 246), 6), "ground", 50)
    for _ in range(s.land.randint(3, 6)):
        x, y = s.land.random(), s.horizon + s.land.uniform(0, 0.03)
        _draw_pine(s, x, y, s.land.uniform(0.09, 0.15), s.vary((86, 138, 124), 8), 52)
    s.band(s.horizon + 0.03, 1, (236, 243, 250), (250, 252, 255), label="ground", near=(60, 210))
    s.ridge(0.98, 0.12, s.land.uniform(3, 5), (228, 237, 248), "ground", 190)


def _sea(s: _Sketch) -> None:
    deep = s.vary((40, 112, 190), 10)
    if s.land.random() < 0.5:
        x = s.land.uniform(0.1, 0.9)
        island = [(x - 0.16, s.horizon), (x - 0.05, s.horizon - 0.06), (x + 0.05, s.horizon - 0.04)]
        s.polygon([*island, (x + 0.18, s.horizon)], s.vary((112, 150, 134)), "far", 40)
    s.band(s.horizon - 0.005, 1, _scale(deep, 1.25), _scale(deep, 0.85), label="water", near=(60, 210))
    for _ in range(16):
        x, y = s.land.random(), s.land.uniform(s.horizon + 0.03, 0.98)
        reach = (y - s.horizon) / (1 - s.horizon)
        w, h = 0.025 + 0.055 * reach, 0.004 + 0.006 * reach
        crest = [(x - w, y + h), (x - w / 2, y - h / 2), (x, y - h), (x + w / 2, y - h / 2), (x + w, y + h)]
        s.polygon([*crest, (x, y + h * 0.4)], _scale(deep, 1.5), "water", s.near_at(y))


def _city(s: _Sketch) -> None:
    # The towers' stream is their own: their number varies, and the street must not depend on it.
    towers = random.Random(s.background.seed + 1)
    window = (255, 228, 140) if s.background.time != "day" else light((206, 226, 240), s.background)
    x = -0.03
    while x < 1:
        width, height = towers.uniform(0.09, 0.17), towers.uniform(0.14, 0.42)
        wall = towers.choice(
            ((156, 160, 178), (184, 152, 140), (138, 160, 184), (196, 184, 160), (126, 134, 156))
        )
        top = s.horizon - height
        s.box(x, top, x + width, s.horizon + 0.02, wall, "building", 35)
        s.box(x + width * 0.86, top, x + width, s.horizon + 0.02, _scale(wall, 0.86), "building", 35)
        y = top + 0.03
        while y < s.horizon - 0.05:
            for left in (0.14, 0.40, 0.64):
                if towers.random() < 0.85:
                    a, b = x + width * left, x + width * (left + 0.16)
                    s.polygon(
                        [(a, y), (b, y), (b, y + 0.03), (a, y + 0.03)], window, "building", 35, lit=True
                    )
            y += 0.06
        x += width + 0.004
    s.band(s.horizon, s.horizon + 0.08, (188, 188, 192), (176, 176, 180), label="ground", near=(60, 90))
    s.band(s.horizon + 0.08, 1, (112, 114, 122), (84, 86, 94), label="ground", near=(95, 210))
    y = s.horizon + 0.2 + s.land.uniform(0, 0.06)
    for i in range(6):
        x = i / 5 - 0.06
        s.polygon(
            [(x, y), (x + 0.1, y), (x + 0.09, y + 0.018), (x - 0.012, y + 0.018)],
            (236, 226, 170),
            "ground",
            150,
        )


def _room(s: _Sketch) -> None:
    wall = s.vary(s.land.choice(((240, 222, 198), (198, 220, 230), (232, 208, 218), (214, 228, 202))), 8)
    floor = s.vary((178, 130, 88), 14)
    s.horizon = s.land.uniform(0.60, 0.68)
    s.band(0, s.horizon, wall, _scale(wall, 0.94), label="wall", near=(40, 40))
    s.band(s.horizon, 1, _scale(floor, 0.84), _scale(floor, 1.05), label="ground", near=(60, 210))
    for i in range(-3, 9):
        a, b = i / 6 + 0.06, (i / 6 + 0.06 - 0.5) * 2 + 0.5
        s.polygon(
            [(a, s.horizon), (a + 0.004, s.horizon), (b + 0.012, 1), (b, 1)],
            _scale(floor, 0.76),
            "ground",
            130,
        )
    s.box(0, s.horizon - 0.02, 1, s.horizon, (248, 246, 240), "wall", 42)
    x, y, w, h = s.land.uniform(0.08, 0.6), s.land.uniform(0.08, 0.16), s.land.uniform(0.22, 0.3), 0.3
    s.box(x - 0.016, y - 0.016, x + w + 0.016, y + h + 0.016, (250, 250, 246), "wall", 40)
    s.box(x, y, x + w, y + h, (160, 208, 240), "sky", 5)
    s.box(x, y + h * 0.66, x + w, y + h, (136, 190, 120), "far", 20)
    s.box(x + w / 2 - 0.006, y, x + w / 2 + 0.006, y + h, (250, 250, 246), "wall", 40)
    s.box(x, y + h / 2 - 0.006, x + w, y + h / 2 + 0.006, (250, 250, 246), "wall", 40)
    rug = s.vary(s.land.choice(((190, 84, 84), (84, 116, 176), (226, 178, 92))), 12)
    s.ellipse(0.5, 0.88, 0.36, 0.085, rug, "ground", FLAT)
    s.ellipse(0.5, 0.88, 0.30, 0.066, _scale(rug, 1.16), "ground", FLAT)


def _mountains(s: _Sketch) -> None:
    s.band(s.horizon - 0.02, s.horizon + 0.06, (104, 152, 92), (104, 152, 92), label="ground", near=(50, 60))
    for height, color, near in ((0.34, (142, 154, 184), 25), (0.24, (112, 124, 150), 35)):
        x = s.land.uniform(-0.25, -0.05)
        rock = s.vary(color, 8)
        while x < 1:
            w, h = s.land.uniform(0.34, 0.55), height * s.land.uniform(0.7, 1.1)
            peak = (x + w * s.land.uniform(0.42, 0.58), s.horizon - h)
            base = s.horizon + 0.02
            s.polygon([(x, base), peak, (x + w, base)], rock, "far", near)
            s.polygon([peak, (x + w, base), (peak[0] + w * 0.06, base)], _scale(rock, 0.88), "far", near)
            left = (peak[0] + (x - peak[0]) * 0.26, peak[1] + h * 0.26)
            right = (peak[0] + (x + w - peak[0]) * 0.26, peak[1] + h * 0.26)
            zigzag = [(peak[0] + w * 0.03, peak[1] + h * 0.2), (peak[0] - w * 0.02, peak[1] + h * 0.27)]
            s.polygon([left, peak, right, *zigzag], (246, 249, 253), "far", near)
            x += w * 0.6
    s.ridge(s.horizon + 0.05, 0.06, s.land.uniform(4, 7), s.vary((96, 150, 88), 8), "ground", 50)
    s.band(
        s.horizon + 0.05,
        1,
        s.vary((134, 180, 98), 8),
        s.vary((104, 152, 76), 8),
        label="ground",
        near=(62, 210),
    )


def _draw_pine(s: _Sketch, x: float, y: float, height: float, color: Color, near: int) -> None:
    s.box(x - height * 0.05, y - height * 0.15, x + height * 0.05, y, (104, 76, 56), "plant", near)
    for top, bottom, half in ((1.0, 0.5, 0.22), (0.78, 0.3, 0.29), (0.55, 0.1, 0.36)):
        s.polygon(
            [
                (x - height * half, y - height * bottom),
                (x, y - height * top),
                (x + height * half, y - height * bottom),
            ],
            color,
            "plant",
            near,
        )


def _forest(s: _Sketch) -> None:
    s.ridge(s.horizon + 0.02, 0.2, s.land.uniform(9, 14), s.vary((128, 170, 140), 8), "plant", 30)
    for row, (color, near) in enumerate((((78, 136, 92), 42), ((46, 106, 66), 52))):
        x = s.land.uniform(-0.05, 0.05)
        while x < 1.05:
            y = s.horizon + 0.02 + row * 0.025 + s.land.uniform(0, 0.02)
            _draw_pine(s, x, y, s.land.uniform(0.28, 0.44), s.vary(color, 8), near)
            x += s.land.uniform(0.13, 0.22)
    s.band(
        s.horizon + 0.04,
        1,
        s.vary((98, 144, 76), 8),
        s.vary((74, 116, 56), 8),
        label="ground",
        near=(62, 210),
    )
    for _ in range(10):
        x, y = s.land.random(), s.land.uniform(s.horizon + 0.1, 0.98)
        s.ellipse(x, y, 0.02, 0.006, s.vary((92, 136, 70), 10), "ground", s.near_at(y))


def _space(s: _Sketch) -> None:
    top, bottom = s.vary((12, 10, 36), 6), s.vary((48, 26, 84), 14)
    s.band(0, 1, top, bottom, label="sky", near=(0, 0))
    for _ in range(60):
        x, y, r = s.land.random(), s.land.random(), s.land.uniform(0.002, 0.006)
        s.ellipse(x, y, r, r, _clip(255, 250, s.land.uniform(190, 255)), "sky", 0)
    x, y, r = s.land.choice((0.14, 0.86)), s.land.uniform(0.12, 0.24), s.land.uniform(0.08, 0.13)
    globe = s.land.choice(((226, 144, 96), (120, 176, 220), (200, 130, 190), (150, 200, 150)))
    s.ellipse(x, y, r, r, globe, "far", 10)
    s.ellipse(x - r * 0.2, y - r * 0.2, r * 0.72, r * 0.72, _scale(globe, 1.12), "far", 10)


_PLACES: dict[str, Callable[[_Sketch], None]] = {
    "meadow": _meadow,
    "beach": _beach,
    "desert": _desert,
    "snow": _snow,
    "sea": _sea,
    "city": _city,
    "room": _room,
    "mountains": _mountains,
    "forest": _forest,
    "space": _space,
}


@lru_cache(maxsize=256)
def shapes(background: Background) -> tuple[tuple[Shape, ...], float]:
    """The background's shapes, farthest first, and the height of its horizon."""
    place = background.place
    if place in ("plain", "gradient"):
        colors = tuple(PAPERS[name] for name in background.colors)
        return (Shape("band", ((0, 0), (1, 1)), colors, "wall", (20, 20), True),), 0.5
    land = random.Random(background.seed)
    sketch = _Sketch(background, land, random.Random(background.seed ^ 0x5A5A), land.uniform(0.50, 0.60), [])
    if background.outdoors:
        _draw_sky(sketch)
    _PLACES[place](sketch)
    return tuple(sketch.shapes), sketch.horizon


def horizon(background: Background) -> float:
    """Where the ground begins, in fractions of the height."""
    return _horizon(background.place, background.seed)


@lru_cache(maxsize=4096)
def _horizon(place: str, seed: int) -> float:
    return 0.5 if place in ("plain", "gradient") else shapes(Background(place, (), seed))[1]
