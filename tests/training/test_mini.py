"""What a scene run leaves as weights, and a run that starts from them."""

import torch

from ace_agent.engine import compact
from ace_agent.training.mini import export, warm_start
from tests.training.tiny import tiny_trainer


def test_a_run_starts_from_exported_weights_and_their_samples(tmp_path, monkeypatch):
    monkeypatch.setattr(compact, "LARGE", 64)
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
    half_a_step = float(kept.abs().max()) / 127 / 2
    torch.testing.assert_close(text, kept, atol=half_a_step * 1.01, rtol=0)
    assert torch.equal(later.averages["encoder"].values["enter.weight"], text)
    assert (later.step, later.samples, later.seconds) == (0, 640, 1800.0)
