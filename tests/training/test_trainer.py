import json

import pytest
import torch

from ace_agent.engine.text import MiniTextEncoder, WordTokenizer
from ace_agent.engine.transformer import ACETransformer
from ace_agent.errors import InputError
from ace_agent.training.objective import ObjectiveOptions, draw_times
from ace_agent.training.stream import SceneStream, StreamOptions
from ace_agent.training.trainer import Trainer, TrainingOptions

WORDS = ["a", "red", "car", "remove", "the", "make", "it", "night", "in", "meadow"]
OPTIONS = TrainingOptions(warmup=2, stream=StreamOptions(batch=2))


def trainer(folder, width: int = 64) -> Trainer:
    torch.manual_seed(0)
    tokenizer = WordTokenizer(WORDS)
    encoder = MiniTextEncoder(len(tokenizer), vector=16, width=32, depth=1, heads=2)
    model = ACETransformer(width=width, depth=2, heads=width // 32, text_width=32)
    return Trainer(folder, model, encoder, tokenizer, OPTIONS)


@pytest.fixture(scope="module")
def batches() -> list:
    stream = SceneStream(WordTokenizer(WORDS), OPTIONS.seed, OPTIONS.stream)
    return [stream[step] for step in range(4)]


def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(tmp_path, batches):
    whole = trainer(tmp_path / "whole")
    for batch in batches:
        whole.train_step(batch)
    first = trainer(tmp_path / "parts")
    for batch in batches[:2]:
        first.train_step(batch)
    first.save()
    second = trainer(tmp_path / "parts")
    assert second.resume()
    for batch in batches[second.step :]:
        second.train_step(batch)
    assert second.step == whole.step == 4
    for ours, theirs in ((whole.model, second.model), (whole.average, second.average)):
        for (name, a), b in zip(ours.state_dict().items(), theirs.state_dict().values(), strict=True):
            assert torch.equal(a, b), name


def test_a_checkpoint_of_another_architecture_is_refused_with_both_shown(tmp_path):
    trainer(tmp_path).save()
    with pytest.raises(InputError, match=r"'width': 64.*'width': 96"):
        trainer(tmp_path, width=96).resume()


def test_an_empty_run_has_nothing_to_resume(tmp_path):
    assert not trainer(tmp_path / "none").resume()


def test_every_parameter_learns(tmp_path, batches):
    """Zero-initialised parts hide those behind them at first; after a few steps nothing may be without a gradient."""
    run = trainer(tmp_path)
    for batch in batches[:3]:
        run.train_step(batch)
    still = {
        name
        for module in (run.model, run.encoder)
        for name, parameter in module.named_parameters()
        if parameter.grad is None
    }
    assert still == set()


def test_repeating_one_batch_drives_its_loss_down(tmp_path, batches):
    run = trainer(tmp_path)
    losses = []
    for _ in range(12):
        run.options = OPTIONS
        run.step = 0  # the same noise and times every step
        losses.append(float(run.train_step(batches[0]).mean()))
    assert losses[-1] < 0.8 * losses[0]


def test_the_log_has_a_line_per_report(tmp_path, batches):
    run = trainer(tmp_path)
    run.train_step(batches[0])
    run._report()
    line = json.loads((tmp_path / "log.jsonl").read_text())
    assert line["step"] == 1 and line["samples"] == 2
    assert set(line["tasks"]) == {example.task for example in batches[0]}


def test_times_are_spread_over_the_batch():
    times = draw_times(64, ObjectiveOptions(time_low=0.02), torch.Generator().manual_seed(0)).sort().values
    assert 0.02 < times[0] < 0.04 and 0.98 < times[-1] < 1
    assert abs(float(times.median()) - 0.51) < 0.02
