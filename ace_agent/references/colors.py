"""Colour words, tinting and textures."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image

RGB: dict[str, tuple[int, int, int]] = {
    "red": (222, 44, 50),
    "orange": (245, 138, 35),
    "yellow": (250, 212, 55),
    "green": (72, 170, 78),
    "blue": (55, 115, 215),
    "purple": (142, 78, 182),
    "pink": (248, 150, 190),
    "brown": (138, 92, 60),
    "gray": (150, 152, 156),
    "white": (246, 246, 246),
    "black": (42, 42, 48),
    "teal": (45, 165, 165),
}
TINTS = (
    "red",
    "orange",
    "yellow",
    "green",
    "blue",
    "purple",
    "pink",
    "brown",
    "black",
    "white",
    "teal",
    "gray",
)
"""Colours that a thing may be tinted."""

PAPERS: dict[str, tuple[int, int, int]] = {
    "white": (250, 250, 250),
    "cream": (250, 240, 215),
    "light blue": (196, 224, 245),
    "light green": (205, 235, 200),
    "pink": (250, 208, 220),
    "gray": (205, 207, 212),
    "yellow": (252, 228, 130),
    "orange": (250, 190, 120),
    "purple": (205, 185, 232),
    "blue": (120, 165, 230),
    "green": (130, 195, 130),
    "red": (228, 110, 105),
    "black": (48, 48, 56),
    "teal": (140, 210, 205),
}
"""Colours of plain backgrounds, softer than those of things so that things stand out."""

Floats = npt.NDArray[np.floating]


def _largest(rgb: Floats) -> Floats:
    # Several times as fast as a maximum over the last axis.
    largest: Floats = np.maximum(np.maximum(rgb[..., 0], rgb[..., 1]), rgb[..., 2])
    return largest


def _smallest(rgb: Floats) -> Floats:
    smallest: Floats = np.minimum(np.minimum(rgb[..., 0], rgb[..., 1]), rgb[..., 2])
    return smallest


def hue_weight(rgb: Floats) -> Floats:
    """How much each pixel of float [H, W, 3] in 0..255 carries a hue, 0..1 of shape [H, W]."""
    value = _largest(rgb)
    saturation = (value - _smallest(rgb)) / np.maximum(value, 1)
    weight: Floats = np.clip((saturation - 0.10) / 0.14, 0, 1) * np.clip((value - 18) / 24, 0, 1)
    return weight.astype(np.float32)


_HUE_BINS = 36


def body_weight(pixels: npt.NDArray[np.uint8]) -> Floats:
    """How much each pixel of uint8 [H, W, 4] has the thing's main hue, 0..1 of shape [H, W].

    The main hue is the one nearest to most coloured pixels: an apple's red, not its leaf's green.
    """
    rgb = pixels[..., :3].astype(np.float32)
    every = hue_weight(rgb)
    coloured = every > 0
    weight = every[coloured]
    red, green, blue = rgb[coloured].T
    hue = np.arctan2(np.sqrt(3) * (green - blue), 2 * red - green - blue)
    counted = weight * (pixels[..., 3][coloured] > 128)
    bins = ((hue / (2 * np.pi) % 1) * _HUE_BINS).astype(np.int64) % _HUE_BINS
    histogram = np.bincount(bins, counted, _HUE_BINS)
    near = sum(np.roll(histogram, shift) for shift in (-2, -1, 0, 1, 2))
    main = (int(np.argmax(near)) + 0.5) / _HUE_BINS * 2 * np.pi
    apart = np.abs((hue - main + np.pi) % (2 * np.pi) - np.pi)
    every[coloured] = weight * np.clip((1.25 - apart) / 0.35, 0, 1)
    return every


def tint(sprite: Image.Image, color: str, body: Floats | None = None) -> Image.Image:
    """Recolour the parts of an RGBA sprite that have its main hue, keeping their shading. ``body`` is the sprite's
    `body_weight`, if known."""
    pixels = np.array(sprite)
    weight = (body_weight(pixels) if body is None else body).ravel()
    touched = np.flatnonzero(weight)
    looks = pixels.reshape(-1, 4).take(touched, 0)
    rgb, share = looks[:, :3].astype(np.float32), weight.take(touched)
    value = _lightness(rgb)
    inside = (share > 0.5) & (looks[:, 3] > 128)
    usual = float(np.median(value[inside])) if inside.any() else 128.0
    painted = _shade(np.array(RGB[color], np.float32), value / max(usual, 1.0))
    looks[:, :3] = (rgb + (painted - rgb) * share[:, None]).round()
    pixels.view(np.uint32).reshape(-1)[touched] = looks.view(np.uint32)[:, 0]  # four bytes at a time
    return Image.fromarray(pixels, "RGBA")


def tint_share(sprite: Image.Image, body: Floats | None = None) -> float:
    """Share of an RGBA sprite's opaque pixels that `tint` changes; ``body`` as there."""
    pixels = np.asarray(sprite)
    opaque = pixels[..., 3] > 128
    weight = body_weight(pixels) if body is None else body
    return float(((weight > 0.5) & opaque).sum() / max(1, opaque.sum()))


