"""Networks are written with what they were made with, and read again."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from ace_agent.engines.ace import quantized_weights
from ace_agent.engines.ace.saved_module import CONFIG_FILE, WEIGHTS_FILE
from ace_agent.engines.mini.transformer import MiniTransformer
from tests.training.tiny import tiny_subject


def test_models_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In both layouts, smaller in the compact one."""
    monkeypatch.setattr(quantized_weights, "LARGE", 2**8)  # tiny models have no large matrices
    subject = tiny_subject()
    for name, model in (("transformer", subject.model), ("text", subject.encoder)):
        model.save_compact(tmp_path / name)
        model.save_pretrained(tmp_path / f"{name}-whole")
        again, whole = (type(model).from_pretrained(tmp_path / f"{name}{end}") for end in ("", "-whole"))
        assert json.dumps(again.config) == json.dumps(whole.config) == json.dumps(model.config)
        assert not again.training and not whole.training
        for key, value in model.state_dict().items():
            assert torch.equal(whole.state_dict()[key], value)
            large = value.ndim > 1 and value.numel() >= quantized_weights.LARGE
            assert (again.state_dict()[key] - value).norm() <= (0.12 if large else 1e-3) * value.norm()
            assert again.state_dict()[key].dtype == torch.float32
        sizes = [(tmp_path / f"{name}{end}" / WEIGHTS_FILE).stat().st_size for end in ("", "-whole")]
        assert sizes[0] < 0.3 * sizes[1]


def test_a_config_holds_what_was_given_and_what_was_not() -> None:
    model = MiniTransformer(width=64, depth=1, heads=2, text_width=32)
    assert model.config["width"] == 64
    assert model.config["rope_theta"] == 100.0 and "self" not in model.config
    again = MiniTransformer.from_config({"_class_name": "MiniTransformer", **model.config})
    assert again.config == model.config


def test_half_precision_is_written_as_it_is_and_read_as_float32(tmp_path: Path) -> None:
    model = tiny_subject().encoder.half()
    model.save_pretrained(tmp_path)
    again = type(model).from_pretrained(tmp_path)
    assert again.dtype == torch.float32
    assert all(
        torch.equal(again.state_dict()[key], value.float()) for key, value in model.state_dict().items()
    )


def test_a_large_model_is_in_memory_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_subject().model
    model.save_pretrained(tmp_path)
    monkeypatch.setattr("ace_agent.engines.ace.saved_module.LARGE", 0)
    again = MiniTransformer.from_pretrained(tmp_path)
    assert not any(value.is_meta for value in (*again.parameters(), *again.buffers()))
    assert all(torch.equal(again.state_dict()[key], value) for key, value in model.state_dict().items())


def test_a_file_that_is_not_the_model_is_one_line(tmp_path: Path) -> None:
    subject = tiny_subject()
    subject.model.save_pretrained(tmp_path)
    subject.encoder.save_pretrained(tmp_path / "text")
    (tmp_path / "text" / WEIGHTS_FILE).replace(tmp_path / WEIGHTS_FILE)
    with pytest.raises(ValueError, match=r"describes, by \w+"):
        MiniTransformer.from_pretrained(tmp_path)
    save_file({"a": torch.zeros(2)}, tmp_path / WEIGHTS_FILE, {"format": "pt", "large": "int8"})
    with pytest.raises(ValueError, match="earlier version"):
        MiniTransformer.from_pretrained(tmp_path)
    (tmp_path / WEIGHTS_FILE).write_bytes(b"nothing")
    with pytest.raises(ValueError, match=WEIGHTS_FILE):
        MiniTransformer.from_pretrained(tmp_path)
    (tmp_path / CONFIG_FILE).write_text(json.dumps({"size": 3}))
    with pytest.raises(ValueError, match=rf"{CONFIG_FILE}: .*size"):
        MiniTransformer.from_pretrained(tmp_path)
    (tmp_path / CONFIG_FILE).unlink()
    with pytest.raises(OSError, match=CONFIG_FILE):
        MiniTransformer.from_pretrained(tmp_path)


def test_a_picture_needs_neither_diffusers_nor_transformers() -> None:
    """Nor torch's compiler: each takes longer to import than a picture to make."""
    code = (
        "import sys; from ace_agent.engines.mini.pipeline import ACEPipeline; "
        "ACEPipeline.from_pretrained()('a red car', task='text_to_image', seed=1); "
        "print(*{'diffusers', 'transformers', 'peft', 'torch._dynamo', 'triton'} & sys.modules.keys())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""
