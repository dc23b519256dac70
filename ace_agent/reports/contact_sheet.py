"""Contact sheets: samples with their instructions, inputs, outputs and right answers."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

TILE = 128
_GAP, _CAPTION_LINES, _LINE = 6, 3, 12
_PAPER, _INK, _FAINT, _FRAME = (255, 255, 255), (30, 30, 30), (120, 120, 120), (255, 140, 0)


@dataclass(frozen=True)
class Entry:
    """One sample: its instruction, a note under it, and its pictures."""

    caption: str
    note: str
    inputs: Sequence[Image.Image]
    output: Image.Image
    target: Image.Image | None


def sheet(title: str, entries: Sequence[Entry], *, columns: int = 2, tile: int = TILE) -> Image.Image:
    """Draw ``entries`` in rows of ``columns``; each shows inputs | output, framed | target, RGB.

    At most two inputs are drawn, the first and the last, so that long chains keep the sheet narrow.
    """
    shown = [_tiles(entry) for entry in entries]
    across = max((len(tiles) for tiles in shown), default=1)
    cell = (across * (tile + _GAP) + _GAP, tile + _CAPTION_LINES * _LINE + _LINE + 2 * _GAP)
    rows = -(-len(entries) // columns)
    canvas = Image.new("RGB", (columns * cell[0], 26 + rows * cell[1]), _PAPER)
    draw = ImageDraw.Draw(canvas)
    draw.text((_GAP, 5), title, fill=_INK, font=ImageFont.load_default(15))
    small = ImageFont.load_default(10)
    for index, (entry, tiles) in enumerate(zip(entries, shown, strict=True)):
        left, top = index % columns * cell[0] + _GAP, 26 + index // columns * cell[1]
        width = int((cell[0] - 2 * _GAP) / 5.2)  # characters of the small font that fit
        for line, words in enumerate(_wrapped(entry.caption, width)):
            draw.text((left, top + line * _LINE), words, fill=_INK, font=small)
        draw.text((left, top + _CAPTION_LINES * _LINE), entry.note, fill=_FAINT, font=small)
        for position, (role, picture) in enumerate(tiles):
            x, y = left + position * (tile + _GAP), top + (_CAPTION_LINES + 1) * _LINE + _GAP // 2
            canvas.paste(_fitted(picture, tile), (x, y))
            if role == "output":
                draw.rectangle((x - 2, y - 2, x + tile + 1, y + tile + 1), outline=_FRAME, width=2)
    return canvas


def _tiles(entry: Entry) -> list[tuple[str, Image.Image]]:
    inputs = list(entry.inputs)
    ends = inputs if len(inputs) < 3 else [inputs[0], inputs[-1]]
    tiles = [*(("input", picture) for picture in ends), ("output", entry.output)]
    return tiles if entry.target is None else [*tiles, ("target", entry.target)]


def _wrapped(text: str, width: int) -> list[str]:
    """At most three lines; a longer text loses its beginning, because the request stands at its end."""
    lines = textwrap.wrap(text, width)
    if len(lines) <= _CAPTION_LINES:
        return lines
    return ["... " + lines[-_CAPTION_LINES], *lines[-_CAPTION_LINES + 1 :]]


def _fitted(picture: Image.Image, tile: int) -> Image.Image:
    """The whole picture inside a square of ``tile`` pixels."""
    scale = tile / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    resized = picture.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    canvas = Image.new("RGB", (tile, tile), (235, 235, 235))
    canvas.paste(resized, ((tile - size[0]) // 2, (tile - size[1]) // 2))
    return canvas
