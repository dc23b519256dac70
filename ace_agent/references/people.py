"""A drawn figure with joints: its appearance, its poses and its skeleton.

Noto draws people as busts in one pose; poses, clothes and expressions need a body of our own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from PIL import Image, ImageDraw

from ace_agent.references.colors import RGB
from ace_agent.references.objects import Person

Color = tuple[int, int, int]
Point = tuple[float, float]
Box = tuple[float, float, float, float]
_At = Callable[[float, float], Point]

SKINS: dict[str, Color] = {
    "light": (250, 214, 180),
    "tan": (226, 172, 124),
    "brown": (168, 114, 76),
    "dark": (112, 72, 48),
}
HAIR_COLORS: dict[str, Color] = {
    "black": (48, 42, 44),
    "brown": (116, 74, 46),
    "blond": (238, 200, 104),
    "red": (204, 84, 44),
    "gray": (178, 178, 182),
    "pink": (244, 134, 182),
    "blue": (72, 120, 206),
    "green": (84, 166, 92),
}
USUAL_HAIR = "brown"
"""Colour of hair that replaces a bald head."""
HAIRS = ("short", "long", "curly", "bald")
EXPRESSIONS = ("neutral", "smiling", "laughing", "sad", "surprised", "angry", "winking", "sleeping")
GARMENTS = ("t-shirt", "jacket", "dress", "hoodie", "striped shirt", "suit")
HIDING_TROUSERS = ("dress", "suit")
USUAL_TROUSERS = "blue"
"""Colour of trousers that a change of clothes uncovers."""
_LONG_SLEEVED = ("jacket", "hoodie", "suit", "striped shirt")

# Degrees from straight down: back, then upper arm and forearm of each side, thigh and shin of each side.
POSES: dict[str, tuple[float, ...]] = {
    "standing": (0, 12, 8, -12, -8, 5, 5, -5, -5),
    "raising both arms": (0, 150, 165, -150, -165, 8, 5, -8, -5),
    "with open arms": (0, 88, 90, -88, -90, 7, 5, -7, -5),
    "waving": (0, 135, 195, -15, -10, 5, 5, -5, -5),
    "running": (8, 60, 130, -55, 20, 52, -15, -32, -80),
    "jumping": (0, 140, 160, -140, -160, 50, -30, -50, 30),
    "kicking": (-8, 60, 90, -60, -90, 78, 70, -6, -4),
    "pointing": (0, 92, 92, -18, -10, 6, 5, -6, -5),
    "dancing": (6, 130, 100, -70, -150, 12, 20, -40, 30),
    "with hands on hips": (0, 50, -50, -50, 50, 10, 6, -10, -6),
}

_TORSO = ("left shoulder", "right shoulder", "right hip", "left hip")
_HEAD = 0.115  # radius of the head; a standing figure is about 1 high


def joints(person: Person) -> dict[str, Point]:
    """Joints in body units, y down, the hips at (0, 0)."""
    sway = person.sway or (0.0,) * 9
    angles = [a + b for a, b in zip(POSES[person.pose], sway, strict=True)]
    back, right_arm, right_fore, left_arm, left_fore, right_thigh, right_shin, left_thigh, left_shin = angles

    def reach(start: Point, angle: float, length: float) -> Point:
        return (
            start[0] + length * math.sin(math.radians(angle)),
            start[1] + length * math.cos(math.radians(angle)),
        )

    neck = reach((0, 0), 180 - back, 0.29)
    points = {"neck": neck, "head": reach(neck, 180 - back, 0.15)}
    for side, sign, arm, fore, thigh, shin in (
        ("right", 1, right_arm, right_fore, right_thigh, right_shin),
        ("left", -1, left_arm, left_fore, left_thigh, left_shin),
    ):
        points[f"{side} shoulder"] = (neck[0] + sign * 0.085, neck[1] + 0.03)
        points[f"{side} elbow"] = reach(points[f"{side} shoulder"], arm, 0.15)
        points[f"{side} wrist"] = reach(points[f"{side} elbow"], fore, 0.14)
        points[f"{side} hip"] = (sign * 0.05, 0.0)
        points[f"{side} knee"] = reach(points[f"{side} hip"], thigh, 0.2)
        points[f"{side} ankle"] = reach(points[f"{side} knee"], shin, 0.2)
    return points


def box(person: Person) -> Box:
    """What the figure covers in body units: left, top, right, bottom."""
    if person.bust:
        return -0.27, -0.31, 0.27, 0.23
    if person.unworn:
        return -0.28, -0.36, 0.28, 0.22 if person.garment == "dress" else 0.08
    points = joints(person)
    margin = 0.055
    xs, ys = [x for x, _ in points.values()], [y for _, y in points.values()]
    head = points["head"]
    wide = 1.55 * _HEAD
    return (
        min(min(xs) - margin, head[0] - wide),
        min(min(ys) - margin, head[1] - 1.5 * _HEAD),
        max(max(xs) + margin, head[0] + wide),
        max(ys) + margin,
    )


def draw(person: Person, height: int, glasses: str = "") -> Image.Image:
    """The figure on a transparent ground, RGBA, its box fitted to ``height`` pixels."""
    left, top, right, bottom = box(person)
    scale = 2 * height / (bottom - top)
    size = (max(2, round((right - left) * scale)), 2 * height)
    canvas = Image.new("RGBA", (size[0] + size[0] % 2, size[1]))
    pen = _Pen(ImageDraw.Draw(canvas), scale, (-left, -top))
    if person.bust:
        _draw_bust(pen, person)
        _draw_head(pen, (0.0, -0.07), 0.175, person, glasses)
    elif person.unworn:
        _draw_garment(pen, person)
    else:
        points = joints(person)
        _draw_body(pen, points, person)
        _draw_head(pen, points["head"], _HEAD, person, glasses)
    return canvas.reduce(2)


def head_box(person: Person) -> Box:
    """The head within the figure's box, in fractions: left, top, right, bottom."""
    (x, y), r = ((0.0, -0.07), 0.175) if person.bust else (joints(person)["head"], _HEAD)
    return _within(person, (x - 1.15 * r, y - 1.3 * r, x + 1.15 * r, y + 1.05 * r))


