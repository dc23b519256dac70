"""How a model answers pairs, in pictures and in figures."""

from __future__ import annotations

import numpy as np
from PIL import Image

from ace_agent.data.sample import Sample
from ace_agent.engines.interface import Pipeline
from ace_agent.evaluation.answerers import condition_unit
from ace_agent.plan.tasks import TASKS

SEED = 7


def answer(pipeline: Pipeline, sample: Sample, steps: int) -> Image.Image:
    """The model's answer to a sample at the target's size, through the pipeline as any request."""
    last = sample.turns[-1]
    current = condition_unit(last)
    height, width = last.target.shape[:2]
    output = pipeline(
        current.instruction,
        current.images,
        current.masks,
        task=last.task if last.task in TASKS else None,
        history=[condition_unit(turn) for turn in sample.turns[:-1]],
        height=height,
        width=width,
        num_inference_steps=steps,
        seed=SEED,
    )
    return output.images[0]


def psnr(output: Image.Image, target: Image.Image) -> float:
    """PSNR of the whole picture in dB, at most 60 so that means stay finite."""
    difference = (np.asarray(output.convert("RGB"), np.float64) - np.asarray(target, np.float64)) / 255
    return float(min(60.0, -10 * np.log10(max(np.square(difference).mean(), 1e-12))))
