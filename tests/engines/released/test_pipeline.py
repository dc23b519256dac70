"""The whole way with a checkpoint of the released layout at reduced width: conversion, text, pictures."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pytest import raises

from ace_agent.engines.ace.condition_unit import ConditionUnit
from ace_agent.engines.released import memory_check
from ace_agent.engines.released.convert import convert
from ace_agent.engines.released.pipeline import ReleasedPipeline
from ace_agent.engines.released.request import (
    FaithfulRequest,
    ProductRequest,
    ReleasedSettings,
    changed_region,
)
from ace_agent.engines.runtime import Runtime
from ace_agent.errors import InputError, ModelError
from tests.released_checkpoint import write_released_checkpoint

NOISE = np.random.default_rng(0)


def picture(width: int, height: int) -> Image.Image:
    small = NOISE.integers(0, 255, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


CPU = Runtime("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("released")
    return convert(write_released_checkpoint(root / "hub"), root / "ace")


@pytest.fixture(scope="module")
def pipeline(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> ReleasedPipeline:
    torch.set_num_threads(1)
    return ReleasedPipeline.from_pretrained(folder, CPU, text_cache=tmp_path_factory.mktemp("texts"))


def pixels(image: Image.Image) -> np.ndarray[Any, Any]:
    return np.asarray(image).astype(int)


def test_a_picture_from_words(pipeline: ReleasedPipeline):
    steps: list[tuple[int, int]] = []
    out = pipeline(
        "a red fox",
        width=70,
        height=48,
        seed=3,
        num_inference_steps=2,
        num_images_per_prompt=2,
        callback_on_step_end=lambda pipe, step, of, facts: steps.append((step, of)),
    )
    assert [image.size for image in out.images] == [(70, 48)] * 2
    assert steps == [(1, 2), (2, 2)] * 2
    assert out.regions == [None, None]
    second = pipeline("a red fox", width=70, height=48, seed=4, num_inference_steps=2).images[0]
    assert second.tobytes() == out.images[1].tobytes()  # variation k is seed + k
    other = pipeline("make the car green", width=70, height=48, seed=4, num_inference_steps=2).images[0]
    assert other.tobytes() != second.tobytes()


def test_an_edit_keeps_the_size_of_the_current_picture(pipeline: ReleasedPipeline):
    base, earlier = picture(50, 33), picture(80, 64)
    history = [ConditionUnit("add a tree to {image}", (earlier,), (None,))]
    out = pipeline(
        "make the car green", [base], history=history, seed=1, num_inference_steps=1, task="edit_color"
    )
    assert out.images[0].size == (50, 33)
    assert out.regions[0] is not None
    assert out.regions[0].shape == (33, 50)
    assert 0 <= out.regions[0].min() <= out.regions[0].max() <= 1
    again = pipeline(
        "make the car green", [base], history=history, seed=1, num_inference_steps=1, task="edit_color"
    )
    assert again.images[0].tobytes() == out.images[0].tobytes()
    alone = pipeline("make the car green", [base], seed=1, num_inference_steps=1, task="edit_color")
    assert alone.images[0].tobytes() != out.images[0].tobytes()


def test_faithful_sizes_follow_the_oldest_picture(pipeline: ReleasedPipeline):
    base, earlier = picture(50, 33), picture(80, 64)
    history = [ConditionUnit("add a tree to {image}", (earlier,), (None,))]
    out = pipeline("{image} at night", [base], history=history, seed=1, num_inference_steps=1, faithful=True)
    assert out.images[0].size == (80, 64)


def test_the_text_encoder_is_let_go_and_not_needed_twice(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    first = ReleasedPipeline.from_pretrained(folder, CPU, text_cache=tmp_path)
    wanted = first("a red fox", width=32, height=32, seed=3, num_inference_steps=1).images[0]
    second = ReleasedPipeline.from_pretrained(folder, CPU, text_cache=tmp_path)
    monkeypatch.setattr("transformers.T5EncoderModel.from_pretrained", None)
    again = second("a red fox", width=32, height=32, seed=3, num_inference_steps=1).images[0]
    assert again.tobytes() == wanted.tobytes()


def test_offload_and_tiling_draw_the_same(folder: Path, pipeline: ReleasedPipeline, tmp_path: Path):
    saving = ReleasedPipeline.from_pretrained(
        folder, Runtime("cpu", offload=True, vae_tiling=True), text_cache=tmp_path
    )
    options: dict[str, Any] = {"width": 48, "height": 32, "seed": 3, "num_inference_steps": 1}
    ours, plain = saving("a red fox", **options).images[0], pipeline("a red fox", **options).images[0]
    assert np.abs(pixels(ours) - pixels(plain)).max() <= 1


def test_every_sampler_and_guidance_runs(pipeline: ReleasedPipeline):
    options: dict[str, Any] = {"width": 32, "height": 32, "seed": 3}
    drawn = {
        (sampler, guidance): pipeline(
            "a red fox", sampler=sampler, guidance_scale=guidance, num_inference_steps=3, **options
        )
        .images[0]
        .tobytes()
        for sampler in ("ddim", "dpm++", "unipc")
        for guidance in (0, 0.5, 1, 4.5)
    }
    assert len(set(drawn.values())) == len(drawn)


def test_half_precision_is_autocast(folder: Path, pipeline: ReleasedPipeline, tmp_path: Path):
    half = ReleasedPipeline.from_pretrained(folder, Runtime("cpu", "bfloat16"), text_cache=tmp_path)
    options: dict[str, Any] = {"width": 32, "height": 32, "seed": 3, "num_inference_steps": 2}
    near, exact = half("a red fox", **options).images[0], pipeline("a red fox", **options).images[0]
    assert np.abs(pixels(near) - pixels(exact)).mean() < 12


def test_bad_requests_are_refused_before_anything_is_loaded(folder: Path, monkeypatch: pytest.MonkeyPatch):
    pipe = ReleasedPipeline.from_pretrained(folder, CPU)
    monkeypatch.setattr(pipe, "text_encoder", None)
    base = picture(40, 40)
    refusals: list[tuple[dict[str, Any], str]] = [
        ({"image": [base] * 10}, "image: wanted 9 pictures at most, got 10"),
        ({"image": [picture(40, 12)]}, "each side needs 16 px"),
        (
            {"image": [base], "mask": [Image.new("L", (8, 8))]},
            r"mask\[0\]: wanted its picture's size",
        ),
        ({"image": [base], "mask": []}, r"mask: wanted one \(or None\) per picture, 1, got 0"),
        ({"width": 8, "height": 64}, "16 px a side at least"),
        ({"num_inference_steps": 0}, "steps: wanted 1 to 1000"),
        ({"guidance_scale": -1.0}, "guidance: wanted 0 to 30"),
        ({"sampler": "euler"}, "no sampler called"),
        ({"task": "fly"}, "no task called"),
        (
            {
                "image": [base, base],
                "history": [ConditionUnit("{image} red", (base,), (None,))],
                "faithful": True,
            },
            "history only with one picture in every turn",
        ),
    ]
    for options, message in refusals:
        with raises(InputError, match=message):
            pipe("{image}", **options)


def test_too_little_memory_is_said_before_anything_is_loaded(folder: Path, monkeypatch: pytest.MonkeyPatch):
    pipe = ReleasedPipeline.from_pretrained(folder, CPU)
    monkeypatch.setattr(memory_check, "available_memory", lambda device: 10**6)
    with raises(
        ModelError, match=r"needs .* GB of memory and 0.0 GB are free: close other programs, or use --offload"
    ):
        pipe("a red fox")


def test_folders_of_another_model_or_cut_short_are_refused(folder: Path, tmp_path: Path):
    import shutil

    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    weights = copy / "transformer" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    with raises(ModelError, match=r"is not whole: transformer/diffusion_pytorch_model.safetensors"):
        ReleasedPipeline.from_pretrained(copy)
    index = copy / "model_index.json"
    index.write_text(index.read_text().replace("ReleasedPipeline", "StableDiffusionPipeline"))
    with raises(ModelError, match="is of another model"):
        ReleasedPipeline.from_pretrained(copy)


SETTINGS = ReleasedSettings("tiny", 512, 1024, 20, 4.5, 0.5)


def test_product_requests_number_images_and_leave_out_what_is_too_much():
    def turn(text: str, count: int) -> ConditionUnit:
        return ConditionUnit(text, (picture(32, 32),) * count, (None,) * count)

    history = [turn("first {image}", 4), turn("a hill", 0), turn("fuse {image} with {image1}", 3)]
    request = ProductRequest(SETTINGS, turn("{image1} like {image}", 2), history, None, None, None)
    assert len(request.pictures) == 9
    assert request.prompts[4] == "fuse {image4} with {image5}"
    assert request.prompts[-1] == "{image8} like {image7}"
    fewer = ProductRequest(SETTINGS, turn("{image1} like {image}", 3), history, None, None, None)
    assert len(fewer.pictures) == 6
    assert fewer.prompts[0] == "fuse {image} with {image1}"
    named = ProductRequest(SETTINGS, turn("make it red", 1), [], None, None, None)
    assert named.prompts == ("{image} make it red",)
    written = ProductRequest(SETTINGS, turn('Write "My CARD" on {image}', 1), [], "render_text", None, None)
    assert written.prompts == ('Write "M y C A R D" on {image}',)


def test_only_a_set_mask_of_an_inpainting_task_blanks_pixels():
    mask = Image.new("L", (32, 32))
    mask.paste(255, (0, 0, 16, 32))
    base = picture(32, 32)

    def first(task: str | None, mask: Image.Image | None, kind: type[Any] = ProductRequest) -> torch.Tensor:
        unit = ConditionUnit("{image}", (base,), (mask,))
        return kind(SETTINGS, unit, [], task, None, None).pictures[0].pixels  # type: ignore[no-any-return]

    blanked = first("inpaint", mask)
    assert blanked[:, :, :16].eq(-1).all() and not blanked[:, :, 16:].eq(-1).all()
    plain = first("add", mask)
    assert torch.equal(plain, first("inpaint", None))
    assert torch.equal(plain, first("inpaint", Image.new("L", (32, 32))))
    assert first("inpainting", None, FaithfulRequest).eq(-1).all()  # as released


def test_a_very_long_picture_keeps_what_the_model_did_not_see():
    base = picture(330, 40)
    request = ProductRequest(SETTINGS, ConditionUnit("{image}", (base,), (None,)), [], None, None, None)
    red = Image.new("RGB", request.target, "red")
    out = request.output([red])
    assert out.images[0].size == (330, 40)
    assert out.images[0].crop((0, 0, 80, 40)).tobytes() == base.crop((0, 0, 80, 40)).tobytes()
    assert out.images[0].getpixel((165, 20)) == (255, 0, 0)


def test_regions_mark_what_changed():
    base = Image.new("RGB", (40, 40), (100, 100, 100))
    result = base.copy()
    result.paste((200, 60, 60), (10, 10, 30, 30))
    result.putpixel((2, 2), (104, 100, 100))  # what the first stage does to any pixel
    region = changed_region(base, result)
    assert region[20, 20] == 1 and region[2, 2] == 0 and region[38, 38] == 0


def test_offload_on_a_cpu_holds_nothing_afterwards(folder: Path, tmp_path: Path):
    saving = ReleasedPipeline.from_pretrained(folder, Runtime("cpu", offload=True), text_cache=tmp_path)
    for _ in range(2):
        saving("a red fox", width=32, height=32, seed=3, num_inference_steps=1)
        assert saving.parts.held == 0


def test_an_index_that_is_damaged_or_lost_is_said(folder: Path, tmp_path: Path):
    import shutil

    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    (copy / "model_index.json").write_text('{"_class_name": "ReleasedPipeline"}')
    with raises(ModelError, match=r"model_index.json is damaged: convert the model again"):
        ReleasedPipeline.from_pretrained(copy)
    (copy / "model_index.json").unlink()
    with raises(ModelError, match=r"model_index.json is missing: convert the model again"):
        ReleasedPipeline.from_pretrained(copy)