def part_boxes(person: Person, glasses: str = "") -> dict[str, Box]:
    """Boxes of the head and clothes, as `head_box` gives them, by a key that is equal for parts that look the same."""
    face = f"{person.skin}|{person.hair}|{person.hair_color}|{person.expression}|{person.beard}|{glasses}"
    head = f"head|{face}"
    clothes = f"clothes|{person.garment}|{person.garment_color}"
    if person.bust:
        return {head: head_box(person)}
    points = joints(_hung(person) if person.unworn else person)
    xs, ys = zip(*(points[name] for name in _TORSO), strict=True)
    torso = _within(person, (min(xs) - 0.05, min(ys) - 0.05, max(xs) + 0.05, max(ys) + 0.05))
    return {clothes: torso} if person.unworn else {clothes: torso, head: head_box(person)}


def _within(person: Person, inner: Box) -> Box:
    left, top, right, bottom = box(person)
    width, height = right - left, bottom - top
    return (
        (inner[0] - left) / width,
        (inner[1] - top) / height,
        (inner[2] - left) / width,
        (inner[3] - top) / height,
    )


class _Pen:
    """Draws in body units."""

    def __init__(self, pen: ImageDraw.ImageDraw, scale: float, origin: Point) -> None:
        self.pen, self.scale, self.origin = pen, scale, origin

    def at(self, point: Point) -> Point:
        return (point[0] + self.origin[0]) * self.scale, (point[1] + self.origin[1]) * self.scale

    def limb(self, a: Point, b: Point, width: float, color: Color) -> None:
        ends = [self.at(a), self.at(b)]
        r = width * self.scale / 2
        self.pen.line(ends, fill=color, width=max(1, round(2 * r)))
        for x, y in ends:
            self.pen.ellipse((x - r, y - r, x + r, y + r), fill=color)

    def polygon(self, points: list[Point], color: Color) -> None:
        self.pen.polygon([self.at(p) for p in points], fill=color)

    def ellipse(self, center: Point, rx: float, ry: float, color: Color) -> None:
        x, y = self.at(center)
        rx, ry = rx * self.scale, ry * self.scale
        self.pen.ellipse((x - rx, y - ry, x + rx, y + ry), fill=color)

    def arc(
        self, center: Point, rx: float, ry: float, start: int, stop: int, color: Color, width: float
    ) -> None:
        x, y = self.at(center)
        rx, ry = rx * self.scale, ry * self.scale
        line = max(1, round(width * self.scale))
        self.pen.arc((x - rx, y - ry, x + rx, y + ry), start, stop, fill=color, width=line)

    def ring(self, center: Point, r: float, color: Color, width: float) -> None:
        self.arc(center, r, r, 0, 360, color, width)


def _darker(color: Color, share: float = 0.82) -> Color:
    red, green, blue = (round(channel * share) for channel in color)
    return red, green, blue


