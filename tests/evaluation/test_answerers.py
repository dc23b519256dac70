"""Several conversations in one packed pass are answered as each alone."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ace_agent.data.sample import Sample
from ace_agent.engines.ace.packing import REFERENCE_INDICATOR
from ace_agent.engines.mini.pipeline import ACEPipeline
from ace_agent.engines.mini.text_encoder import MiniTextEncoder, WordTokenizer
from ace_agent.engines.mini.transformer import MiniTransformer
from ace_agent.evaluation.answerers import PipelineAnswerer
from ace_agent.evaluation.presets import drawn
from ace_agent.evaluation.suites import Suite
from ace_agent.training.mini.stream import prepare_sample


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> ACEPipeline:
    torch.manual_seed(0)
    tokenizer = WordTokenizer(["red", "car", "make", "it", "night", "a"])
    model = MiniTransformer(width=64, depth=2, heads=2, text_width=32)
    encoder = MiniTextEncoder(len(tokenizer), vector=16, width=32, depth=1, heads=2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
    folder: Path = tmp_path_factory.mktemp("model")
    return ACEPipeline(model, encoder, tokenizer, folder)


def test_a_packed_batch_is_answered_as_each_alone(pipeline: ACEPipeline) -> None:
    suite = Suite(("text_to_image", "remove", "fuse_layers", "chain:undo"), per_task=1)
    conversations = [question.turns for question in drawn("scenes", suite)]
    seeds = [1, 2, 3, 4]
    together, alone = (
        PipelineAnswerer(pipeline, batch=batch, references="given", steps=1, guidance=1.0).answer(
            conversations, seeds
        )
        for batch in (4, 1)
    )
    called = [
        pipeline(
            turns[-1].instruction,
            unit.current.images,
            unit.current.masks,
            task=turns[-1].task,
            history=unit.history,
            num_inference_steps=1,
            guidance_scale=1.0,
            seed=seed,
            references=unit.current.references,
        ).images[0]
        for turns, seed in zip(conversations, seeds, strict=True)
        for unit in [PipelineAnswerer(pipeline, references="given").unit(turns)]
    ]
    for packed, single, plain in zip(together, alone, called, strict=True):
        assert np.abs(np.asarray(packed, np.int16) - np.asarray(single, np.int16)).max() <= 1
        assert np.abs(np.asarray(plain, np.int16) - np.asarray(single, np.int16)).max() <= 1
    assert not np.array_equal(np.asarray(together[0]), np.asarray(together[1]))


def test_a_pipeline_gets_the_inputs_of_training(pipeline: ACEPipeline) -> None:
    tasks = ("text_to_image", "add", "remove", "render_text", "contour_to_image", "fuse_layers", "chain:undo")
    suite = Suite(tasks, per_task=2)
    things, shapes = 0, set()
    for question in drawn("scenes", suite):
        turns = question.turns
        last = turns[-1]
        unit = PipelineAnswerer(pipeline, references="given").unit(turns)
        asked = pipeline.prepare(unit, with_base=last.base is not None, task=last.task)
        learned = prepare_sample(Sample("", tuple(turns)), pipeline.tokenizer)
        assert [one.tokens for one in asked.units] == [one.tokens for one in learned.units]
        assert len(asked.frames) == len(learned.frames)
        for ours, theirs in zip(asked.frames, learned.frames, strict=True):
            assert ours.indicator == theirs.indicator
            assert torch.equal(ours.pixels, theirs.pixels) and torch.equal(ours.mask, theirs.mask)
            if ours.indicator >= REFERENCE_INDICATOR:
                things += 1
                shapes.add(tuple(ours.pixels.shape))
                assert 0.05 < ours.mask.mean() < 0.95
    assert things and shapes == {(3, 64, 64), (3, 32, 128)}


def test_variations_differ_although_a_single_step_ignores_the_seed(pipeline: ACEPipeline) -> None:
    assert pipeline.default_steps == 1
    alone = [pipeline("a car", seed=seed).images[0].tobytes() for seed in (1, 2)]
    assert alone[0] == alone[1]
    varied = pipeline("a car", seed=1, num_images_per_prompt=2).images
    assert varied[0].tobytes() != varied[1].tobytes()
