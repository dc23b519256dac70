"""Procedural landscapes and rooms: their shapes, from a seed.

Solid shapes and the sky have random streams of their own, so the time of day and the weather change colours and the sky
but never move the land.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from functools import lru_cache

from ace_agent.data.scenes.scene import Background
from ace_agent.data.scenes.sketch import FLAT, Color, Shape, Sketch, clip, draw_sky, light, shade
from ace_agent.references.colors import PAPERS


def _meadow(s: Sketch) -> None:
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


def _beach(s: Sketch) -> None:
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


def _desert(s: Sketch) -> None:
    sand = s.vary((232, 182, 108), 10)
    s.ridge(s.horizon + 0.02, 0.12, s.land.uniform(3, 6), shade(sand, 0.86), "far", 35)
    s.ridge(s.horizon + 0.05, 0.08, s.land.uniform(3, 6), shade(sand, 0.94), "ground", 50)
    s.band(s.horizon + 0.05, 1, sand, shade(sand, 1.1), label="ground", near=(60, 210))
    s.ridge(0.99, 0.13, s.land.uniform(3, 5), shade(sand, 1.04), "ground", 190)
    x, y = s.land.uniform(0.1, 0.9), s.horizon + 0.05
    green = s.vary((76, 138, 74), 8)
    arms = ((-0.014, -0.17, 0.014, 0), (-0.05, -0.085, 0, -0.06), (-0.05, -0.13, -0.03, -0.06))
    for left, top, right, bottom in (*arms, (0, -0.105, 0.05, -0.08), (0.03, -0.15, 0.05, -0.08)):
        s.box(x + left, y + top, x + right, y + bottom, green, "plant", 55)


def _snow(s: Sketch) -> None:
    s.ridge(s.horizon + 0.02, 0.16, s.land.uniform(3, 6), s.vary((196, 214, 236), 8), "far", 35)
    s.ridge(s.horizon + 0.03, 0.07, s.land.uniform(4, 7), s.vary((218, 232, 246), 6), "ground", 50)
    for _ in range(s.land.randint(3, 6)):
        x, y = s.land.random(), s.horizon + s.land.uniform(0, 0.03)
        _draw_pine(s, x, y, s.land.uniform(0.09, 0.15), s.vary((86, 138, 124), 8), 52)
    s.band(s.horizon + 0.03, 1, (236, 243, 250), (250, 252, 255), label="ground", near=(60, 210))
    s.ridge(0.98, 0.12, s.land.uniform(3, 5), (228, 237, 248), "ground", 190)


def _sea(s: Sketch) -> None:
    deep = s.vary((40, 112, 190), 10)
    if s.land.random() < 0.5:
        x = s.land.uniform(0.1, 0.9)
        island = [(x - 0.16, s.horizon), (x - 0.05, s.horizon - 0.06), (x + 0.05, s.horizon - 0.04)]
        s.polygon([*island, (x + 0.18, s.horizon)], s.vary((112, 150, 134)), "far", 40)
    s.band(s.horizon - 0.005, 1, shade(deep, 1.25), shade(deep, 0.85), label="water", near=(60, 210))
    for _ in range(16):
        x, y = s.land.random(), s.land.uniform(s.horizon + 0.03, 0.98)
        reach = (y - s.horizon) / (1 - s.horizon)
        w, h = 0.025 + 0.055 * reach, 0.004 + 0.006 * reach
        crest = [(x - w, y + h), (x - w / 2, y - h / 2), (x, y - h), (x + w / 2, y - h / 2), (x + w, y + h)]
        s.polygon([*crest, (x, y + h * 0.4)], shade(deep, 1.5), "water", s.near_at(y))


def _city(s: Sketch) -> None:
    # The towers have a random stream of their own, because their number varies and must not move the street.
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
        s.box(x + width * 0.86, top, x + width, s.horizon + 0.02, shade(wall, 0.86), "building", 35)
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


def _room(s: Sketch) -> None:
    wall = s.vary(s.land.choice(((240, 222, 198), (198, 220, 230), (232, 208, 218), (214, 228, 202))), 8)
    floor = s.vary((178, 130, 88), 14)
    s.horizon = s.land.uniform(0.60, 0.68)
    s.band(0, s.horizon, wall, shade(wall, 0.94), label="wall", near=(40, 40))
    s.band(s.horizon, 1, shade(floor, 0.84), shade(floor, 1.05), label="ground", near=(60, 210))
    for i in range(-3, 9):
        a, b = i / 6 + 0.06, (i / 6 + 0.06 - 0.5) * 2 + 0.5
        s.polygon(
            [(a, s.horizon), (a + 0.004, s.horizon), (b + 0.012, 1), (b, 1)],
            shade(floor, 0.76),
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
    s.ellipse(0.5, 0.88, 0.30, 0.066, shade(rug, 1.16), "ground", FLAT)


def _mountains(s: Sketch) -> None:
    s.band(s.horizon - 0.02, s.horizon + 0.06, (104, 152, 92), (104, 152, 92), label="ground", near=(50, 60))
    for height, color, near in ((0.34, (142, 154, 184), 25), (0.24, (112, 124, 150), 35)):
        x = s.land.uniform(-0.25, -0.05)
        rock = s.vary(color, 8)
        while x < 1:
            w, h = s.land.uniform(0.34, 0.55), height * s.land.uniform(0.7, 1.1)
            peak = (x + w * s.land.uniform(0.42, 0.58), s.horizon - h)
            base = s.horizon + 0.02
            s.polygon([(x, base), peak, (x + w, base)], rock, "far", near)
            s.polygon([peak, (x + w, base), (peak[0] + w * 0.06, base)], shade(rock, 0.88), "far", near)
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


def _draw_pine(s: Sketch, x: float, y: float, height: float, color: Color, near: int) -> None:
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


def _forest(s: Sketch) -> None:
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


def _space(s: Sketch) -> None:
    top, bottom = s.vary((12, 10, 36), 6), s.vary((48, 26, 84), 14)
    s.band(0, 1, top, bottom, label="sky", near=(0, 0))
    for _ in range(60):
        x, y, r = s.land.random(), s.land.random(), s.land.uniform(0.002, 0.006)
        s.ellipse(x, y, r, r, clip(255, 250, s.land.uniform(190, 255)), "sky", 0)
    x, y, r = s.land.choice((0.14, 0.86)), s.land.uniform(0.12, 0.24), s.land.uniform(0.08, 0.13)
    globe = s.land.choice(((226, 144, 96), (120, 176, 220), (200, 130, 190), (150, 200, 150)))
    s.ellipse(x, y, r, r, globe, "far", 10)
    s.ellipse(x - r * 0.2, y - r * 0.2, r * 0.72, r * 0.72, shade(globe, 1.12), "far", 10)


_PLACES: dict[str, Callable[[Sketch], None]] = {
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
    sketch = Sketch(background, land, random.Random(background.seed ^ 0x5A5A), land.uniform(0.50, 0.60), [])
    if background.outdoors:
        draw_sky(sketch)
    _PLACES[place](sketch)
    return tuple(sketch.shapes), sketch.horizon


def horizon(background: Background) -> float:
    """Where the ground begins, in fractions of the height."""
    return _horizon(background.place, background.seed)


@lru_cache(maxsize=4096)
def _horizon(place: str, seed: int) -> float:
    return 0.5 if place in ("plain", "gradient") else shapes(Background(place, (), seed))[1]
