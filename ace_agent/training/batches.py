"""Global batches, each process's part of one, and packing of mixed shapes under a token budget. Imports no torch."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Batch(Generic[T]):
    """This process's part of a global batch.

    Args:
        examples: of this process.
        start: number of the first of them in the global batch.
        rows: token rows of every target of the global batch, which tell a process where its share of the noise begins.
    """

    examples: tuple[T, ...]
    start: int
    rows: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.examples)

    def __iter__(self) -> Iterator[T]:
        return iter(self.examples)


def part_of(costs: Sequence[int], rank: int, count: int) -> range:
    """The examples of process `rank` of `count`: consecutive ones of about equal cost; some parts may be empty."""
    whole = sum(costs)
    before = 0
    owners = []
    for cost in costs:
        owners.append(min(int((before + cost / 2) * count / whole), count - 1))
        before += cost
    mine = [number for number, owner in enumerate(owners) if owner == rank]
    return range(mine[0], mine[-1] + 1) if mine else range(0)


class TokenBatches:
    """An endless sequence of batches: the samples, shuffled anew in every epoch, fill batches of up to `budget` tokens.

    Batch n depends on the seed and on n alone. Batches cross the ends of epochs, so none is small. Nothing is padded,
    so filling in order leaves less room empty than the next sample takes.
    """

    def __init__(self, costs: Sequence[int], budget: int, seed: int) -> None:
        """No cost may exceed `budget`."""
        self.costs = costs
        self.budget = budget
        self.seed = seed
        self._starts = [0]  # where batches start in the sequence of samples
        self._order = lru_cache(4)(self._shuffled)

    def _shuffled(self, epoch: int) -> list[int]:
        order = list(range(len(self.costs)))
        random.Random(f"epoch-{self.seed}-{epoch}").shuffle(order)
        return order

    def _at(self, place: int) -> int:
        epoch, offset = divmod(place, len(self.costs))
        return self._order(epoch)[offset]

    def __getitem__(self, number: int) -> list[int]:
        """The samples of batch `number`."""
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
        self.__init__(**state)  # type: ignore[misc,arg-type]  # caches are rebuilt
