from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from ace_agent.images import effects, tone
from tests.tiny import photo


@pytest.mark.parametrize(
    ("name", "value", "measure"),
    [
        ("brightness", 0.5, lambda a: a.mean()),
        ("exposure", 1, lambda a: a.mean()),
        ("gamma", 1.5, lambda a: a.mean()),
        ("shadows", 1, lambda a: np.quantile(a, 0.2)),
        ("contrast", 0.5, lambda a: a.std()),
        ("saturation", 0.5, lambda a: (a.max(2) - a.min(2)).mean()),
        ("warmth", 0.5, lambda a: (a[..., 0] - a[..., 2]).mean()),
        ("sharpness", 0.8, lambda a: np.abs(np.diff(a, axis=1)).mean()),
    ],
)
def test_each_adjustment_moves_its_own_measure_both_ways(name: str, value: float, measure: object) -> None:
    soft = tone.adjust(photo(240, 160).resize((480, 320)), blur=0.004)
    pixels = np.asarray(soft).astype(float)
    more = np.asarray(tone.adjust(soft, **{name: value})).astype(float)
    assert measure(more) > measure(pixels) + 0.5  # type: ignore[operator]
    less = 1 / value if name == "gamma" else -value
    fewer = np.asarray(tone.adjust(soft, **{name: less})).astype(float)
    assert measure(fewer) < measure(pixels) - 0.2  # type: ignore[operator]


def test_alpha_stays_and_nothing_is_changed_for_nothing() -> None:
    image = photo(40, 30).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    assert np.array_equal(np.asarray(tone.adjust(image)), np.asarray(image))
    changed = tone.adjust(image, brightness=0.5, vignette=0.5, denoise=0.5)
    assert np.array_equal(np.asarray(changed)[..., 3], np.asarray(image)[..., 3])


@pytest.mark.parametrize("name", effects.FILTERS)
def test_every_filter_takes_any_size_and_mixes(name: str) -> None:
    for size in ((1, 1), (1, 300), (97, 61)):
        image = photo(*size)
        whole = effects.apply_filter(image, name)
        assert whole.size == image.size
        assert np.array_equal(np.asarray(effects.apply_filter(image, name, 0)), np.asarray(image))
    large = photo(97, 61)
    half = np.asarray(effects.apply_filter(large, name, 0.5)).astype(float)
    between = (np.asarray(large).astype(float) + np.asarray(effects.apply_filter(large, name))) / 2
    assert np.abs(half - between).max() <= 1


def test_what_the_mask_does_not_show_stays_to_the_bit() -> None:
    image = photo(90, 60)
    mask = Image.new("L", image.size)
    mask.paste(255, (30, 20, 60, 40))
    outside = np.asarray(mask) == 0
    for changed in (effects.blur_inside(image, mask, 5), effects.pixelate_inside(image, mask, 8)):
        assert np.array_equal(np.asarray(changed)[outside], np.asarray(image)[outside])
        assert not np.array_equal(np.asarray(changed), np.asarray(image))
