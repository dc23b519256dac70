"""Local edits in a row, by pipelines whose regions are known."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
from PIL import Image

from ace_agent.evaluation.drift import EDITS, measure


class Painter:
    """Paints a fixed square in a new colour each time, and reports that region, or an empty one."""

    def __init__(self, side: int) -> None:
        self.side, self.histories = side, []

    def __call__(
        self,
        prompt: str,
        image: Sequence[Image.Image] = (),
        *,
        history: object = (),
        seed: int = 0,
        **_: object,
    ) -> SimpleNamespace:
        self.histories.append(len(history))
        painted = image[0].copy()
        painted.paste((seed * 30 % 256, 255 - seed * 30, 90), (0, 0, self.side, self.side))
        region = np.zeros((128, 128), np.float32)
        region[: self.side, : self.side] = 1
        return SimpleNamespace(images=[painted], regions=[region])


def test_what_no_edit_touched_is_bit_identical() -> None:
    painter = Painter(40)
    drift = measure(painter, 1)
    assert drift.identical
    assert painter.histories == list(range(EDITS))
    assert 0.87 < drift.untouched < 1 - (40 / 128) ** 2 + 0.001
    assert 0 < drift.truly_untouched < 1


def test_a_model_that_repaints_everything_has_a_large_region() -> None:
    everything, corner = measure(Painter(128), 1), measure(Painter(16), 1)
    assert everything.untouched < 0.01
    assert everything.region_ratio > 2 > corner.region_ratio
