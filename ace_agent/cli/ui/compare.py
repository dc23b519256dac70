"""Pictures side by side."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ace_agent.cli.ui.halfblocks import HalfBlocks

GAP = 2


def side_by_side(pictures: Sequence[tuple[str, Image.Image]], width: int, rows: int = 24) -> RenderableType:
    """Captioned pictures in a row, at most `width` columns by `rows` lines; stacked where that is too narrow."""
    each = (width - GAP * (len(pictures) - 1)) // len(pictures)
    stacked = each < 16
    table = Table.grid(padding=(0, 0 if stacked else GAP, 0, 0))
    cells = [HalfBlocks(image, columns=width if stacked else each, rows=rows) for _, image in pictures]
    captions = [Text(caption, overflow="ellipsis", no_wrap=True) for caption, _ in pictures]
    if stacked:
        for caption, cell in zip(captions, cells, strict=True):
            table.add_row(caption)
            table.add_row(cell)
    else:
        table.add_row(*captions)
        table.add_row(*cells)
    return table
