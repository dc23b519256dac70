"""What must not change does not, to the bit."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from ace_agent.execution.fidelity import (
    add_difference,
    composite,
    crop_around,
    draw_region,
    expand_canvas,
    feather_weights,
    found_region,
    from_model_view,
    mask_to_model_view,
    to_model_view,
    view_of,
    with_alpha_of,
)
from ace_agent.plan import Region

rng = np.random.default_rng(0)


def picture(width: int, height: int, channels: int = 3) -> Image.Image:
    """Smooth, with some detail."""
    y, x = np.mgrid[0:height, 0:width]
    bands = [127 + 100 * np.sin(x / (9 + c)) * np.cos(y / (7 + c)) for c in range(channels)]
    return Image.fromarray(np.stack(bands, -1).astype(np.uint8))


def pixels(image: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.asarray(image)


def test_a_composite_keeps_everything_outside_bit_for_bit() -> None:
    base, new = picture(90, 70, 4), Image.new("RGB", (90, 70), (1, 2, 3))
    mask = draw_region(Region(ellipse=(0.2, 0.2, 0.7, 0.9)), base.size)
    result = composite(base, new, mask)
    outside = pixels(mask) == 0
    assert np.array_equal(pixels(result)[outside], pixels(base)[outside])
    assert np.array_equal(pixels(result)[..., 3], pixels(base)[..., 3])
    assert tuple(pixels(result)[38, 40, :3]) == (1, 2, 3)


def test_weights_rise_inside_the_mask() -> None:
    mask = Image.new("L", (400, 400), 0)
    mask.paste(255, (100, 100, 300, 300))
    weights = feather_weights(mask)
    assert np.array_equal(weights > 0, pixels(mask) > 0)
    row = weights[200]
    assert 0 < row[100] < row[101] < row[102] == 1
    assert weights[200, 200] == 1


def test_nothing_is_feathered_at_the_pictures_own_border() -> None:
    mask = Image.new("L", (400, 300), 0)
    mask.paste(255, (0, 0, 200, 300))
    weights = feather_weights(mask)
    assert np.all(weights[:, 0] == 1)
    assert np.all(weights[0, :190] == 1) and np.all(weights[-1, :190] == 1)
    assert np.all(weights[:, 199] < 1)
    assert np.all(feather_weights(Image.new("L", (50, 50), 255)) == 1)


def test_a_thin_region_still_changes() -> None:
    mask = Image.new("L", (2000, 2000), 0)
    mask.paste(255, (100, 1000, 1900, 1003))
    assert feather_weights(mask).max() == 1
    assert pixels(mask_to_model_view(mask, view_of((0, 900, 2000, 1100), 256))).any()


@pytest.mark.parametrize("size", [(128, 128), (128, 64), (50, 128), (1000, 700), (37, 411)])
def test_what_the_model_sees_comes_back(size: tuple[int, int]) -> None:
    """To the model and back, an unchanged picture is the same up to resampling; at the model's size exactly."""
    image = picture(*size)
    view = view_of((0, 0, *size), 128)
    seen = to_model_view(image, view)
    assert seen.size == (128, 128)
    again = from_model_view(seen, view)
    assert again.size == size
    if max(size) == 128:
        assert np.array_equal(pixels(again), pixels(image))
    assert np.array_equal(pixels(add_difference(image, seen, seen, view)), pixels(image))


def test_a_global_edit_keeps_the_pictures_detail() -> None:
    image = Image.fromarray(rng.integers(100, 150, (512, 512, 3), dtype=np.uint8))
    view = view_of((0, 0, 512, 512), 128)
    seen = to_model_view(image, view)
    darker = Image.fromarray(pixels(seen) - 40)
    result = add_difference(image, seen, darker, view)
    assert np.array_equal(pixels(result), pixels(image) - 40)


