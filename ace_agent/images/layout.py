"""Frames, collages and watermarks: pictures put onto, beside and over each other."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image, ImageChops, ImageColor, ImageDraw, ImageFilter, ImageFont, ImageOps

from ace_agent.images.geometry import place_box


def frame(image: Image.Image, style: str, width: int, color: str) -> Image.Image:
    """A border of `width` pixels.

    Args:
        style: `plain`, `polaroid` (a wide lower edge), `rounded` (transparent corners of that radius) or `shadow` (the
            picture over its soft shadow).
    """
    if style == "rounded":
        corners = Image.new("L", image.size)
        ImageDraw.Draw(corners).rounded_rectangle((0, 0, image.width - 1, image.height - 1), width, fill=255)
        rounded = image.convert("RGBA")
        rounded.putalpha(ImageChops.multiply(rounded.getchannel("A"), corners))
        return rounded
    below = 4 * width if style == "polaroid" else width
    canvas = Image.new("RGB", (image.width + 2 * width, image.height + width + below), color)
    if style == "shadow":
        shade = Image.new("L", canvas.size)
        drop = width // 3
        shade.paste(150, (width, width + drop, width + image.width, width + drop + image.height))
        canvas.paste("black", (0, 0), shade.filter(ImageFilter.GaussianBlur(width / 3)))
    canvas.paste(image, (width, width), image.getchannel("A") if image.mode == "RGBA" else None)
    return canvas


def collage(
    images: Sequence[Image.Image],
    columns: int | None = None,
    gap: float = 0.02,
    color: str = "white",
    labels: Sequence[str] = (),
) -> Image.Image:
    """Pictures in a grid, each whole, scaled to cells of one height a row.

    Args:
        columns: default: one row up to three pictures, else about as many columns as rows.
        gap: between the pictures, of a cell's width.
        labels: a line under each picture; missing ones stay empty.
    """
    count = len(images)
    across = columns or (count if count <= 3 else math.ceil(math.sqrt(count)))
    across = min(across, count)
    width = min(max(image.width for image in images), 8000 // across)
    space = round(width * gap)
    height = round(max(width * image.height / image.width for image in images))
    height = min(height, 2 * width)
    line = round(width * 0.08) if any(labels) else 0
    rows = math.ceil(count / across)
    size = (across * width + (across + 1) * space, rows * (height + line) + (rows + 1) * space)
    sheet = Image.new("RGB", size, color)
    for number, image in enumerate(images):
        left = space + number % across * (width + space)
        top = space + number // across * (height + line + space)
        small = ImageOps.contain(image.convert("RGBA"), (width, height), Image.Resampling.LANCZOS)
        x, y, _, _ = place_box(small.size, (width, height), "middle")
        sheet.paste(small, (left + x, top + y), small.getchannel("A"))
        if number < len(labels) and labels[number]:
            dark = sum(ImageColor.getrgb(color)[:3]) < 3 * 128
            font = ImageFont.load_default(line * 0.6)
            ImageDraw.Draw(sheet).text(
                (left + width / 2, top + height + line / 2),
                labels[number],
                "white" if dark else "black",
                font,
                "mm",
            )
    return sheet


def text_mark(text: str, color: str, height: int) -> Image.Image:
    """Words as RGBA, as large as their ink, in letters of `height` pixels, with a thin dark or light outline."""
    font = ImageFont.load_default(height)
    dark = sum(ImageColor.getrgb(color)[:3]) < 3 * 128
    stroke = max(1, height // 24)
    box = ImageDraw.Draw(Image.new("L", (1, 1))).textbbox((0, 0), text, font, stroke_width=stroke)
    mark = Image.new("RGBA", (max(1, round(box[2] - box[0])), max(1, round(box[3] - box[1]))), (0, 0, 0, 0))
    pen = ImageDraw.Draw(mark)
    pen.text(
        (-box[0], -box[1]), text, color, font, stroke_width=stroke, stroke_fill="white" if dark else "black"
    )
    return mark


def watermark(image: Image.Image, mark: Image.Image, place: str, opacity: float, width: float) -> Image.Image:
    """`mark`, RGBA, over a picture, `width` of its width, a fiftieth of it from the edges."""
    over = mark.convert("RGBA")
    wide = max(1, round(image.width * width))
    over = over.resize((wide, max(1, round(over.height * wide / over.width))), Image.Resampling.LANCZOS)
    over.thumbnail(image.size)
    over.putalpha(over.getchannel("A").point(lambda value: round(value * opacity)))
    margin = image.width // 50
    inner = tuple(max(1, side - 2 * margin) for side in image.size)
    left, top, _, _ = place_box(over.size, (inner[0], inner[1]), place)
    layer = Image.new("RGBA", image.size, (0, 0, 0, 0))
    layer.paste(over, (max(0, left + margin), max(0, top + margin)))
    marked = Image.alpha_composite(image.convert("RGBA"), layer)
    return marked if image.mode == "RGBA" else marked.convert("RGB")
