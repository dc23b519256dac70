"""Pictures in a terminal's own pixels: kitty's protocol, or sixel, which iTerm2 understands too."""

from __future__ import annotations

import importlib.util
import sys

from PIL import Image
from rich.console import Console, RenderableType

from ace_agent.cli.ui.halfblocks import HalfBlocks


def terminal_image(image: Image.Image, console: Console) -> RenderableType:
    """The best that this terminal can show: pixels with the extra `terminal-images`, else half-blocks.

    It is never taller than the window, so that its top stays in sight.
    """
    blocks = HalfBlocks(image, rows=rows_for(console))
    # Only the real standard output can be asked for its protocol.
    if console.file is not sys.__stdout__ or importlib.util.find_spec("textual_image") is None:
        return blocks
    from textual_image import renderable

    if renderable.Image not in (renderable.SixelImage, renderable.TGPImage):
        return blocks
    across, down = blocks.size(console.width)
    return renderable.Image(image, width=across, height=down // 2)


def rows_for(console: Console) -> int:
    """Rows that a picture may take: those of the window, less a few lines of text."""
    return max(8, min(32, console.height - 4))