def _draw_body(pen: _Pen, p: Mapping[str, Point], person: Person) -> None:
    skin, cloth, legs = SKINS[person.skin], RGB[person.garment_color], RGB[person.trousers]
    long_sleeves = person.garment in _LONG_SLEEVED
    if person.garment == "dress":
        legs = skin
    elif person.garment == "suit":
        legs = cloth
    for side, color in (("left", _darker(legs, 0.86)), ("right", legs)):
        pen.limb(p[f"{side} hip"], p[f"{side} knee"], 0.085, color)
        pen.limb(p[f"{side} knee"], p[f"{side} ankle"], 0.072, color)
        x, y = p[f"{side} ankle"]
        pen.ellipse((x, y + 0.012), 0.05, 0.032, (66, 54, 54))
    for side, color in (("left", _darker(cloth, 0.86)), ("right", cloth)):
        if side == "right":
            _draw_torso(pen, p, person, cloth)
        pen.limb(p[f"{side} elbow"], p[f"{side} wrist"], 0.055, color if long_sleeves else skin)
        pen.limb(p[f"{side} shoulder"], p[f"{side} elbow"], 0.068, color)
        pen.ellipse(p[f"{side} wrist"], 0.032, 0.032, skin)
    pen.limb(p["neck"], p["head"], 0.06, _darker(skin, 0.92))


def _hung(person: Person) -> Person:
    return replace(person, pose="standing", sway=(0, 50, 45, -50, -45, 0, 0, 0, 0))


def _draw_garment(pen: _Pen, person: Person) -> None:
    """The garment alone, with its sleeves spread."""
    cloth = RGB[person.garment_color]
    hung = joints(_hung(person))
    for side in ("left", "right"):
        pen.limb(hung[f"{side} shoulder"], hung[f"{side} elbow"], 0.075, _darker(cloth, 0.9))
        if person.garment in _LONG_SLEEVED:
            pen.limb(hung[f"{side} elbow"], hung[f"{side} wrist"], 0.065, _darker(cloth, 0.9))
    _draw_torso(pen, hung, person, cloth)


def _draw_torso(pen: _Pen, p: Mapping[str, Point], person: Person, cloth: Color) -> None:
    corners = [p[name] for name in _TORSO]
    for a, b in zip(corners, [*corners[1:], corners[0]], strict=True):
        pen.limb(a, b, 0.075, cloth)
    pen.polygon(corners, cloth)
    neck, (lx, ly), (rx, ry) = p["neck"], p["left hip"], p["right hip"]
    if person.garment == "dress":
        pen.polygon([p["left hip"], p["right hip"], (rx + 0.11, ry + 0.17), (lx - 0.11, ly + 0.17)], cloth)
        pen.limb((lx - 0.1, ly + 0.15), (rx + 0.1, ry + 0.15), 0.04, cloth)
    elif person.garment == "striped shirt":
        for share in (0.25, 0.5, 0.75, 1.0):
            y = neck[1] + share * (ly - neck[1])
            x = neck[0] + share * ((lx + rx) / 2 - neck[0])
            pen.limb((x - 0.09, y), (x + 0.09, y), 0.022, (250, 250, 250))
    elif person.garment in ("jacket", "suit"):
        middle = ((lx + rx) / 2, ly + 0.02)
        top = (neck[0], neck[1] + 0.02)
        pen.polygon([(top[0] - 0.04, top[1]), (top[0] + 0.04, top[1]), middle], (246, 246, 246))
        if person.garment == "suit":
            pen.limb(top, ((top[0] + middle[0]) / 2, (top[1] + middle[1]) / 2), 0.024, (180, 44, 48))
    elif person.garment == "hoodie":
        middle = ((lx + rx) / 2, ly - 0.06)
        pen.limb((middle[0] - 0.045, middle[1]), (middle[0] + 0.045, middle[1]), 0.05, _darker(cloth))
        pen.limb((neck[0] - 0.06, neck[1]), (neck[0] + 0.06, neck[1]), 0.07, _darker(cloth))


def _draw_bust(pen: _Pen, person: Person) -> None:
    skin, cloth = SKINS[person.skin], RGB[person.garment_color]
    pen.limb((0, 0.0), (0, 0.14), 0.11, _darker(skin, 0.92))
    pen.polygon(
        [(-0.21, 0.24), (-0.19, 0.19), (-0.08, 0.135), (0.08, 0.135), (0.19, 0.19), (0.21, 0.24)], cloth
    )
    pen.ellipse((-0.17, 0.235), 0.07, 0.075, cloth)
    pen.ellipse((0.17, 0.235), 0.07, 0.075, cloth)
    if person.garment in ("jacket", "suit"):
        pen.polygon([(-0.06, 0.13), (0.06, 0.13), (0, 0.235)], (246, 246, 246))
        if person.garment == "suit":
            pen.limb((0, 0.15), (0, 0.22), 0.03, (180, 44, 48))
    elif person.garment == "striped shirt":
        for y in (0.17, 0.205):
            pen.limb((-0.16, y), (0.16, y), 0.014, (250, 250, 250))
    elif person.garment == "hoodie":
        pen.limb((-0.08, 0.14), (0.08, 0.14), 0.06, _darker(cloth))
    pen.ellipse((0, 0.128), 0.062, 0.035, _darker(skin, 0.92))


