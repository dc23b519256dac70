"""The endless stream of training batches drawn from the scene world.

Batch n depends on the run's seed and on n alone, so a resumed run sees the batches of an uninterrupted one.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ace_agent.data.errors import DataError
from ace_agent.data.sample import Sample, TrainingTurn
from ace_agent.data.scenes.world import World
from ace_agent.engines.ace.packing import MAX_REFERENCES, REFERENCE_INDICATOR
from ace_agent.engines.mini.request_tensors import PreparedFrame, PreparedRequest, PreparedUnit
from ace_agent.engines.mini.text_encoder import WordTokenizer
from ace_agent.plan.tasks import TASKS
from ace_agent.references.types import Frame
from ace_agent.training.batches import Batch, part_of
from ace_agent.training.mini.correspondence import Correspondence, correspond
from ace_agent.training.mini.crops import CROP_WEIGHTS, WINDOW, cropped, fits
from ace_agent.training.mini.naming import frame_labels, row_labels

Split = Literal["train", "validation", "held-out"]


@dataclass(frozen=True)
class StreamOptions:
    """Examples per batch, and the probabilities of leaving parts out, so that the model learns to do without them."""

    batch: int = 32  # whole pictures
    crops: int = 0  # windows (crops.py)
    drop_text: float = 0.05  # the current turn's text and task, as guidance's null branch does
    drop_task: float = 0.05  # the current turn's task alone
    drop_history: float = 0.1
    drop_references: float = 0.25  # all reference pictures of an example
    drop_reference: float = 0.1  # each one


@dataclass(frozen=True)
class Example:
    """A request with its answer.

    Args:
        target: float [3, h, w] in -1..1.
        changed: float [1, h, w], 1 where the target differs from the base image; all ones without one.
        frame_labels: int64 [N, 2], what the rows of the frames show (`naming.row_labels`).
        target_labels: likewise, of the target's rows.
    """

    request: PreparedRequest
    target: Tensor
    changed: Tensor
    correspondence: Correspondence
    frame_labels: Tensor
    target_labels: Tensor
    task: str
    instruction: str


def to_pixels(image: np.ndarray) -> Tensor:
    """uint8 [h, w, 3] -> float [3, h, w] in -1..1."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 127.5 - 1


def prepare_frame(frame: Frame, indicator: int) -> PreparedFrame:
    """A frame as tensors.

    The mask of an input is binary and marks the pixels to change; that of a reference picture is the coverage of its
    thing.
    """
    pixels = to_pixels(frame.image)
    if frame.mask is None:
        return PreparedFrame(pixels, torch.ones(1, *pixels.shape[1:]), indicator)
    mask = torch.from_numpy(np.array(frame.mask)).float()[None] / 255
    return PreparedFrame(
        pixels, mask if indicator >= REFERENCE_INDICATOR else (mask > 0.5).float(), indicator
    )


def prepare_turn(
    turn: TrainingTurn, tokenizer: WordTokenizer, references: list[int] | None = None
) -> PreparedUnit:
    """A turn's text and frames, with the given reference pictures (None: all)."""
    chosen = list(range(len(turn.named))) if references is None else references
    chosen = chosen[:MAX_REFERENCES]
    named = [(turn.named[k].start, turn.named[k].stop, slot) for slot, k in enumerate(chosen)]
    frames = [prepare_frame(frame, number) for number, frame in enumerate(turn.frames)]
    frames += [
        prepare_frame(turn.named[k].frame, REFERENCE_INDICATOR + slot) for slot, k in enumerate(chosen)
    ]
    return PreparedUnit(tokenizer(turn.instruction, named), tuple(frames))


def prepare_sample(
    sample: Sample, tokenizer: WordTokenizer, *, history: bool = True, references: bool = True
) -> PreparedRequest:
    """A whole sample, as at inference."""
    turns = sample.turns if history else sample.turns[-1:]
    last = sample.turns[-1]
    units = [prepare_turn(turn, tokenizer, []) for turn in turns[:-1]]
    current = prepare_turn(last, tokenizer, None if references else [])
    units.append(replace(current, tokens=current.tokens.asking(last.task)))
    height, width = last.target.shape[:2]
    base = units[-1].frames[last.base] if last.base is not None else None
    return PreparedRequest(tuple(units), height, width, base)


MAPS = frozenset(
    {task.id for task in TASKS.values() if task.family == "control"} - {"colorize", "demosaic", "restore"}
    | {"multi_control"}
)
"""Tasks whose frames show where things are to be, but not their looks: a contour has nothing to copy."""


