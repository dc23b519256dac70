import json

import numpy as np
import torch
from PIL import Image
from pytest import raises

from ace_agent.engines.released.preprocess import crop_box, prepare_image, prepared_size
from ace_agent.errors import InputError
from tests.golden import FOLDER, golden, golden_metadata


def test_every_released_case_bit_for_bit():
    reference = golden("h_preprocess")
    for i, spec in enumerate(json.loads(golden_metadata("h_preprocess")["specs"])):
        image = Image.open(FOLDER / "preprocess_inputs" / f"{i}.png")
        mask = reference.get(f"in_mask.{i}")
        prepared = prepare_image(
            image,
            None if mask is None else Image.fromarray(mask.numpy(), "L"),
            max_tokens=spec["max_seq_len"],
            task=spec["task"],
        )
        assert [*prepared.pixels.shape[1:]] == spec["out_hw"]
        assert torch.equal(prepared.pixels[:, ::5, ::5], reference[f"out_stride5.{i}"])
        assert torch.equal(prepared.mask.to(torch.uint8), reference[f"out_mask.{i}"])
        assert torch.equal(prepared.latent_mask[None], reference[f"latent_mask.{i}"])


def test_sizes_shrink_to_the_budget_and_never_grow():
    assert prepared_size(640, 480, 1024) == (576, 432)
    assert prepared_size(200, 120, 1024) == (192, 112)
    assert crop_box(600, 90) == (120, 0, 480, 90)
    assert crop_box(90, 600) == (0, 120, 90, 480)


def test_transparent_pictures_and_grey_masks_are_taken():
    mask = Image.fromarray(np.array([[0, 200] * 16] * 32, dtype=np.uint8), "L")
    prepared = prepare_image(Image.new("RGBA", (32, 32), "red"), mask, max_tokens=1024)
    assert prepared.pixels.shape == (3, 32, 32)
    assert prepared.mask.mean() == 0.5


def test_small_pictures_and_foreign_masks_are_refused():
    with raises(InputError, match="needs 16 px"):
        prepare_image(Image.new("RGB", (200, 15)), max_tokens=1024)
    with raises(InputError, match="mask is 5x5"):
        prepare_image(Image.new("RGB", (64, 64)), Image.new("L", (5, 5)), max_tokens=1024)
