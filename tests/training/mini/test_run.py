"""A run on scenes: its exported weights, and its validation."""

from dataclasses import replace

import torch

from ace_agent.engines.ace import quantized_weights
from ace_agent.training.mini import run as mini
from ace_agent.training.mini.run import export, validation_loss, warm_start
from tests.training.tiny import tiny_subject, tiny_trainer


def test_a_run_starts_from_exported_weights_and_their_samples(tmp_path, monkeypatch):
    monkeypatch.setattr(quantized_weights, "LARGE", 64)
    earlier = tiny_trainer(tmp_path / "earlier")
    earlier.samples, earlier.seconds = 640, 1800.0
    with torch.no_grad():
        for average in earlier.averages.values():
            for value in average.values.values():
                value.add_(0.5)
    export(earlier, earlier.subject, tmp_path / "weights")

    later = tiny_trainer(tmp_path / "later", width=96)
    fresh = warm_start(later, tmp_path / "weights")
    assert "blocks.0.attn.q.weight" in fresh and "enter.weight" not in fresh
    text = later.subject.networks["encoder"].enter.weight
    kept = earlier.averages["encoder"].values["enter.weight"]
    assert torch.equal(text, quantized_weights.unpacked(*quantized_weights.packed({"": kept}))[""])
    assert 0 < (text - kept).norm() < 0.12 * kept.norm()
    assert torch.equal(later.averages["encoder"].values["enter.weight"], text)
    assert (later.step, later.samples, later.seconds) == (0, 640, 1800.0)


def test_validation_repeats_its_samples_and_depends_on_the_weights(monkeypatch):
    monkeypatch.setattr(mini, "VALIDATION_BATCHES", 2)
    monkeypatch.setattr(mini, "VALIDATION", replace(mini.VALIDATION, batch=2))
    subject = tiny_subject()
    tasks = ("edge", "grayscale")
    first = validation_loss(subject, tasks)
    assert first == validation_loss(subject, tasks)
    assert first.keys() - {"loss"} <= set(tasks) and first["loss"] > 0
    with torch.no_grad():
        subject.model.head.leave.bias += 1
    assert validation_loss(subject, tasks)["loss"] != first["loss"]
