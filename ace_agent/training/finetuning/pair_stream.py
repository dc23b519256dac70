"""The stream of batches from pairs: shuffled, and packed under a token budget."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Protocol

from torch.utils.data import Dataset

from ace_agent.data.sample import Sample
from ace_agent.training.batches import Batch, TokenBatches, part_of
from ace_agent.training.errors import TrainingError


@dataclass(frozen=True)
class Measure:
    """The size of a sample: packed rows of its conditioning pictures and of its target, and the texts to encode."""

    prefix: int
    target: int
    texts: tuple[str, ...] = ()


class Preparer(Protocol):
    """Turns samples into examples. Pickled for the processes that draw batches."""

    def __call__(self, sample: Sample, rng: random.Random) -> Any:
        """A training example; `rng` decides what is left out of it."""
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
    """Every sample's measure. Each is prepared once, so that unusable ones are found before training begins."""
    measures = []
    for number in range(len(samples)):
        measures.append(preparer.measure(samples[number]))
        progress(number + 1, len(samples))
    return measures


class Rehearsal:
    """Examples of earlier training in every batch, so that the model forgets less of it (Robins 1995, "Catastrophic
    forgetting, rehearsal and pseudorehearsal").

    Args:
        draw: draws an example and its measure.
        share: of a batch's tokens, in 0..1.
    """

    def __init__(self, draw: Callable[[random.Random], tuple[Any, Measure]], share: float, seed: int) -> None:
        self.draw = draw
        self.share = share
        self.seed = seed

    def room(self, budget: int) -> int:
        return int(budget * self.share)

    def examples(
        self, step: int, budget: int, cost: Callable[[Measure], int]
    ) -> Iterator[tuple[Any, Measure]]:
        """The examples of batch `step`, as many as fit into their share of `budget` tokens."""
        room = self.room(budget)
        for number in count():
            example, measure = self.draw(random.Random(f"rehearsal-{self.seed}-{step}-{number}"))
            room -= cost(measure)
            if room < 0:
                return
            yield example, measure


class PairStream(Dataset[Batch[Any]]):
    """Item n is batch n of the run `seed`, or the part of it that process `part[0]` of `part[1]` trains on.

    `chosen` are the samples to train on; `budget` counts the tokens of conditioning pictures and targets, rehearsal
    included.

    Raises:
        TrainingError: a single sample exceeds the budget.
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
        rehearsal: Rehearsal | None = None,
    ) -> None:
        self.samples = samples
        self.chosen = list(chosen)
        self.rows = [measures[number].target for number in self.chosen]
        self.costs = [preparer.cost(measures[number], draws) for number in self.chosen]
        self.preparer = preparer
        self.seed = seed
        self.part = part
        self.rehearsal = rehearsal
        self.budget, self.draws = budget, draws
        room = budget - rehearsal.room(budget) if rehearsal else budget
        largest = max(self.costs)
        if largest > room:
            sample = self.chosen[self.costs.index(largest)] + 1
            raise TrainingError(
                f"sample {sample} takes {largest} tokens with {draws} draws, a batch {room}",
                f"--tokens {-(-largest * budget // room)}, or fewer --draws",
            )
        self.batches = TokenBatches(self.costs, room, seed)

    def __getitem__(self, step: int) -> Batch[Any]:
        members = self.batches[step]
        rows, costs = ([counts[member] for member in members] for counts in (self.rows, self.costs))
        rehearsed = []
        if self.rehearsal is not None:
            for example, measure in self.rehearsal.examples(step, self.budget, self._cost):
                rehearsed.append(example)
                rows.append(measure.target)
                costs.append(self._cost(measure))
        own = part_of(costs, *self.part)
        examples = [
            self._example(members[place], random.Random(f"pairs-{self.seed}-{step}-{place}"))
            if place < len(members)
            else rehearsed[place - len(members)]
            for place in own
        ]
        return Batch(tuple(examples), own.start, tuple(rows))

    def _cost(self, measure: Measure) -> int:
        return self.preparer.cost(measure, self.draws)

    def _example(self, member: int, rng: random.Random) -> Any:
        return self.preparer(self.samples[self.chosen[member]], rng)
