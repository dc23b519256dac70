import itertools
import json
import os
import resource
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from ace_agent.engines.mini.text_encoder import WordTokenizer
from ace_agent.errors import InputError
from ace_agent.training.batches import Batch
from ace_agent.training.errors import TrainingError
from ace_agent.training.mini.stream import SceneStream
from ace_agent.training.trainer import DECAYED, STATE, Limits, Trainer, last_checkpoint
from tests.training.tiny import OPTIONS, WORDS, tiny_trainer


@pytest.fixture(scope="module")
def batches() -> list[Batch]:
    stream = SceneStream(WordTokenizer(WORDS), OPTIONS.seed, OPTIONS.stream)
    return [stream[step] for step in range(4)]


def assert_same(ours: Trainer, theirs: Trainer) -> None:
    assert ours.step == theirs.step
    for name, network in ours.subject.networks.items():
        for key, value in network.state_dict().items():
            assert torch.equal(value, theirs.subject.networks[name].state_dict()[key]), key
        for key, value in ours.averages[name].values.items():
            assert torch.equal(value, theirs.averages[name].values[key]), key


def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(tmp_path, batches):
    whole = tiny_trainer(tmp_path / "whole")
    for batch in batches:
        whole.train_step(batch)
    first = tiny_trainer(tmp_path / "parts")
    for batch in batches[:2]:
        first.train_step(batch)
    first.save()
    second = tiny_trainer(tmp_path / "parts")
    assert second.resume()
    for batch in batches[second.step :]:
        second.train_step(batch)
    assert whole.step == 4
    assert_same(whole, second)


def test_a_killed_run_resumes_as_if_nothing_had_happened(tmp_path):
    """SIGKILL ends it somewhere within a step; another process finishes the run."""
    command = [sys.executable, str(Path(__file__).parent / "killed_run.py"), str(tmp_path / "killed")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as run:
        assert run.stdout is not None
        for line in run.stdout:
            if int(line) >= 3:
                run.kill()
                break
    assert run.returncode == -signal.SIGKILL
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        ended = tiny_trainer(tmp_path / "killed")
        assert ended.resume() and ended.step >= 2
        steps = ended.step + 2
        whole = tiny_trainer(tmp_path / "whole")
        for run_ in (ended, whole):
            stream = SceneStream(WordTokenizer(WORDS), OPTIONS.seed, OPTIONS.stream)
            assert run_.run(stream, Limits(steps=steps), workers=0)
    finally:
        torch.set_num_threads(threads)
    assert_same(whole, ended)


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path, batches):
    run = tiny_trainer(tmp_path)
    run.train_step(batches[0])
    run.save()
    size = (tmp_path / STATE).stat().st_size
    run.train_step(batches[1])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, limits[1]))
    try:
        with pytest.raises(TrainingError, match=r"could not be written at step 2") as caught:
            run.save()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "step 1 is whole" in caught.value.hint and "\n" not in caught.value.message
    assert [file.name for file in tmp_path.iterdir()] == [STATE]
    again = tiny_trainer(tmp_path)
    assert again.resume() and again.step == 1


def test_a_decay_leaves_the_checkpoint_at_the_whole_rate(tmp_path, monkeypatch):
    clock = itertools.count()  # every look at it is a second later: two a step
    monkeypatch.setattr("ace_agent.training.trainer.time", SimpleNamespace(monotonic=lambda: next(clock)))
    run = tiny_trainer(tmp_path)
    stream = SceneStream(WordTokenizer(WORDS), OPTIONS.seed, OPTIONS.stream)
    rates = []
    step = run.train_step
    run.train_step = lambda batch: (rates.append(run.rate()), step(batch))[1]  # type: ignore[method-assign]
    saved = []
    save = run.save
    run.save = lambda name=STATE: (saved.append((run.step, name)), save(name))[1]  # type: ignore[method-assign]
    limits = Limits(minutes=12 / 60, decay_minutes=8 / 60, report_steps=1, save_minutes=3 / 60)
    assert run.run(stream, limits, workers=0)
    assert [name for step, name in saved if step > 2] == [DECAYED] * 3, "a decay that is killed loses little"
    assert rates == pytest.approx([0.5, 1, 1, 5 / 7, 3 / 7, 1 / 7])
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert "decay" in lines[-1] and "decay" not in lines[0]
    constant = tiny_trainer(tmp_path)
    assert constant.resume()
    assert last_checkpoint(tmp_path) == DECAYED
    ended = tiny_trainer(tmp_path)
    assert ended.resume(DECAYED)
    assert constant.step == 2 and ended.step == run.step == 6 and constant.decay == 1
    assert_same(ended, run)


