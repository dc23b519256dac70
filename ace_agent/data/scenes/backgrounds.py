"""Rendering of landscapes and rooms, with maps of their classes and depth."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from ace_agent.data.scenes.landscapes import shapes
from ace_agent.data.scenes.scene import Background
from ace_agent.data.scenes.sketch import FLAT, LABELS, Color, Shape, light
from ace_agent.images.types import Pixels


def draw(background: Background, size: int) -> Image.Image:
    """Render the background, RGB of ``size`` x ``size``; drawn at twice the size for antialiasing."""
    double = 2 * size
    picture = Image.new("RGB", (double, double))
    pen = ImageDraw.Draw(picture)
    graded = background.outdoors
    for shape in shapes(background)[0]:
        colors = (
            shape.colors if shape.lit or not graded else tuple(light(c, background) for c in shape.colors)
        )
        if shape.kind == "band":
            top, bottom = (round(y * double) for _, y in shape.points)
            if len(colors) == 1:
                pen.rectangle((0, top, double, bottom), fill=colors[0])
            else:
                picture.paste(_gradient(colors, double, bottom - top), (0, top))
        else:
            _fill(pen, shape, colors[0], double)
    return picture.reduce(2)


def _gradient(colors: tuple[Color, ...], width: int, height: int) -> Image.Image:
    return _column(colors, max(1, height)).resize((width, max(1, height)), Image.Resampling.NEAREST)


@lru_cache(maxsize=1000)
def _column(colors: tuple[Color, ...], height: int) -> Image.Image:
    """A gradient from top to bottom, one pixel wide."""
    stops = np.linspace(0, 1, len(colors))
    steps = np.linspace(0, 1, height)
    column = np.stack([np.interp(steps, stops, channel) for channel in zip(*colors, strict=True)], -1)
    return Image.fromarray(column.round().astype(np.uint8)[:, None])


def _fill(pen: ImageDraw.ImageDraw, shape: Shape, fill: Color | int, side: int) -> None:
    points = [(x * side, y * side) for x, y in shape.points]
    if shape.kind == "polygon":
        pen.polygon(points, fill=fill)
    else:
        pen.ellipse(points, fill=fill)


def maps(background: Background, size: int) -> tuple[Pixels, Pixels]:
    """Class indices into `LABELS` and nearness 0..255 of each pixel, both uint8 [size, size]."""
    classes = list(LABELS)
    labels = Image.new("L", (size, size))
    depths = Image.new("L", (size, size))
    label_pen, depth_pen = ImageDraw.Draw(labels), ImageDraw.Draw(depths)
    for shape in shapes(background)[0]:
        label = classes.index(shape.label)
        if shape.kind == "band":
            top, bottom = (round(y * size) for _, y in shape.points)
            label_pen.rectangle((0, top, size, bottom), fill=label)
            column = np.linspace(*shape.depth, max(1, bottom - top)).round().astype(np.uint8)
            strip = Image.fromarray(column[:, None]).resize((size, len(column)), Image.Resampling.NEAREST)
            depths.paste(strip, (0, top))
        else:
            _fill(label_pen, shape, label, size)
            if shape.depth[0] != FLAT:
                _fill(depth_pen, shape, shape.depth[0], size)
    return np.array(labels), np.array(depths)