def draw(world: World, rng: random.Random, task: str | None, split: Split) -> Sample:
    """A sample of the task (None: of any). Once in many thousands no scene fits, and another is drawn."""
    while True:
        try:
            return world.sample(rng, task, split)
        except DataError:
            continue


def make_example(
    sample: Sample, tokenizer: WordTokenizer, options: StreamOptions, patch: int, rng: random.Random
) -> Example:
    """A sample as an example, with parts left out at random as `options` says."""
    last = sample.turns[-1]
    history = sample.turns[:-1] if rng.random() >= options.drop_history else ()
    keep = rng.random() >= options.drop_references
    chosen = [k for k in range(len(last.named)) if keep and rng.random() >= options.drop_reference]
    units = [prepare_turn(turn, tokenizer, []) for turn in history]
    current = prepare_turn(last, tokenizer, chosen)
    if rng.random() >= options.drop_task:
        current = replace(current, tokens=current.tokens.asking(last.task))
    if rng.random() < options.drop_text:
        current = PreparedUnit(tokenizer(""), current.frames)
    target = to_pixels(last.target)
    height, width = target.shape[1:]
    base = current.frames[last.base] if last.base is not None else None
    changed = torch.ones(1, height, width)
    if base is not None and base.pixels.shape == target.shape:
        changed = ((target - base.pixels).abs().amax(0, keepdim=True) > 8 / 127.5).float()
    request = PreparedRequest((*units, current), height, width, base)
    frames = [frame for turn in history for frame in turn.frames]
    references = [last.named[k].frame for k in chosen[:MAX_REFERENCES]]
    labels = frame_labels([*frames, *last.frames, *references], patch)
    given = [replace(one, placements=()) for one in last.frames] if last.task in MAPS else last.frames
    frames += [*given, *references]
    start = len(frames) - len(last.frames) - len(references)
    number = None if last.base is None else start + last.base
    matches = correspond(last.placements, frames, last.target, patch, references=len(references), base=number)
    target_labels = row_labels(last.placements, height // patch, width // patch)
    return Example(request, target, changed, matches, labels, target_labels, last.task, last.instruction)


_TRIES = 10
"""Attempts to draw a sample that fits into a window; then one that does not is used."""


class SceneStream(Dataset[Batch[Example]]):
    """Item n is batch n of the run `seed`, or the part of it that process `part[0]` of `part[1]` trains on."""

    def __init__(
        self,
        tokenizer: WordTokenizer,
        seed: int,
        options: StreamOptions,
        *,
        patch: int = 16,
        size: int = 128,
        tasks: tuple[str, ...] | None = None,
        split: Split = "train",
        part: tuple[int, int] = (0, 1),
    ) -> None:
        """Of `tasks` those of `CROP_WEIGHTS` have windows.

        Raises:
            ValueError: windows are asked for, and of a task that has none.
        """
        if options.crops and (without := set(tasks or ()) - CROP_WEIGHTS.keys()):
            raise ValueError(f"tasks without windows: {', '.join(sorted(without))}; take crops=0 for them")
        self.tokenizer = tokenizer
        self.seed = seed
        self.options = options
        self.patch = patch
        self.size = size
        self.tasks = tasks
        self.split: Split = split
        self.part = part
        self._world: World | None = None

    def __getitem__(self, step: int) -> Batch[Example]:
        # Scenes have one size and windows another, so a process knows what the others' examples cost without drawing
        # them. They take turns, so that processes get their share of both.
        whole, crops = self.options.batch, self.options.crops
        count = whole + crops
        windows = [(number + 1) * crops // count > number * crops // count for number in range(count)]
        rows = tuple(((WINDOW if window else self.size) // self.patch) ** 2 for window in windows)
        own = part_of(rows, *self.part)
        examples = [
            self.example(random.Random(f"{self.split}-{self.seed}-{step}-{number}"), window=windows[number])
            for number in own
        ]
        return Batch(tuple(examples), own.start, rows)

    def example(self, rng: random.Random, *, window: bool = False) -> Example:
        if self._world is None:
            self._world = World(size=self.size)
        task = rng.choice(self.tasks) if self.tasks else None
        if not window:
            sample = draw(self._world, rng, task, self.split)
        else:
            task = task or rng.choices(list(CROP_WEIGHTS), list(CROP_WEIGHTS.values()))[0]
            for _ in range(_TRIES):
                turn = draw(self._world, rng, task, self.split).turns[-1]
                if fits(turn):
                    break
            sample = Sample(TASKS[task].family, (cropped(turn, rng),))
        return make_example(sample, self.tokenizer, self.options, self.patch, rng)