def _draw_head(pen: _Pen, center: Point, r: float, person: Person, glasses: str) -> None:
    x, y = center
    skin, hair = SKINS[person.skin], HAIR_COLORS[person.hair_color]

    def at(dx: float, dy: float) -> Point:
        return x + dx * r, y + dy * r

    if person.hair == "long":
        pen.ellipse(at(0, -0.15), 1.16 * r, 1.16 * r, hair)
        pen.polygon([at(-1.16, -0.15), at(1.16, -0.15), at(1.1, 1.1), at(-1.1, 1.1)], hair)
    elif person.hair == "curly":
        for angle in range(150, 400, 28):
            dx, dy = math.cos(math.radians(angle)), math.sin(math.radians(angle))
            pen.ellipse(at(dx * 0.92, dy * 0.92 - 0.05), 0.42 * r, 0.42 * r, hair)
    elif person.hair == "short":
        pen.ellipse(at(0, -0.2), 1.06 * r, 1.06 * r, hair)
    pen.ellipse(at(-0.98, 0.12), 0.16 * r, 0.2 * r, _darker(skin, 0.9))
    pen.ellipse(at(0.98, 0.12), 0.16 * r, 0.2 * r, _darker(skin, 0.9))
    pen.ellipse(at(0, 0.05), 0.94 * r, r, skin)
    if person.hair != "bald":
        fringe = [at(-0.95, 0.0), at(-0.8, -0.62), at(0, -0.98), at(0.8, -0.62), at(0.95, 0.0)]
        pen.polygon([*fringe, at(0.62, -0.42), at(-0.25, -0.5)], hair)
    if person.beard:
        pen.arc(at(0, 0.12), 0.74 * r, 0.78 * r, 15, 165, hair, 0.34 * r)
        pen.ellipse(at(0, 0.62), 0.42 * r, 0.2 * r, hair)
    _draw_face(pen, at, r, person.expression, hair if person.hair != "bald" else (84, 62, 52))
    if glasses:
        dark = (34, 34, 40)
        for side in (-0.4, 0.4):
            if glasses == "sunglasses":
                pen.ellipse(at(side, 0.02), 0.33 * r, 0.29 * r, dark)
            else:
                pen.ring(at(side, 0.02), 0.33 * r, dark, 0.1 * r)
        pen.limb(at(-0.14, -0.02), at(0.14, -0.02), 0.1 * r, dark)


def _draw_face(pen: _Pen, at: _At, r: float, expression: str, brow: Color) -> None:
    ink, mouth = (58, 42, 40), (150, 48, 52)
    for side in (-0.38, 0.38):
        shut = expression == "sleeping" or (expression == "winking" and side > 0)
        if shut or expression == "laughing":
            start, stop = (0, 180) if expression == "sleeping" else (180, 360)
            pen.arc(at(side, 0.06), 0.18 * r, 0.14 * r, start, stop, ink, 0.09 * r)
        else:
            wide = 0.17 if expression == "surprised" else 0.125
            pen.ellipse(at(side, 0.03), wide * r, (wide + 0.03) * r, ink)
        tilt = {"angry": 0.14, "sad": -0.12}.get(expression, 0.0)
        lift = {"surprised": -0.12}.get(expression, 0.0)
        inner, outer = (side * 0.5, -0.3 + tilt + lift), (side * 1.5, -0.3 - tilt + lift)
        pen.limb(at(*inner), at(*outer), 0.08 * r, _darker(brow, 0.8))
    if expression in ("smiling", "winking"):
        pen.arc(at(0, 0.3), 0.38 * r, 0.32 * r, 15, 165, mouth, 0.11 * r)
    elif expression == "laughing":
        pen.pen.chord(_corners(pen, at(0, 0.36), 0.4 * r, 0.4 * r), 0, 180, fill=mouth)
    elif expression in ("sad", "angry"):
        pen.arc(at(0, 0.72), 0.34 * r, 0.26 * r, 205, 335, mouth, 0.11 * r)
    elif expression == "surprised":
        pen.ellipse(at(0, 0.54), 0.17 * r, 0.23 * r, mouth)
    else:
        pen.limb(at(-0.2, 0.52), at(0.2, 0.52), 0.1 * r, mouth)


def _corners(pen: _Pen, center: Point, rx: float, ry: float) -> tuple[float, float, float, float]:
    x, y = pen.at(center)
    return x - rx * pen.scale, y - ry * pen.scale, x + rx * pen.scale, y + ry * pen.scale