def test_the_rate_decays_over_the_last_steps(tmp_path):
    run = tiny_trainer(tmp_path)
    stream = SceneStream(WordTokenizer(WORDS), OPTIONS.seed, OPTIONS.stream)
    rates = []
    step = run.train_step
    run.train_step = lambda batch: (rates.append(run.rate()), step(batch))[1]  # type: ignore[method-assign]
    assert run.run(stream, Limits(steps=6, decay_steps=4), workers=0)
    assert rates == pytest.approx([0.5, 1, 1, 1, 2 / 3, 1 / 3])
    again = tiny_trainer(tmp_path)
    assert again.resume() and again.step == 3, "the last checkpoint at the whole rate"


def test_over_hours_the_rate_follows_one_cosine_through_all_launches(tmp_path, monkeypatch):
    clock = itertools.count()  # every look at it is a second later: two a step
    monkeypatch.setattr("ace_agent.training.trainer.time", SimpleNamespace(monotonic=lambda: next(clock)))
    stream = SceneStream(WordTokenizer(WORDS), OPTIONS.seed, OPTIONS.stream)
    options = replace(OPTIONS, warmup=1)
    rates = []

    def launch(limits: Limits) -> Trainer:
        run = tiny_trainer(tmp_path, options=options)
        run.resume()
        run.run(stream, limits, on_step=lambda loss: rates.append(run.decay), workers=0)
        return run

    launch(Limits(hours=8 / 3600, steps=2))
    ended = launch(Limits(hours=8 / 3600))
    assert rates == sorted(rates, reverse=True) and rates[0] > 0.95 and 0.05 < rates[-1] < 0.2
    assert ended.step == len(rates) > 2
    assert last_checkpoint(tmp_path) == STATE, "a later launch needs the checkpoint"


def test_an_interrupt_finishes_the_step_and_saves(tmp_path):
    run = tiny_trainer(tmp_path)
    stream = SceneStream(WordTokenizer(WORDS), OPTIONS.seed, OPTIONS.stream)
    step = run.train_step

    def stopped(batch):
        os.kill(os.getpid(), signal.SIGINT)
        return step(batch)

    run.train_step = stopped  # type: ignore[method-assign]
    assert not run.run(stream, Limits(minutes=5), workers=0)
    again = tiny_trainer(tmp_path)
    assert again.resume() and again.step == 1


def test_a_checkpoint_with_other_settings_is_refused_with_both_shown(tmp_path):
    tiny_trainer(tmp_path).save()
    with pytest.raises(InputError, match=r"'width': 64.*'width': 96"):
        tiny_trainer(tmp_path, width=96).resume()


def test_an_empty_run_has_nothing_to_resume(tmp_path):
    assert not tiny_trainer(tmp_path / "none").resume()


def test_every_parameter_learns(tmp_path, batches):
    """Zero-initialised parts block gradients at first; after a few steps every parameter must have one."""
    run = tiny_trainer(tmp_path)
    for batch in batches[:3]:
        run.train_step(batch)
    still = {
        name
        for module in run.subject.networks.values()
        for name, parameter in module.named_parameters()
        if parameter.grad is None
    }
    assert still == set()


def test_repeating_one_batch_drives_its_loss_down(tmp_path):
    # Answers that differ from the base image: an untrained model already copies that.
    stream = SceneStream(WordTokenizer(WORDS), 0, OPTIONS.stream, tasks=("text_to_image", "segment"))
    batch = stream[0]
    run = tiny_trainer(tmp_path)
    losses = []
    for _ in range(12):
        run.step = 0  # the same noise and times every step
        losses.append(float(run.train_step(batch).flow.mean()))
    assert losses[-1] < 0.8 * losses[0]


def test_the_log_has_a_line_per_report(tmp_path, batches):
    run = tiny_trainer(tmp_path)
    run.train_step(batches[0])
    run.report()
    line = json.loads((tmp_path / "log.jsonl").read_text())
    assert line["step"] == 1 and line["samples"] == 2
    assert set(line["tasks"]) == {example.task for example in batches[0]}
