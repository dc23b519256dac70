"""Pictures in a terminal, two pixels a character: the upper is its colour, the lower its background."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image
from rich.color import Color
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.segment import Segment
from rich.style import Style

CHECKS = (204, 153)  # greys of the chequerboard behind transparent pixels


@dataclass(frozen=True)
class HalfBlocks:
    """A picture as a rich renderable, at most `columns` wide and `rows` high."""

    image: Image.Image
    columns: int = 64
    rows: int = 32

    def size(self, available: int) -> tuple[int, int]:
        """Width in characters and height in pixels (always even) within `available` columns."""
        width, height = self.image.size
        scale = min(min(self.columns, available) / width, 2 * self.rows / height)
        across = max(1, round(width * scale))
        down = max(2, round(height * scale))
        return across, down + down % 2

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        width = self.size(options.max_width)[0]
        return Measurement(width, width)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if not can_show(console):
            return
        pixels = self._pixels(*self.size(options.max_width))
        for upper, lower in zip(pixels[0::2], pixels[1::2], strict=True):
            for above, below in zip(upper, lower, strict=True):
                yield Segment("▀", Style(color=Color.from_rgb(*above), bgcolor=Color.from_rgb(*below)))
            yield Segment.line()

    def _pixels(self, across: int, down: int) -> list[list[tuple[int, int, int]]]:
        small = self.image.convert("RGBA").resize((across, down), Image.Resampling.BOX)
        levels = np.asarray(small, dtype=np.float32)
        rows, columns = np.indices((down, across))
        checks = np.where((rows // 2 + columns // 2) % 2, *CHECKS)[..., None]
        alpha = levels[..., 3:] / 255
        blended = np.rint(levels[..., :3] * alpha + checks * (1 - alpha)).astype(int)
        return [[(int(r), int(g), int(b)) for r, g, b in row] for row in blended]


def can_show(console: Console) -> bool:
    """Whether the terminal can draw one: it has colours and the block character."""
    return (
        console.is_terminal
        and not console.is_dumb_terminal
        and not console.no_color
        and console.color_system is not None
        and console.encoding.startswith("utf")
    )
