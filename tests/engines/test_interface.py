"""What all pipelines have in common: one check of their arguments, and which history fits."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image

from ace_agent.engines.interface import check_inputs
from ace_agent.errors import InputError
from tests.tiny import TinyPipeline

PICTURE = Image.new("RGB", (40, 30))
NONE: dict[str, Any] = {
    "image": [],
    "mask": None,
    "height": None,
    "width": None,
    "num_inference_steps": None,
    "guidance_scale": None,
    "num_images_per_prompt": 1,
    "output_type": "pil",
}


def test_defaults_are_the_pipelines_own() -> None:
    checked = check_inputs(TinyPipeline(), **NONE | {"image": [PICTURE, PICTURE]})
    assert (checked.steps, checked.guidance, checked.masks) == (4, 1.5, (None, None))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"output_type": "np"}, "output_type: wanted 'pil', got 'np'"),
        ({"num_inference_steps": 0}, "steps: wanted 1 to 1000, got 0"),
        ({"guidance_scale": float("nan")}, "guidance: wanted 0 to 30, got nan"),
        ({"num_images_per_prompt": 17}, "variations: wanted 1 to 16, got 17"),
        ({"width": 0}, "width: wanted 1 to 16384 pixels, got 0"),
        ({"height": 20000}, "height: wanted 1 to 16384 pixels, got 20000"),
        ({"image": [PICTURE] * 10}, "image: wanted 9 pictures at most, got 10"),
        ({"image": [PICTURE], "mask": []}, r"mask: wanted one \(or None\) per picture, 1, got 0"),
        ({"image": [PICTURE], "mask": [Image.new("L", (8, 8))]}, r"mask\[0\]: wanted its picture's size"),
    ],
)
def test_an_argument_out_of_its_range_is_one_line_with_its_name(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_inputs(TinyPipeline(), **NONE | given)


def test_the_latest_turns_that_fit_beside_the_current_pictures_are_read() -> None:
    pipeline = TinyPipeline()
    pipeline.history_budget = 4
    assert pipeline.fit_history([1, 1, 1, 1], 1) == 1
    assert pipeline.fit_history([1, 3, 0, 0], 1) == 1
    assert pipeline.fit_history([1, 3, 0, 0], 2) == 2
    assert pipeline.fit_history([], 1) == 0