def _lightness(rgb: Floats) -> Floats:
    # Half the brightest channel, half the luminance: a yellow and a blue body then shade alike.
    lightness: Floats = 0.5 * _largest(rgb) + 0.5 * (rgb @ np.array([0.3, 0.59, 0.11], np.float32))
    return lightness


def _shade(color: Floats, light: Floats) -> Floats:
    """``color`` in the light of ``light`` (1 is usual): darker below, towards white above."""
    dark = color * np.clip(light, 0, 1)[..., None]
    glint = np.clip(light - 1, 0, 0.8)[..., None]
    shaded: Floats = dark + (255 - dark) * glint * 0.7
    return shaded


# ---- textures


def _waves(size: int, seed: int, octaves: tuple[int, ...]) -> Floats:
    """Smooth noise of shape [size, size] in 0..1."""
    rng = np.random.default_rng(seed)
    total = np.zeros((size, size), np.float32)
    for depth, cells in enumerate(octaves):
        grid = Image.fromarray(rng.random((cells, cells), dtype=np.float32))
        total += np.asarray(grid.resize((size, size), Image.Resampling.BICUBIC)) / 2**depth
    total -= total.min()
    return total / total.max()


def _mix(low: tuple[int, int, int], high: tuple[int, int, int], share: Floats) -> Floats:
    a, b = np.array(low, np.float32), np.array(high, np.float32)
    mixed: Floats = a + (b - a) * share[..., None]
    return mixed


_TILE = 128


@cache
def _texture(name: str) -> Floats:
    """The texture's tile, float [128, 128, 3] in 0..255."""
    y, x = np.mgrid[0:_TILE, 0:_TILE].astype(np.float32)
    soft = _waves(_TILE, 7, (4, 8, 16))
    fine = _waves(_TILE, 11, (16, 32, 64))
    if name == "wood":
        rings = 0.5 + 0.5 * np.sin(x * 0.42 + soft * 9)
        return _mix((120, 74, 38), (196, 140, 84), rings)
    if name == "marble":
        veins = np.abs(np.sin((x + y) * 0.05 + soft * 9)) ** 0.35
        return _mix((120, 124, 136), (248, 247, 244), veins)
    if name == "gold":
        return _mix((196, 138, 20), (255, 232, 120), 0.5 + 0.5 * np.sin((x + y) * 0.11 + soft * 3))
    if name == "silver":
        return _mix((120, 126, 136), (245, 248, 252), 0.5 + 0.5 * np.sin((x + y) * 0.11 + soft * 3))
    if name == "stone":
        return _mix((98, 96, 92), (178, 175, 168), 0.4 * soft + 0.6 * fine)
    if name == "ice":
        return _mix((120, 190, 235), (240, 252, 255), np.abs(np.sin((x - y) * 0.06 + soft * 7)) ** 0.6)
    if name == "brick":
        row = np.floor(y / 12)
        joint = (y % 12 < 2.2) | ((x + (row % 2) * 12) % 24 < 2.2)
        return _mix((176, 74, 52), (222, 212, 200), joint.astype(np.float32)) * (0.88 + 0.2 * fine[..., None])
    if name == "leopard fur":
        spots = np.clip((np.sin(x * 0.42 + soft * 8) * np.sin(y * 0.42 + fine * 4) - 0.25) * 6, 0, 1)
        return _mix((224, 168, 84), (70, 44, 24), spots)
    if name == "zebra fur":
        return _mix((30, 30, 34), (248, 248, 246), np.clip(np.sin(x * 0.45 + soft * 8) * 4 + 0.5, 0, 1))
    if name == "moss":
        return _mix((44, 84, 30), (132, 176, 66), 0.35 * soft + 0.65 * fine)
    raise KeyError(name)


TEXTURES = (
    "wood",
    "marble",
    "gold",
    "silver",
    "stone",
    "ice",
    "brick",
    "leopard fur",
    "zebra fur",
    "moss",
)


def cover(sprite: Image.Image, texture: str) -> Image.Image:
    """Cover an RGBA sprite with a texture, keeping its shading and lines."""
    pixels = np.asarray(sprite)
    rgb = pixels[..., :3].astype(np.float32)
    opaque = pixels[..., 3] > 128
    value = _lightness(rgb)
    usual = float(np.median(value[opaque])) if opaque.any() else 128.0
    tile = _texture(texture)[: pixels.shape[0], : pixels.shape[1]]
    # The square root lifts dark sprites, so that their texture shows.
    light = np.sqrt(np.clip(value / max(usual, 40.0), 0.06, 1.7))
    painted = np.clip(_shade(tile, light), 0, 255)
    return Image.fromarray(np.dstack([painted.round().astype(np.uint8), pixels[..., 3]]), "RGBA")


def dressed(sprite: Image.Image, color: str, texture: str, body: Floats | None = None) -> Image.Image:
    """An RGBA sprite with a texture and a tint, "" for none; ``body`` is the bare sprite's `body_weight`, if known."""
    if texture:
        sprite, body = cover(sprite, texture), None
    return tint(sprite, color, body) if color else sprite
