"""Frozen descriptions of what can be drawn: objects and figures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Person:
    """A drawn figure: its look and its pose.

    Args:
        skin: a name of `people.SKINS`.
        hair: "short", "long", "curly" or "bald".
        hair_color: a name of `people.HAIR_COLORS`.
        expression: a name of `people.EXPRESSIONS`.
        garment: a name of `people.GARMENTS`.
        garment_color: colour name.
        trousers: colour name.
        pose: a name of `people.POSES`.
        sway: degrees added to each joint, so that poses vary.
        beard: whether the figure has one.
        bust: drawn as a portrait, head and shoulders only.
        unworn: only the garment is drawn, as if on a hanger.
    """

    skin: str = "light"
    hair: str = "short"
    hair_color: str = "brown"
    expression: str = "neutral"
    garment: str = "t-shirt"
    garment_color: str = "blue"
    trousers: str = "black"
    pose: str = "standing"
    sway: tuple[float, ...] = ()
    beard: bool = False
    bust: bool = False
    unworn: bool = False


@dataclass(frozen=True)
class Object:
    """One thing in a scene.

    Args:
        name: a noun of the vocabulary ("man+red": with red hair), or "person" for a drawn figure.
        style: drawing style of its sprite.
        x: its centre, in fractions of the picture's width.
        y: its lowest point, in fractions of the height.
        size: its longest side, in fractions of the picture.
        flip: mirrored left to right.
        color: its tint; "" for none.
        texture: a name of `colors.TEXTURES`; "" for none.
        hat: a hat's noun; "" for none.
        hat_color: the hat's tint.
        glasses: a noun of glasses; "" for none.
        person: appearance of a "person".
        twin: tells apart objects that look the same; 1 for the first.
        word: size word that a caption uses ("big"); "" for none.
    """

    name: str
    style: str = "noto"
    x: float = 0.5
    y: float = 0.9
    size: float = 0.4
    flip: bool = False
    color: str = ""
    texture: str = ""
    hat: str = ""
    hat_color: str = ""
    glasses: str = ""
    person: Person | None = None
    twin: int = 1
    word: str = ""

    @property
    def key(self) -> str:
        """Equal for objects with equal pixels, up to an affine map and a tint."""
        look = f"{self.name}|{self.style}"
        if self.texture:
            look += f"|{self.texture}"
        if self.person:
            look += f"|{abs(hash_text(repr(self.person))):x}"
        return look if self.twin == 1 else f"{look}#{self.twin}"


def hash_text(text: str) -> int:
    """A 32-bit hash of ``text`` that does not change between runs (FNV-1a)."""
    value = 2166136261
    for byte in text.encode():
        value = (value ^ byte) * 16777619 & 0xFFFFFFFF
    return value
