"""Words set in a picture, in the fonts of the package: wrapped, fitted, outlined."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont, features

from ace_agent.errors import InputError

FOLDER = Path(__file__).parents[1] / "weights" / "fonts"
FONTS = {
    "bold": "NotoSans-Bold", "sans": "NotoSans-Regular", "serif": "PlayfairDisplay-Bold", "hand": "Caveat-Bold",
}  # fmt: skip
_SCRIPTS = ("NotoSans-Bold", "NotoSansArabic-Bold", "NotoSansHebrew-Bold")
"""Fonts that are tried for letters which the chosen one has not."""
MOST = 300
"""Characters of a lettering."""
_WIDTH, _HEIGHT = 0.92, 0.9
"""How much of the picture the words may take."""
_SMALLEST = 8
"""Pixels of a line."""
_UNDRAWN = "\U0010fffd"
"""A character that no font has."""
_RIGHT_TO_LEFT = range(0x0590, 0x0800)


def letter(
    image: Image.Image,
    text: str,
    *,
    place: str = "bottom",
    size: float = 0.1,
    color: str | None = None,
    outline: bool | None = None,
    font: str = "bold",
) -> tuple[Image.Image, Image.Image]:
    """The picture with words in it, and an L mask of what changed.

    Args:
        image: RGB or RGBA.
        text: line breaks are kept, long lines wrapped.
        place: one of `ace_agent.plan.operations.Place`.
        size: height of a line, of the picture's height; less where the words would not fit.
        color: CSS name or `#rrggbb`; None: black or white, whichever is read better there.
        outline: None: only where the background is not plain.
        font: a name of `FONTS`.

    Raises:
        InputError: no words, too many, letters that no font here has, or a picture too small for them.
    """
    words = " ".join(text.split(" ")).strip()
    if not words:
        raise InputError("which words?", 'put them in quotes: write "HELLO"')
    if len(words) > MOST:
        raise InputError(f"the lettering has {len(words)} characters, more than {MOST}", "say less")
    file = _font_for(words, FONTS[font])
    lines, face = _fitted(words, image.size, size * image.height, file)
    spacing = face.size // 5
    margin = max(2, round(0.03 * min(image.size)))
    stroke = max(1, face.size // 14)
    block = "\n".join(lines)
    canvas = ImageDraw.Draw(Image.new("L", image.size))
    alignment = "left" if "left" in place else "right" if "right" in place else "center"
    left, top, right, bottom = canvas.multiline_textbbox(
        (0, 0), block, font=face, spacing=spacing, align=alignment, stroke_width=stroke
    )
    width, height = right - left, bottom - top
    x = {"left": margin, "right": image.width - margin - width}.get(alignment, (image.width - width) / 2)
    y = (
        margin
        if "top" in place
        else image.height - margin - height
        if "bottom" in place
        else (image.height - height) / 2
    )
    at = (x - left, y - top)
    box = (
        int(max(0, x)),
        int(max(0, y)),
        int(min(image.width, x + width)),
        int(min(image.height, y + height)),
    )
    behind = np.asarray(
        image.convert("L").crop(box) if box[2] > box[0] and box[3] > box[1] else image.convert("L")
    )
    ink = ImageColor.getrgb(color)[:3] if color else ((0, 0, 0) if behind.mean() > 150 else (255, 255, 255))
    lined = outline if outline is not None else bool(behind.std() > 18)
    edge = (0, 0, 0) if sum(ink) > 380 else (255, 255, 255)
    written = image.copy()
    changed = Image.new("L", image.size)
    for target, fill, rim in ((written, ink, edge), (changed, 255, 255)):
        ImageDraw.Draw(target).multiline_text(
            at,
            block,
            fill=fill,
            font=face,
            spacing=spacing,
            align=alignment,
            stroke_width=stroke if lined else 0,
            stroke_fill=rim,
        )
    return written, changed


def _fitted(
    text: str, size: tuple[int, int], line: float, file: str
) -> tuple[list[str], ImageFont.FreeTypeFont]:
    """The words in lines no wider than the picture, and the font in the largest size up to `line` at which all fit."""
    points = max(_SMALLEST, round(line))
    while True:
        face = _face(file, points)
        lines = [part for given in text.split("\n") for part in _wrapped(given, face, size[0] * _WIDTH)]
        wide = max(face.getlength(part) for part in lines)
        tall = len(lines) * points * 1.25
        if (
            wide <= size[0] * _WIDTH
            and tall <= size[1] * _HEIGHT
            and (len(lines) < 3 or points <= line * 0.6)
        ):
            return lines, face
        if points <= _SMALLEST:
            raise InputError(
                "the words do not fit into the picture", "say less, or enlarge the picture first"
            )
        points = max(_SMALLEST, min(points - 1, int(points * 0.92)))


def _wrapped(text: str, face: ImageFont.FreeTypeFont, width: float) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and face.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines or [""]


def _font_for(text: str, wanted: str) -> str:
    letters = sorted({c for c in text if not c.isspace()})
    missing = letters
    for file in dict.fromkeys((wanted, *_SCRIPTS)):
        missing = [c for c in letters if not _has(file, c)]
        if not missing:
            if any(ord(c) in _RIGHT_TO_LEFT for c in letters) and not features.check("raqm"):
                raise InputError(
                    "this Pillow sets no script from right to left", "install Pillow from a wheel"
                )
            return file
    raise InputError(
        f"no font here has {', '.join(repr(c) for c in missing[:3])}",
        "write in Latin, Greek, Cyrillic, Devanagari, Arabic or Hebrew letters; emoji are not set",
    )


@cache
def _has(file: str, character: str) -> bool:
    face = _face(file, 32)
    return bytes(face.getmask(character)) != bytes(face.getmask(_UNDRAWN))


@cache
def _face(file: str, points: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(FOLDER / f"{file}.ttf"), points)
