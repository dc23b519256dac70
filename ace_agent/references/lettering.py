"""Typeset words, in scenes and as reference pictures of what an instruction quotes.

After GlyphControl (arXiv 2305.18259): a small model can copy letters that it could not spell. numpy and Pillow only.
"""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ace_agent.quotes import QUOTED, is_caption
from ace_agent.references.colors import RGB
from ace_agent.references.types import Frame, NamedReference, Placement

INKS = ("white", "black", "red", "yellow", "blue", "green", "orange", "pink", "purple")
PLAIN = "white"
"""The ink where an instruction names none."""
PLATE = 128, 32
"""Width and height of a reference picture of words: as wide as a scene, so that they are copied pixel by pixel."""

_HEIGHT = 0.17  # of the type, in fractions of the picture
_WIDEST = 0.94
_SMALLEST = 7
_BRIGHT = 135


def drawn_as(quoted: str) -> str:
    """Quoted text as it is drawn: in capitals, "d r e a m" as one word."""
    words = quoted.split()
    return ("" if all(len(word) == 1 for word in words) else " ").join(words).upper()


def key(words: str) -> str:
    """Key of the placement of words."""
    return f'"{words}"|letters'


@lru_cache(maxsize=256)
def typeset(words: str, color: str, side: int) -> Image.Image:
    """Words with a rim, RGBA, at their size in a picture of ``side`` pixels."""
    height, stroke = round(_HEIGHT * side), max(1, side // 64)
    pen = ImageDraw.Draw(Image.new("L", (1, 1)))
    while True:
        font = ImageFont.load_default(height)
        box = pen.textbbox((0, 0), words, font=font, stroke_width=stroke)
        if box[2] - box[0] <= _WIDEST * side or height <= _SMALLEST:
            break
        height -= 1
    size = round(box[2] - box[0]), round(box[3] - box[1])
    body, whole = Image.new("L", size), Image.new("L", size)
    at = -box[0], -box[1]
    ImageDraw.Draw(body).text(at, words, font=font, fill=255)
    ImageDraw.Draw(whole).text(at, words, font=font, fill=255, stroke_width=stroke, stroke_fill=255)
    ink = RGB[color]
    bright = 0.3 * ink[0] + 0.59 * ink[1] + 0.11 * ink[2] > _BRIGHT
    plate = Image.new("RGB", size, (30, 30, 36) if bright else (250, 250, 250))
    plate.paste(ink, (0, 0), body)
    plate.putalpha(whole)
    return plate


def find_lettering(instruction: str) -> list[NamedReference]:
    """A reference picture of each quotation that is no caption, in the ink that ``instruction`` names."""
    found = []
    for match in QUOTED.finditer(instruction):
        words = drawn_as(match[1])
        if words and not is_caption(match[1]):
            frame = _plate(words, _ink(instruction, *match.span()))
            found.append(NamedReference(match[0], *match.span(), frame))
    return found


_INK = rf"({'|'.join(INKS)})"
_BEFORE = re.compile(rf"\b{_INK}(?:\s+(?:text|words?|letters?|lettering))?\s+$", re.IGNORECASE)
_AFTER = re.compile(rf"\s+in\s+{_INK}\b", re.IGNORECASE)


def _ink(instruction: str, start: int, stop: int) -> str:
    said = _BEFORE.search(instruction[:start]) or _AFTER.match(instruction, stop)
    return said[1].lower() if said else PLAIN


@lru_cache(maxsize=256)
def _plate(words: str, color: str) -> Frame:
    width, height = PLATE
    drawn = typeset(words, color, width)
    left, top = (width - drawn.width) // 2, (height - drawn.height) // 2
    paper, covered = Image.new("RGB", PLATE, (255, 255, 255)), Image.new("L", PLATE)
    paper.paste(drawn, (left, top), drawn)
    covered.paste(drawn.getchannel("A"), (left, top))
    box = left / width, top / height, drawn.width / width, drawn.height / height
    return Frame(np.asarray(paper), np.asarray(covered), (Placement(key(words), *box, False, color),))
