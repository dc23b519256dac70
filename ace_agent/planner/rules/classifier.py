"""Which task a clause asks for: a table of weighted patterns, ``data/patterns.txt``.

A row is a task, a weight, conditions and a pattern of :mod:`ace_agent.planner.rules.patterns`.
Conditions, all of which must hold:

* ``two``: the clause names at least two pictures, ``one``: it names one that is not "it";
* ``picture``: there is a picture to work on, ``blank``: there is none;
* ``mask``: a mask is known, ``after-mask``: the step before made one;
* ``depth pose edge contour scribble doodle segment gray mosaic bad cutout``: the picture worked on is one;
* ``person``, ``garment``: its caption speaks of one;
* ``!`` before a condition: it must not hold.

A clause's ``IMG`` tokens carry the same kinds as tags (``KDEPTH``, ``KPERSON``, ...), for their pictures.
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
    """One row of the table: what it speaks for, how loudly, and under which conditions."""

    task: str
    weight: float
    when: tuple[str, ...]
    text: str

    def holds(self, facts: frozenset[str]) -> bool:
        """Whether its conditions are met."""
        return all((w[1:] not in facts) if w.startswith("!") else w in facts for w in self.when)


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
class Verdict:
    """The tasks that a clause may ask for, loudest first, with their weights."""

    ranked: tuple[tuple[str, float], ...]

    @property
    def task(self) -> str | None:
        """The loudest task, or None when no pattern fits."""
        return self.ranked[0][0] if self.ranked else None

    @property
    def weight(self) -> float:
        """How loud it is; 0 when no pattern fits."""
        return self.ranked[0][1] if self.ranked else 0.0


def classify(tokens: Sequence[Token], facts: frozenset[str]) -> Verdict:
    """Weighs every task for one clause.

    Args:
        tokens: the clause; mentions of pictures are ``IMG`` tokens with tags for what they show.
        facts: conditions that hold, see above.
    """
    rendered = render(tokens)
    best: dict[str, float] = {}
    count: dict[str, int] = {}
    for row in table():
        if row.holds(facts) and compiled(row.text).search(rendered):
            best[row.task] = max(best.get(row.task, 0.0), row.weight)
            count[row.task] = count.get(row.task, 0) + 1
    scored = {task: weight + 0.05 * min(count[task] - 1, 4) for task, weight in best.items()}
    return Verdict(tuple(sorted(scored.items(), key=lambda item: -item[1])))
