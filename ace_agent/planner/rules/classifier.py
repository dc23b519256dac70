"""The task that a clause asks for, by a table of weighted patterns, ``data/patterns.txt``.

A row is a task, a weight, conditions and a pattern of :mod:`ace_agent.planner.rules.patterns`. The conditions, all of
which must hold:

* ``two``: the clause names at least two pictures; ``one``: it names one that is not "it";
* ``picture``: there is a picture to work on; ``blank``: there is none; ``chain``: there is a step before;
* ``mask``: there is a mask; ``after-mask``: the step before makes one;
* ``guides``: the clause names at least two maps (depth, pose ...);
* ``depth pose edge contour scribble doodle segment gray mosaic bad cutout``: what the picture to work on is;
* ``person``, ``garment``: its caption mentions one;
* ``!`` before a condition: it must not hold.

The ``IMG`` tokens of a clause carry what their pictures are as tags (``KDEPTH``, ``KPERSON`` ...).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from ace_agent.planner.english.tables import rows
from ace_agent.planner.english.tokens import Token
from ace_agent.planner.rules import HERE
from ace_agent.planner.rules.patterns import compiled, render


@dataclass(frozen=True)
class Pattern:
    """One row of the table."""

    task: str
    weight: float
    when: tuple[str, ...]
    text: str

    def holds(self, conditions: frozenset[str]) -> bool:
        """Whether its conditions are met."""
        return all((w[1:] not in conditions) if w.startswith("!") else w in conditions for w in self.when)


@cache
def table() -> tuple[Pattern, ...]:
    """The rows of the table."""
    found = []
    for line in rows("patterns", HERE):
        head, _, text = line.partition(" | ")
        task, weight, *when = head.split()
        found.append(Pattern(task, float(weight), tuple(when), text.strip()))
    return tuple(found)


@dataclass(frozen=True)
class TaskScores:
    """The tasks that a clause may ask for, with their weights, best first."""

    ranked: tuple[tuple[str, float], ...]

    @property
    def task(self) -> str | None:
        """The best task; None if no pattern fits."""
        return self.ranked[0][0] if self.ranked else None

    @property
    def weight(self) -> float:
        """Its weight; 0 if no pattern fits."""
        return self.ranked[0][1] if self.ranked else 0.0


def classify(tokens: Sequence[Token], conditions: frozenset[str]) -> TaskScores:
    """The tasks of a clause: each has the weight of its best pattern, and a little for every other that fits.

    Args:
        tokens: the clause; mentions of pictures are ``IMG`` tokens with tags for what the pictures are.
        conditions: the conditions that hold.
    """
    rendered = render(tokens)
    best: dict[str, float] = {}
    count: dict[str, int] = {}
    for row in table():
        if row.holds(conditions) and compiled(row.text).search(rendered):
            best[row.task] = max(best.get(row.task, 0.0), row.weight)
            count[row.task] = count.get(row.task, 0) + 1
    scored = {task: weight + 0.05 * min(count[task] - 1, 4) for task, weight in best.items()}
    return TaskScores(tuple(sorted(scored.items(), key=lambda item: -item[1])))
