"""The arms of the ablations are what their lines in the table say."""

import random
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ace_agent.engines.mini.generation import SamplingOptions, generate
from ace_agent.engines.mini.text_encoder import MiniTextEncoder
from ace_agent.images.operators import grayscale
from ace_agent.training.mini.run import TrainingOptions
from ace_agent.training.mini.stream import StreamOptions
from tests.engines.mini.test_generation import TOKENIZER, requests
from tests.training.tiny import tiny_trainer

SCRIPT = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "ablations.py"))
TINY = {"width": 64, "depth": 2, "heads": 2, "text_width": 32}


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return MiniTextEncoder(len(TOKENIZER), vector=16, width=32, depth=1, heads=2).eval()


def made(model, encoder, asked):
    pictures = generate(
        model, encoder, asked, [[n] for n in range(len(asked))], TOKENIZER(""), SamplingOptions(steps=2)
    )
    return [one[0] for one in pictures]


def stirred(model):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
    return model.eval()


def test_the_joint_arm_packs_as_it_answers_alone_and_its_frames_see_the_words(encoder):
    model = stirred(SCRIPT["Joint"](**TINY))
    asked = requests()
    together = made(model, encoder, asked)
    for number, request in enumerate(asked):
        alone = generate(model, encoder, [request], [[number]], TOKENIZER(""), SamplingOptions(steps=2))[0][0]
        torch.testing.assert_close(together[number].pixels, alone.pixels, atol=1e-4, rtol=1e-4)
    request = next(one for one in asked if one.base is not None)
    *earlier, current = request.units
    other = replace(request, units=(*earlier, replace(current, tokens=TOKENIZER("a red car"))))
    seen = []
    read = model._read_context
    model._read_context = lambda *given: seen.append(read(*given)) or seen[-1]
    for one in (request, other):
        made(model, encoder, [one])
    assert (seen[0][1].hidden - seen[2][1].hidden).abs().max() > 1e-4


def test_without_the_gate_nothing_is_copied(encoder):
    torch.manual_seed(0)
    model = SCRIPT["MiniTransformer"](**TINY)
    model.head.register_forward_pre_hook(SCRIPT["paint_only"])
    stirred(model)
    pictures = made(model, encoder, requests())
    assert all(picture.kept.max() < 1e-6 for picture in pictures)


def test_an_arm_differs_in_what_it_names():
    arms = SCRIPT["ARMS"]
    assert arms["no-history"].stream == {"drop_history": 1.0} and not arms["no-indicators"].indicators
    assert arms["expert-remove"].tasks == ("remove",) and set(SCRIPT["EXPERTS"]) < set(SCRIPT["TASKS"])
    assert [arms[f"full-{seed}"].seed for seed in range(3)] == [0, 1, 2]
    assert arms["which-no-indicators"] == replace(
        arms["which"], indicators=False, label=arms["which-no-indicators"].label
    )


def test_of_two_pictures_the_one_that_the_words_name_becomes_gray():
    world = SCRIPT["ArmWorld"](size=32)
    turns = [world.sample(random.Random(seed), SCRIPT["WHICH"]).turns[-1] for seed in range(12)]
    numbers = {int("{image1}" in turn.instruction) for turn in turns}
    assert numbers == {0, 1}
    for turn in turns:
        asked = turn.frames[int("{image1}" in turn.instruction)]
        assert turn.base is None and len(turn.frames) == 2
        assert np.array_equal(turn.target, grayscale(asked.image))


def test_an_arm_without_history_is_measured_without_it(monkeypatch, tmp_path):
    given = []
    measure, prepare = SCRIPT["figures"], SCRIPT["prepare_sample"]

    def noted(sample, tokenizer, *, history):
        given.append(history)
        return prepare(sample, tokenizer, history=history)

    monkeypatch.setitem(measure.__globals__, "prepare_sample", noted)
    for name in ("no-history", "full-0"):
        arm = replace(SCRIPT["ARMS"][name], tasks=("grayscale",))
        options = TrainingOptions(stream=StreamOptions(**arm.stream))
        trainer = tiny_trainer(tmp_path / name, options=options)
        assert set(measure(trainer, arm, 1)) == {"grayscale"}
    assert given == [False, True]
