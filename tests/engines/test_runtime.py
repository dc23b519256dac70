import json
from pathlib import Path

import torch
from pytest import MonkeyPatch, mark, raises

from ace_agent.engines.mini.pipeline import ACEPipeline
from ace_agent.engines.runtime import Runtime
from ace_agent.errors import InputError, ModelError


def test_names_that_are_none_are_refused():
    with raises(InputError, match=r"no device 'gpu': it is auto, cpu, cuda, cuda:1 or mps"):
        Runtime(device="gpu")
    with raises(InputError, match="no number format 'int8': it is one of auto, float32"):
        Runtime(dtype="int8")


@mark.parametrize(
    ("runtime", "message"),
    [
        (Runtime(offload=True), "--offload makes no sense with ace-mini"),
        (Runtime(vae_tiling=True), "--vae-tiling makes no sense with ace-mini"),
        (Runtime(dtype="float16"), "ace-mini runs in float32, not in float16"),
    ],
)
def test_the_small_model_takes_no_savings(runtime: Runtime, message: str):
    with raises(InputError, match=message):
        runtime.check_for("ace-mini")
    runtime.check_for("ace-0.6b-512")


def test_a_folder_of_the_small_model_takes_none_either(monkeypatch: MonkeyPatch):
    from ace_agent.engines.mini import pipeline

    monkeypatch.setattr(pipeline, "MiniTransformer", None)  # refused before anything is loaded
    with raises(InputError, match="--offload makes no sense with ace-mini"):
        ACEPipeline.from_pretrained(pipeline.WEIGHTS / "ace-mini", Runtime(offload=True))


def test_a_device_that_is_not_here_is_said(monkeypatch: MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert Runtime(device="cuda").torch_device() == torch.device("cuda")
    with raises(
        ModelError, match="cuda:1 cannot be used: PyTorch sees 1 CUDA device here: leave --device off"
    ):
        Runtime(device="cuda:1").torch_device()
    with raises(ModelError, match="mps cannot be used"):
        Runtime(device="mps").torch_device()


def test_formats_follow_the_device():
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    assert Runtime().torch_dtype(gpu) is torch.float16
    assert Runtime().torch_dtype(cpu) is torch.float32
    assert Runtime(dtype="bfloat16").torch_dtype(cpu) is torch.bfloat16
    with raises(InputError, match="float16 needs a GPU: on a CPU take --dtype bfloat16 or float32"):
        Runtime(dtype="float16").torch_dtype(cpu)


def test_foreign_folders_are_refused_in_one_line(tmp_path: Path):
    """A diffusers folder of another model has a `transformer/config.json` too."""
    (tmp_path / "transformer").mkdir()
    (tmp_path / "transformer" / "config.json").write_text('{"_class_name": "PixArtTransformer2DModel"}')
    with raises(ModelError, match="of another model"):
        ACEPipeline.from_pretrained(tmp_path)
    own = {"_class_name": "MiniTransformer", "layout": "turn_causal"}
    (tmp_path / "transformer" / "config.json").write_text(json.dumps(own))
    with raises(ModelError, match="has lost the weights of its transformer"):
        ACEPipeline.from_pretrained(tmp_path)
