"""Sample sheets and figures of a fine-tuning: what the model makes of pairs, beside what was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from ace_agent.data.sample import Sample
from ace_agent.engines.interface import Pipeline
from ace_agent.evaluation.answering import condition_unit
from ace_agent.plan.tasks import TASKS

CELL = 160
SEED = 7


def answer(pipeline: Pipeline, sample: Sample, steps: int) -> Image.Image:
    """What the model makes of a sample, through the same door as anyone's request, at the target's size."""
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
    """Of the whole picture, in dB; 60 at most, so that means stay finite."""
    difference = (np.asarray(output.convert("RGB"), np.float64) - np.asarray(target, np.float64)) / 255
    return float(min(60.0, -10 * np.log10(max(np.square(difference).mean(), 1e-12))))


def write_sheet(
    file: Path, samples: Sequence[Sample], answers: Sequence[Image.Image], notes: Sequence[str]
) -> None:
    """A row per sample: its first picture, the right answer, the model's, and the note with the instruction below."""
    row = CELL + 16
    sheet = Image.new("RGB", (3 * CELL, row * len(samples)), "white")
    pen = ImageDraw.Draw(sheet)
    for number, (sample, made, note) in enumerate(zip(samples, answers, notes, strict=True)):
        last = sample.turns[-1]
        shown = [
            Image.fromarray(last.frames[0].image) if last.frames else None,
            Image.fromarray(last.target),
            made,
        ]
        for column, picture in enumerate(shown):
            if picture is not None:
                small = picture.convert("RGB")
                small.thumbnail((CELL, CELL))
                sheet.paste(small, (column * CELL, number * row))
        pen.text((2, number * row + CELL + 2), f"{note}: {last.instruction}"[:78], fill="black")
    file.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(file)
