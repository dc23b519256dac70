"""What latents would cost ace-mini: how well a small autoencoder reconstructs right answers after minutes of training.

    python benchmarks/latents.py --minutes 15

A model of latents can do no better than its autoencoder's picture of the right answer, so the score of that picture
is its ceiling, and the minutes are what its own training would have lost. The autoencoder
keeps 16 numbers of every 8 x 8 pixels and is trained on crops of 64 pixels of the scene world's right answers.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import defaultdict
from collections.abc import Iterator
from statistics import median
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader

from ace_agent.data.scenes.world import World
from ace_agent.evaluation.benchmark import record_of
from ace_agent.evaluation.grading import figure, grade
from ace_agent.evaluation.suites import DEFAULT_TASKS, Suite, draw
from ace_agent.training.mini.stream import draw as draw_sample
from ace_agent.training.mini.stream import to_pixels

CROP = 64


class Crops(torch.utils.data.IterableDataset[Tensor]):
    """Batches of crops of right answers, float [B, 3, 64, 64] in -1..1, without end."""

    def __init__(self, batch: int) -> None:
        self.batch = batch

    def __iter__(self) -> Iterator[Tensor]:
        rng, world = random.Random("latents"), World()
        while True:
            crops = []
            for _ in range(self.batch):
                picture = draw_sample(world, rng, None, "train").turns[-1].target
                top, left = (rng.randrange(side - CROP + 1) for side in picture.shape[:2])
                crops.append(to_pixels(picture[top : top + CROP, left : left + CROP]))
            yield torch.stack(crops)


def small_autoencoder() -> Any:
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(48, 96, 128, 128),
        layers_per_block=1,
        latent_channels=16,
        norm_num_groups=16,
        mid_block_add_attention=False,
    )


def redrawn(model: Any, pixels: Tensor) -> Tensor:
    """Encoded (the mean) and decoded again."""
    picture: Tensor = model.decode(model.encode(pixels).latent_dist.mean).sample
    return picture


def gradient_error(a: Tensor, b: Tensor) -> Tensor:
    """Squared error and that of the gradients at three scales, as the score has it."""
    off = a - b
    total = off.square().mean()
    for scale in (1, 2, 4):
        coarse = F.avg_pool2d(off, scale)
        total = total + coarse.diff(dim=2).square().mean() + coarse.diff(dim=3).square().mean()
    return total


def train(model: Any, minutes: float, batch: int) -> int:
    """Train for so many minutes of wall clock, the rate falling to zero. Returns the crops seen."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.98), weight_decay=0.0)
    crops = iter(DataLoader(Crops(batch), batch_size=None, num_workers=1))
    began, seen = time.monotonic(), 0
    while (spent := (time.monotonic() - began) / 60) < minutes:
        for group in optimiser.param_groups:
            group["lr"] = 1e-3 * min(1.0, (seen + batch) / (50 * batch)) * (1 - spent / minutes)
        pixels = next(crops)
        with torch.autocast(
            "cpu",
            torch.bfloat16,
            enabled=torch.cpu._is_amx_tile_supported(),
        ):
            picture = redrawn(model, pixels)
        gradient_error(picture.float(), pixels).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        seen += batch
    return seen


@torch.inference_mode()
def ceilings(model: Any, per_task: int) -> dict[str, float]:
    """Score of the reconstructed right answer by task, for tasks with exactly one, on validation samples."""
    grades = defaultdict(list)
    for question in draw(World(), Suite(DEFAULT_TASKS, per_task)):
        target = question.last.target
        picture = redrawn(model, to_pixels(target)[None])[0].clamp(-1, 1)
        levels = ((picture.permute(1, 2, 0) + 1) * 127.5).round().numpy().astype(np.uint8)
        graded = grade(record_of(question, Image.fromarray(levels)).answered)
        if graded.measure != "reader":
            grades[question.row].append(graded)
    return {row: figure(own) for row, own in grades.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=15.0, help="of training, wall clock")
    parser.add_argument("--batch", type=int, default=32, help="crops a step")
    parser.add_argument("--per-task", type=int, default=8, help="validation samples of each task")
    parser.add_argument("--threads", type=int, default=None)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    model = small_autoencoder()
    seen = train(model, options.minutes, options.batch)
    found = ceilings(model.eval(), options.per_task)
    print(
        f"{seen:,} crops in {options.minutes:g} minutes, {sum(p.numel() for p in model.parameters()):,} parameters"
    )
    for row, value in sorted(found.items(), key=lambda item: item[1]):
        print(f"{row:24} {value:8.3f}")
    print(
        f"median {median(found.values()):.3f}; above zero {sum(v > 0 for v in found.values())} of {len(found)}"
    )


if __name__ == "__main__":
    main()
