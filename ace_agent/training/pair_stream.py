"""The stream of batches from anyone's pairs: shuffled, packed under a token budget, the same for everyone."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch.utils.data import Dataset

from ace_agent.data.sample import Sample
from ace_agent.training.batches import Batch, TokenBatches, part_of
from ace_agent.training.errors import TrainingError


@dataclass(frozen=True)
class Measure:
    """What a sample takes: packed rows of its conditioning pictures and of its target, and the texts to encode."""

    prefix: int
    target: int
    texts: tuple[str, ...] = ()


class Preparer(Protocol):
    """Makes examples of samples. Sent to the processes that draw batches."""

    def __call__(self, sample: Sample, rng: random.Random) -> Any:
        """An example to learn from; what is left out of it is drawn from `rng`."""
        ...

    def whole(self, sample: Sample) -> Any:
        """An example with nothing left out, for validation."""
        ...

    def measure(self, sample: Sample) -> Measure: ...

    def cost(self, measure: Measure, draws: int) -> int:
        """Tokens of a sample in a batch, with `draws` noise draws."""
        ...


def measure_all(
    samples: Sequence[Sample], preparer: Preparer, progress: Callable[[int, int], None]
) -> list[Measure]:
    """Every sample's measure; prepares each once, so that what cannot be used is found before training begins."""
    measures = []
    for number in range(len(samples)):
        measures.append(preparer.measure(samples[number]))
        progress(number + 1, len(samples))
    return measures


class PairStream(Dataset[Batch[Any]]):
    """Item n is batch n of the run `seed`, or the part of it that process `part[0]` of `part[1]` trains on.

    `chosen` are the samples to train on; `budget` counts tokens of conditioning pictures and targets.

    Raises:
        TrainingError: a sample alone goes over the budget.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        chosen: Sequence[int],
        measures: Sequence[Measure],
        preparer: Preparer,
        *,
        budget: int,
        draws: int,
        seed: int,
        part: tuple[int, int] = (0, 1),
    ) -> None:
        self.samples = samples
        self.chosen = list(chosen)
        self.rows = [measures[number].target for number in self.chosen]
        self.costs = [preparer.cost(measures[number], draws) for number in self.chosen]
        self.preparer = preparer
        self.seed = seed
        self.part = part
        largest = max(self.costs)
        if largest > budget:
            sample = self.chosen[self.costs.index(largest)] + 1
            raise TrainingError(
                f"sample {sample} takes {largest} tokens with {draws} draws, a batch {budget}",
                f"--tokens {largest}, or fewer --draws",
            )
        self.batches = TokenBatches(self.costs, budget, seed)

    def __getitem__(self, step: int) -> Batch[Any]:
        members = self.batches[step]
        own = part_of([self.costs[member] for member in members], *self.part)
        examples = [
            self.preparer(
                self.samples[self.chosen[members[place]]], random.Random(f"pairs-{self.seed}-{step}-{place}")
            )
            for place in own
        ]
        return Batch(tuple(examples), own.start, tuple(self.rows[member] for member in members))
