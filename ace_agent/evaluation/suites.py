"""The samples of a benchmark, preset by preset."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from ace_agent.data.errors import Unfit
from ace_agent.data.sample import Sample, Split, TrainingTurn
from ace_agent.data.scenes.scene_sampler import SceneSampler
from ace_agent.data.scenes.wordings import using
from ace_agent.data.scenes.world import CHAINS as CHAIN_NAMES
from ace_agent.data.scenes.world import World
from ace_agent.evaluation.answerers import References
from ace_agent.evaluation.report import CHAINS
from ace_agent.plan.tasks import TASKS
from ace_agent.references.name_matching import NameMatcher, spellings

NEEDS_HISTORY = tuple(name for name in CHAIN_NAMES if name != "chain")
"""Chains whose last request cannot be answered without the earlier turns."""


@dataclass(frozen=True)
class Drawn:
    """One question of a benchmark.

    Args:
        row: its row in the report.
        family: of the catalogue, "chains", or the preset's own.
        seed: draws the sample, with row and split, and the noise.
        turns: the conversation, whose last turn is to be answered.
        references: where reference pictures come from, if this row tests that.
    """

    row: str
    family: str
    seed: int
    turns: tuple[TrainingTurn, ...]
    references: References | None = None

    @property
    def last(self) -> TrainingTurn:
        return self.turns[-1]

    @property
    def judge(self) -> dict[str, Any]:
        """The facts that an answer is graded by, with the objects that the words name or a frame shows.

        A hole may hide a thing that the words do not name, which no answer can know.
        """
        shown = {
            place.key.split("|")[0].split("+")[0]
            for turn in self.turns
            for frame in turn.frames
            for place in frame.placements
        }
        words = NameMatcher(spellings(noun for noun, *_ in self.last.judge.get("objects", ())))
        named = {noun for noun, _, _ in words.find(self.last.instruction)}
        objects = [fact for fact in self.last.judge.get("objects", ()) if fact[0] in shown | named]
        return {**self.last.judge, "objects": objects}


@dataclass(frozen=True)
class Suite:
    """A reproducible choice of samples.

    Args:
        tasks: tasks of the catalogue and kinds of chain; rows of the preset for other presets.
        per_task: samples of each.
        seed: other seeds give other samples of the same split.
        wording: instruction templates by kind of request (`instruction_templates`); empty: the scene world's own.
    """

    tasks: tuple[str, ...]
    per_task: int = 32
    seed: int = 0
    split: Split = "validation"
    wording: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


DEFAULT_TASKS: tuple[str, ...] = (*TASKS, *CHAIN_NAMES)


def sample_seed(suite: Suite, index: int) -> int:
    """The seed of a row's sample, whatever other rows the suite has."""
    return suite.seed * 1_000_000 + index


def sample_rng(suite: Suite, row: str, index: int) -> random.Random:
    """The generator that a row's sample is drawn from."""
    return random.Random(f"{suite.split}|{row}|{sample_seed(suite, index)}")


def draw(world: World, suite: Suite) -> Iterator[Drawn]:
    """Samples of the scene world, row by row."""
    for task in suite.tasks:
        family = TASKS[task].family if task in TASKS else CHAINS
        for index in range(suite.per_task):
            with using(suite.wording) if suite.wording else nullcontext():
                sample: Sample = world.sample(sample_rng(suite, task, index), task, suite.split)
            yield Drawn(task, family, sample_seed(suite, index), sample.turns)


def draw_rows(
    rows: Mapping[str, Callable[[SceneSampler], Sequence[TrainingTurn]]],
    make_sampler: Callable[[random.Random, Split], SceneSampler],
    suite: Suite,
    family: str,
    references: Mapping[str, References],
) -> Iterator[Drawn]:
    """Samples of a preset's own generators; one that raises `Unfit` is called again."""
    for row in suite.tasks:
        for index in range(suite.per_task):
            rng = sample_rng(suite, row, index)
            while True:
                try:
                    turns = tuple(rows[row](make_sampler(random.Random(rng.getrandbits(64)), suite.split)))
                except Unfit:
                    continue
                break
            yield Drawn(row, family, sample_seed(suite, index), turns, references.get(row))
