"""Global batches, this process's part of one, and packing of mixed shapes under a token budget. No torch here."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Batch(Generic[T]):
    """This process's examples of a global batch: those from `start` on. rows are the token rows of every target of the
    global batch, which say where the noise of one's own begins."""

    examples: tuple[T, ...]
    start: int
    rows: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.examples)

    def __iter__(self) -> Iterator[T]:
        return iter(self.examples)


def part_of(costs: Sequence[int], rank: int, count: int) -> range:
    """Which of a batch's examples process `rank` of `count` takes: runs of about equal cost; some may be empty."""
    whole = sum(costs)
    before = 0
    owners = []
    for cost in costs:
        owners.append(min(int((before + cost / 2) * count / whole), count - 1))
        before += cost
    mine = [number for number, owner in enumerate(owners) if owner == rank]
    return range(mine[0], mine[-1] + 1) if mine else range(0)


class TokenBatches:
    """Batch n of an endless, shuffled round through the samples, filled in order up to `budget` tokens.

    A function of the seed and n. Batches run on across epochs, so none is small; nothing is padded, so filling in
    order wastes only what the next sample would have gone over.
    """

    def __init__(self, costs: Sequence[int], budget: int, seed: int) -> None:
        """Every cost must be at most `budget`."""
        self.costs = costs
        self.budget = budget
        self.seed = seed
        self._starts = [0]  # places in the endless round at which batches start
        self._order = lru_cache(4)(self._shuffled)

    def _shuffled(self, epoch: int) -> list[int]:
        order = list(range(len(self.costs)))
        random.Random(f"epoch-{self.seed}-{epoch}").shuffle(order)
        return order

    def _at(self, place: int) -> int:
        epoch, offset = divmod(place, len(self.costs))
        return self._order(epoch)[offset]

    def __getitem__(self, number: int) -> list[int]:
        """Samples of batch `number`."""
        while len(self._starts) <= number + 1:
            place, room = self._starts[-1], self.budget
            while (cost := self.costs[self._at(place)]) <= room:
                room -= cost
                place += 1
            self._starts.append(place)
        return [self._at(place) for place in range(self._starts[number], self._starts[number + 1])]

    def __getstate__(self) -> dict[str, object]:
        return {"costs": self.costs, "budget": self.budget, "seed": self.seed}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__init__(**state)  # type: ignore[misc,arg-type]  # what was worked out is worked out again
