from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from ace_agent.images import geometry


def _numbered(width: int = 60, height: int = 40) -> Image.Image:
    """A picture whose pixels tell where they were."""
    y, x = np.mgrid[0:height, 0:width]
    return Image.fromarray(np.stack([x, y, x + y], axis=2).astype(np.uint8))


def test_quarter_turns_move_pixels_and_change_none() -> None:
    image = _numbered()
    once = geometry.rotate(image, 90)
    assert once.size == (40, 60)
    assert once.getpixel((39, 0)) == image.getpixel((0, 0))
    back = geometry.rotate(geometry.rotate(once, 180), 90)
    assert np.array_equal(np.asarray(back), np.asarray(image))


def test_other_turns_grow_the_canvas_with_clear_corners() -> None:
    turned = geometry.rotate(_numbered(), 30)
    assert turned.mode == "RGBA"
    assert turned.width > 60
    assert turned.getpixel((0, 0)) == (0, 0, 0, 0)
    assert geometry.rotate(_numbered(), 30, "red").getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize("degrees", [-20.0, -3.0, 5.0, 40.0])
@pytest.mark.parametrize("size", [(300, 200), (200, 300), (256, 256)])
def test_a_straightened_picture_shows_no_corner(degrees: float, size: tuple[int, int]) -> None:
    white = Image.new("RGB", size, "white")
    straight = geometry.straighten(white, degrees)
    assert np.asarray(straight).min() == 255
    assert straight.width * straight.height > 0.2 * size[0] * size[1]


@pytest.mark.parametrize("degrees", [-9.0, -2.0, 4.0, 12.0])
def test_the_tilt_of_drawn_lines_is_found(degrees: float) -> None:
    page = Image.new("L", (900, 900), 255)
    pen = ImageDraw.Draw(page)
    for row in range(200, 700, 40):
        pen.rectangle((200, row, 700, row + 12), fill=20)
    tilted = page.rotate(-degrees, Image.Resampling.BICUBIC, fillcolor=255).crop((150, 150, 750, 750))
    assert geometry.tilt(tilted) == pytest.approx(-degrees, abs=0.5)


def test_a_picture_without_lines_has_no_tilt() -> None:
    assert geometry.tilt(Image.new("RGB", (300, 200), "gray")) == 0


def test_a_plain_border_is_found_and_a_plain_picture_is_all_border() -> None:
    framed = Image.new("RGB", (100, 80), "white")
    framed.paste("blue", (10, 20, 70, 60))
    assert geometry.plain_border(framed) == (10, 20, 70, 60)
    assert geometry.plain_border(Image.new("RGB", (30, 20))) == (0, 0, 30, 20)


def test_a_canvas_holds_the_picture_untouched() -> None:
    image = _numbered()
    for fill in ("color", "blur", "transparent"):
        canvas = geometry.on_canvas(image, (100, 90), "top right", fill)
        assert canvas.size == (100, 90)
        inside = canvas.crop((40, 0, 100, 40)).convert("RGB")
        assert np.array_equal(np.asarray(inside), np.asarray(image))


def test_transparent_pixels_do_not_bleed_when_scaled() -> None:
    """The hidden colour of clear pixels used to darken the rim of a cut-out."""
    cut = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    cut.paste((200, 40, 40, 255), (16, 16, 48, 48))
    small = np.asarray(geometry.resize(cut, (21, 21)))
    seen = small[small[..., 3] > 40]
    assert seen[:, 0].min() > 190
