"""Folders of diffusers as engines, on tiny pipelines with random weights."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ace_agent.agent import Agent
from ace_agent.engines.diffusers import pipeline as module
from ace_agent.engines.diffusers.capabilities import Capabilities
from ace_agent.engines.diffusers.folder import ModelFolder
from ace_agent.engines.diffusers.pipeline import DiffusersPipeline, in_plain_words
from ace_agent.engines.registry import is_mini, load_pipeline
from ace_agent.engines.runtime import Runtime
from ace_agent.errors import InputError, ModelError
from ace_agent.plan import Plan

CPU = Runtime("cpu")


def _picture(size: tuple[int, int] = (48, 32)) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8))


def test_a_folder_creates_the_same_picture_again(folders: dict[str, Path]) -> None:
    pipeline = load_pipeline(folders["create"], CPU)
    assert isinstance(pipeline, DiffusersPipeline) and (pipeline.name, pipeline.native_size) == ("create", 32)
    told: list[tuple[int, int]] = []
    two = pipeline(
        "a cat",
        num_inference_steps=2,
        num_images_per_prompt=2,
        seed=3,
        height=40,
        width=50,
        callback_on_step_end=lambda _p, step, of, _t: told.append((step, of)),
    ).images
    one = pipeline("a cat", num_inference_steps=2, seed=4, height=40, width=50).images[0]
    assert one.size == (50, 40) and one.tobytes() == two[1].tobytes() != two[0].tobytes()
    assert told[-1] == (2, 2)


def test_an_edit_keeps_its_pictures_size(folders: dict[str, Path]) -> None:
    pipeline = load_pipeline(folders["instruct"], CPU)
    output = pipeline("make {image} night", [_picture()], task="edit_scene", num_inference_steps=2, seed=1)
    assert output.images[0].size == (48, 32)
    changed = output.regions[0]
    assert changed is not None and changed.shape == (32, 48)


def test_what_a_model_cannot_do_is_refused_before_it_is_loaded(folders: dict[str, Path]) -> None:
    with pytest.raises(ModelError, match="from words only"):
        load_pipeline(folders["create"], CPU)("night", [_picture()])
    with pytest.raises(ModelError, match="only edits"):
        load_pipeline(folders["instruct"], CPU)("a cat")
    with pytest.raises(InputError, match="reads 1 picture, got 2"):
        load_pipeline(folders["instruct"], CPU)("night", [_picture(), _picture()])
    with pytest.raises(InputError, match="fills masks"):
        load_pipeline(folders["fill"], CPU)("a cat", [_picture()])
    with pytest.raises(InputError, match="offload needs a GPU"):
        load_pipeline(folders["create"], Runtime("cpu", offload=True))


def test_memory_is_checked_before_loading(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "available_memory", lambda _device: 1000)
    with pytest.raises(ModelError, match="of memory and"):
        load_pipeline(folders["create"], CPU)("a cat")


def test_loading_says_nothing(folders: dict[str, Path], capfd: pytest.CaptureFixture[str]) -> None:
    load_pipeline(folders["create"], CPU)("a cat", num_inference_steps=1)
    assert capfd.readouterr() == ("", "")


def test_a_black_picture_is_an_error(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = DiffusersPipeline.from_pretrained(folders["create"], CPU)

    def black(**_arguments: Any) -> Any:
        return type("Output", (), {"images": [Image.new("RGB", (32, 32))]})

    monkeypatch.setattr(pipeline, "_load", lambda: black)
    with pytest.raises(ModelError, match="black picture"):
        pipeline("a cat")


def test_unsafe_and_broken_folders_are_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    shutil.copytree(folders["create"], bad)
    (bad / "unet" / "model.py").write_text("raise SystemExit")
    with pytest.raises(ModelError, match="never run"):
        load_pipeline(bad)
    (bad / "unet" / "model.py").unlink()
    weights = next((bad / "unet").glob("*.safetensors"))
    weights.rename(bad / "unet" / "diffusion_pytorch_model.bin")
    with pytest.raises(ModelError, match="is a pickle"):
        load_pipeline(bad)
    index = bad / "model_index.json"
    (bad / "unet" / "diffusion_pytorch_model.bin").rename(weights)
    index.write_text(json.dumps({"_class_name": "NoSuchPipeline"}))
    with pytest.raises(ModelError, match="has no pipeline NoSuchPipeline"):
        load_pipeline(bad)
    index.write_text("[]")
    with pytest.raises(ModelError, match="names no pipeline"):
        load_pipeline(bad)
    weights.write_bytes(b"short")
    with pytest.raises(ModelError, match="is damaged"):
        ModelFolder(bad, "", 32).parameters()


def test_a_transformer_beside_an_index_is_not_ace_mini(tmp_path: Path) -> None:
    (tmp_path / "transformer").mkdir()
    (tmp_path / "transformer" / "config.json").write_text("{}")
    assert is_mini(tmp_path)
    (tmp_path / "model_index.json").write_text("{}")
    assert not is_mini(tmp_path)


@pytest.mark.parametrize(
    ("name", "creates", "pictures", "takes_mask", "guidance_name"),
    [
        ("StableDiffusionXLPipeline", True, 0, False, "guidance_scale"),
        ("StableDiffusionXLImg2ImgPipeline", False, 1, False, "guidance_scale"),
        ("StableDiffusionXLInpaintPipeline", False, 1, True, "guidance_scale"),
        ("StableDiffusionInstructPix2PixPipeline", False, 1, False, "guidance_scale"),
        ("FluxKontextPipeline", True, 1, False, "guidance_scale"),
        ("FluxFillPipeline", False, 1, True, "guidance_scale"),
        ("Flux2Pipeline", True, 9, False, "guidance_scale"),
        ("QwenImagePipeline", True, 0, False, "true_cfg_scale"),
        ("QwenImageEditPlusPipeline", False, 3, False, "true_cfg_scale"),
        ("ZImagePipeline", True, 0, False, "guidance_scale"),
    ],
)
def test_signatures_tell_what_a_pipeline_can(
    name: str, creates: bool, pictures: int, takes_mask: bool, guidance_name: str
) -> None:
    import diffusers

    own = Capabilities.of(name, getattr(diffusers, name).__call__)
    found = own.creates, own.pictures, own.takes_mask, own.guidance_name
    assert found == (creates, pictures, takes_mask, guidance_name)


def test_a_call_without_a_prompt_or_with_more_is_refused() -> None:
    with pytest.raises(ModelError, match="takes no prompt"):
        Capabilities.of("DDPMPipeline", lambda _self, batch=1: None)
    with pytest.raises(ModelError, match="needs pose"):
        Capabilities.of("PosePipeline", lambda self, prompt, pose: None)


def test_pictures_are_named_as_models_know_them() -> None:
    assert in_plain_words("make {image} night", 1) == "make the image night"
    assert in_plain_words("put {image1} into {image}", 2) == "put image 2 into image 1"


def test_a_plan_runs_with_a_folder_and_masks_are_exact(folders: dict[str, Path], tmp_path: Path) -> None:
    agent = Agent(tmp_path / "work", model=folders["fill"], device="cpu")
    handed = tmp_path / "photo.png"
    _picture().save(handed)
    plan = Plan.model_validate(
        {
            "steps": [
                {
                    "task": "inpaint",
                    "images": ["input"],
                    "instruction": "a cat",
                    "mask": {"side": "left"},
                    "steps": 2,
                    "seed": 5,
                }
            ]
        }
    )
    made = agent.run(plan, [handed]).made[0]
    before, after = np.asarray(_picture()), np.asarray(made.image.convert("RGB"))
    assert after.shape == before.shape and (after[:, 40:] == before[:, 40:]).all()
    assert (after[:, :8] != before[:, :8]).any()
    assert made.recipe is not None and made.recipe["weights_sha256"]
    assert agent.rerun(made.recipe).identical