def test_transparent_parts_are_seen_white_and_kept() -> None:
    image = Image.new("RGBA", (64, 64), (10, 20, 30, 0))
    assert to_model_view(image, view_of((0, 0, 64, 64), 64)).getpixel((5, 5)) == (255, 255, 255)
    kept = with_alpha_of(Image.new("RGB", (64, 64), "red"), image)
    assert kept.getpixel((5, 5)) == (255, 0, 0, 0)


def test_a_found_region_is_what_changed_and_a_little_more() -> None:
    before = picture(128, 128)
    after = before.copy()
    after.paste((255, 0, 0), (40, 40, 60, 60))
    changed = np.zeros((128, 128), np.float32)
    changed[38:62, 38:62] = 0.9
    changed[100, 100] = 0.9
    mask = found_region(changed, before, after)
    box = mask.getbbox()
    assert box is not None
    assert 34 <= box[0] <= 40 and 60 <= box[2] <= 66
    assert mask.getpixel((100, 100)) == 0


def test_a_crop_surrounds_the_region_inside_the_picture() -> None:
    mask = Image.new("L", (1000, 600), 0)
    mask.paste(255, (900, 500, 980, 560))
    box = crop_around(mask, 128)
    assert box == (840, 440, 1000, 600)
    assert crop_around(Image.new("L", (1000, 600)), 128) is None
    tall = Image.new("L", (1000, 600), 0)
    tall.paste(255, (10, 0, 900, 600))
    found = crop_around(tall, 128)
    assert found is not None and found[0] <= 10 and found[2] >= 900 and found[1:4:2] == (0, 600)


@pytest.mark.parametrize(
    ("region", "inside", "outside"),
    [
        (Region(side="left"), (10, 50), (60, 50)),
        (Region(side="right"), (60, 50), (10, 50)),
        (Region(side="top"), (50, 10), (50, 60)),
        (Region(side="bottom"), (50, 60), (50, 10)),
        (Region(side="middle"), (50, 50), (10, 10)),
        (Region(box=(0.1, 0.2, 0.3, 0.4)), (20, 30), (50, 30)),
        (Region(ellipse=(0, 0, 1, 1)), (50, 50), (2, 2)),
        (Region(box=(0.999, 0.999, 1, 1)), (99, 99), (98, 98)),
    ],
)
def test_regions_in_words(region: Region, inside: tuple[int, int], outside: tuple[int, int]) -> None:
    mask = draw_region(region, (100, 100))
    assert mask.getpixel(inside) == 255
    assert mask.getpixel(outside) == 0


def test_widening_keeps_the_picture_where_it_says() -> None:
    image = picture(100, 60)
    for side, size, at in (
        ("right", (150, 60), (0, 0)),
        ("left", (150, 60), (50, 0)),
        ("top", (100, 90), (0, 30)),
        ("middle", (150, 90), (25, 15)),
        (None, (150, 90), (25, 15)),
    ):
        canvas, mask = expand_canvas(image, side, None, None)
        assert canvas.size == mask.size == size
        box = (*at, at[0] + 100, at[1] + 60)
        assert np.array_equal(pixels(canvas.crop(box)), pixels(image))
        assert mask.crop(box).getextrema() == (0, 0)
        assert (pixels(mask) == 255).sum() == size[0] * size[1] - 6000
    canvas, mask = expand_canvas(image, None, (120, 100), None)
    assert canvas.size == (120, 100)
    drawn = Image.new("L", (130, 80), 255)
    drawn.paste(0, (30, 20, 130, 80))
    canvas, mask = expand_canvas(image, None, None, drawn)
    assert np.array_equal(pixels(canvas.crop((30, 20, 130, 80))), pixels(image))
    with pytest.raises(ValueError, match="black part"):
        expand_canvas(image, None, None, Image.new("L", (130, 80), 255))
    with pytest.raises(ValueError, match="cannot be smaller"):
        expand_canvas(image, None, (80, 80), None)
