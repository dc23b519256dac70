"""Pictures drawn with half-blocks, rendered to text."""

from __future__ import annotations

import sys
from io import StringIO

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from ace_agent.cli.ui.compare import side_by_side
from ace_agent.cli.ui.halfblocks import HalfBlocks
from ace_agent.cli.ui.terminal_images import rows_for, terminal_image


def render(picture: HalfBlocks, *, width: int = 60, **console: object) -> str:
    file = StringIO()
    settings = {"force_terminal": True, "color_system": "truecolor", "no_color": False, "_environ": {}}
    Console(file=file, width=width, **(settings | console)).print(picture)  # type: ignore[arg-type]
    return file.getvalue()


def test_the_upper_pixel_is_the_colour_and_the_lower_the_background() -> None:
    pixels = np.array([[[255, 0, 0]], [[0, 0, 255]]], dtype=np.uint8)
    text = render(HalfBlocks(Image.fromarray(pixels), columns=1, rows=1))
    assert "38;2;255;0;0;48;2;0;0;255" in text
    assert text.count("▀") == 1


def test_a_wide_picture_fits_the_window() -> None:
    text = render(HalfBlocks(Image.new("RGB", (400, 100)), columns=80, rows=40), width=60)
    lines = text.splitlines()
    assert [line.count("▀") for line in lines] == [60] * len(lines)
    assert len(lines) == 8  # 60 columns at 4:1 are 15 pixels, made even


def test_transparent_pixels_show_a_chequerboard() -> None:
    text = render(HalfBlocks(Image.new("RGBA", (4, 4), (255, 0, 0, 0)), columns=4, rows=2))
    assert "204;204;204" in text
    assert "153;153;153" in text
    assert "255;0;0" not in text


def test_nothing_is_drawn_where_it_would_not_be_seen() -> None:
    picture = HalfBlocks(Image.new("RGB", (4, 4)))
    assert render(picture, no_color=True) == ""
    assert render(picture, force_terminal=False) == ""
    assert render(picture, _environ={"TERM": "dumb"}) == ""


def test_before_and_after_stand_in_one_row_and_fit_60_columns() -> None:
    before, after = Image.new("RGB", (64, 64), "red"), Image.new("RGB", (64, 64), "blue")
    text = render(side_by_side([("@1 before", before), ("@2 after", after)], 60), color_system="truecolor")
    captions, *rows = text.splitlines()
    assert "@1 before" in captions and "@2 after" in captions
    blocks = [row.count("▀") for row in rows if "▀" in row]
    assert set(blocks) == {58}
    assert "255;0;0" in rows[0] and "0;0;255" in rows[0]


def test_a_narrow_window_puts_one_below_the_other() -> None:
    pictures = [(f"@{i}", Image.new("RGB", (8, 8))) for i in (1, 2)]
    lines = render(side_by_side(pictures, 20), width=20).splitlines()
    assert lines[0].startswith("@1")
    assert any(line.startswith("@2") for line in lines[1:])


def test_a_picture_is_never_higher_than_the_window() -> None:
    file = StringIO()
    console = Console(
        file=file, width=60, height=12, force_terminal=True, color_system="truecolor", _environ={}
    )
    console.print(terminal_image(Image.new("RGB", (50, 50)), console))
    assert file.getvalue().count("\n") == rows_for(console) == 8


def test_a_terminal_with_pixels_of_its_own_gets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kitty's protocol and sixel come from the extra; where the terminal has neither, our blocks are finer."""
    renderable = pytest.importorskip("textual_image.renderable", reason="an extra: terminal-images")
    console = Console(file=sys.__stdout__, force_terminal=True, width=60, height=30)
    picture = Image.new("RGB", (128, 64))
    for kind in (renderable.TGPImage, renderable.SixelImage):
        monkeypatch.setattr(renderable, "Image", kind)
        assert isinstance(terminal_image(picture, console), kind)
        assert isinstance(terminal_image(picture, Console(file=StringIO(), force_terminal=True)), HalfBlocks)
    for kind in (renderable.HalfcellImage, renderable.UnicodeImage):
        monkeypatch.setattr(renderable, "Image", kind)
        assert isinstance(terminal_image(picture, console), HalfBlocks)
