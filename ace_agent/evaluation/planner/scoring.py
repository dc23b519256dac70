"""Scoring a planner on requests whose right plans are known.

A file holds one request per line, as JSON::

    {"id": "r1", "images": ["a dog", "mask of the dog"], "request": "remove it", "kind": "plain",
     "plan": [{"task": "remove", "images": ["@1"], "mask": null, "key": []}], "alt": []}

``images`` are captions, oldest first; one that begins with "mask" is a mask. An empty plan must be refused. ``goto``
stands for a request that only returns to an earlier picture: ``{"goto": "@1"}``, alone or as the plan's only row.
``key`` lists words that the step's instruction must keep, ``alt`` other right plans.
"""

from __future__ import annotations

import json
import math
import resource
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ace_agent.errors import PlanError
from ace_agent.planner.interface import Context, KnownImage, Planner, Question

if TYPE_CHECKING:
    from ace_agent.plan import Plan

UNORDERED = frozenset({"multi_control", "subject_reference", "face_reference"})
"""Tasks without a base picture, whose images may come in any order."""

REFUSALS = frozenset({"refusal", "refusals", "refuse"})
"""Kinds that are scored apart from the pool."""


@dataclass(frozen=True)
class Row:
    """One step of a right plan, or of a planner's."""

    task: str
    images: tuple[str, ...] = ()
    mask: str | None = None
    key: tuple[str, ...] = ()
    instruction: str = ""

    @property
    def references(self) -> tuple[tuple[str, ...], str | None]:
        """Images and mask, normalized for comparison."""
        images = tuple(sorted(self.images)) if self.task in UNORDERED else self.images
        return images, self.mask


@dataclass(frozen=True)
class Answer:
    """A whole plan, reduced to what is compared: steps, a picture to go back to, or neither (a refusal)."""

    rows: tuple[Row, ...] = ()
    goto: str | None = None

    @property
    def refused(self) -> bool:
        """Whether there is no plan."""
        return not self.rows and self.goto is None

    @property
    def moves(self) -> str | None:
        """The picture a plan without steps goes back to; with steps, their images already show where they start."""
        return self.goto if not self.rows else None


@dataclass(frozen=True)
class Request:
    """One line of a file: a request, the pictures it may refer to, and its right answers, the main one first."""

    id: str
    captions: tuple[str, ...]
    text: str
    answers: tuple[Answer, ...]
    kind: str
    bare_goto: bool = False
    given: Context | None = None

    @property
    def context(self) -> Context:
        """The conversation as the planner sees it: the given one, else one with one picture per turn."""
        if self.given is not None:
            return self.given
        images = tuple(
            KnownImage(f"@{n}", "mask" if c.lower().startswith("mask") else "image", c, n)
            for n, c in enumerate(self.captions, 1)
        )
        path = tuple(i.id for i in images if i.kind == "image")
        return Context(images, path[-1] if path else None, path)


@dataclass(frozen=True)
class Outcome:
    """A planner's answer to one request, and its scores.

    Args:
        request: the request.
        answer: the planner's plan, reduced to what is compared.
        tasks: the tasks, in order, match a right plan.
        references: the images and masks of every step match a right plan (whatever the tasks).
        exact: tasks, images and masks all match the same right plan.
        keys: number of key words kept, and number required.
        valid: the planner returned a plan or refused, without any other error.
        seconds: planning time.
        said: message of the refusal or the error.
    """

    request: Request
    answer: Answer
    tasks: bool
    references: bool
    exact: bool
    keys: tuple[int, int]
    valid: bool
    seconds: float
    said: str = ""


def answer_of(plan: Plan) -> Answer:
    """Reduce a plan to what is compared; a mask described in words counts as none."""
    rows = tuple(
        Row(s.task, s.images, s.mask if isinstance(s.mask, str) else None, (), s.instruction)
        for s in plan.steps
    )
    return Answer(rows, plan.goto)


def judge(request: Request, answer: Answer, seconds: float, valid: bool = True, said: str = "") -> Outcome:
    """Score an answer against every right one; key words are counted against the closest."""
    best: tuple[bool, bool, bool, tuple[int, int]] | None = None
    any_tasks = any_references = False
    for right in request.answers:
        tasks = [r.task for r in answer.rows] == [r.task for r in right.rows] and answer.moves == right.moves
        references = [r.references for r in answer.rows] == [
            r.references for r in right.rows
        ] and answer.moves == right.moves
        if len(answer.rows) == len(right.rows) and not references:
            # the right plan's task decides whether the order of a step's images matters
            references = answer.moves == right.moves and all(
                (Row(want.task, got.images, got.mask).references) == want.references
                for got, want in zip(answer.rows, right.rows, strict=True)
            )
        any_tasks, any_references = any_tasks or tasks, any_references or references
        scored = (tasks and references, tasks, references, _keys(answer.rows, right.rows))
        if best is None or scored[:3] > best[:3]:
            best = scored
    assert best is not None
    return Outcome(request, answer, any_tasks, any_references, best[0], best[3], valid, seconds, said)


def _keys(got: Sequence[Row], want: Sequence[Row]) -> tuple[int, int]:
    kept = total = 0
    for at, row in enumerate(want):
        text = got[at].instruction.lower() if at < len(got) else ""
        total += len(row.key)
        kept += sum(key.lower() in text for key in row.key)
    return kept, total


@dataclass(frozen=True)
class Share:
    """A success rate with its 95 % Wilson interval."""

    hits: int
    total: int

    @property
    def value(self) -> float:
        """The success rate; 1 when the total is 0."""
        return self.hits / self.total if self.total else 1.0

    @property
    def interval(self) -> tuple[float, float]:
        """Lower and upper bound of Wilson's score interval (1927)."""
        if not self.total:
            return 0.0, 1.0
        z, n, p = 1.959964, self.total, self.value
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, middle - half), min(1.0, middle + half)

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        low, high = self.interval
        return {"value": round(self.value, 4), "low": round(low, 4), "high": round(high, 4), "of": self.total}


@dataclass(frozen=True)
class Score:
    """The scores of one kind, or of several pooled; p50 and p95 are percentiles of the planning time in seconds."""

    task: Share
    reference: Share
    exact: Share
    key: Share
    valid: Share
    p50: float
    p95: float

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> Score:
        """Compute the scores of a set of outcomes."""
        count = len(outcomes)
        seconds = sorted(o.seconds for o in outcomes)
        return cls(
            Share(sum(o.tasks for o in outcomes), count),
            Share(sum(o.references for o in outcomes), count),
            Share(sum(o.exact for o in outcomes), count),
            Share(sum(o.keys[0] for o in outcomes), sum(o.keys[1] for o in outcomes)),
            Share(sum(o.valid for o in outcomes), count),
            _percentile(seconds, 0.50),
            _percentile(seconds, 0.95),
        )

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        shares = {
            name: getattr(self, name).as_dict() for name in ("task", "reference", "exact", "key", "valid")
        }
        return shares | {"p50": round(self.p50, 4), "p95": round(self.p95, 4)}


def _percentile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


@dataclass(frozen=True)
class Report:
    """A planner's scores: pooled over all kinds except refusals, per kind, and every outcome."""

    planner: str
    outcomes: tuple[Outcome, ...]
    peak_bytes: int

    @property
    def kinds(self) -> dict[str, Score]:
        """The scores of each kind, in the order of the file."""
        names = dict.fromkeys(o.request.kind for o in self.outcomes)
        return {n: Score.of([o for o in self.outcomes if o.request.kind == n]) for n in names}

    @property
    def pooled(self) -> Score:
        """The pooled scores of all kinds except refusals."""
        return Score.of([o for o in self.outcomes if o.request.kind not in REFUSALS])

    @property
    def missed(self) -> list[Outcome]:
        """Outcomes that match no right answer exactly."""
        return [o for o in self.outcomes if not o.exact]

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "planner": self.planner,
            "requests": len(self.outcomes),
            "pooled": self.pooled.as_dict(),
            "kinds": {name: score.as_dict() for name, score in self.kinds.items()},
            "all": Score.of(self.outcomes).as_dict(),
            "peak_mb": round(self.peak_bytes / 2**20),
        }


def evaluate(planner: Planner, requests: Iterable[Request]) -> Report:
    """Plan every request and score the plans.

    A :class:`~ace_agent.planner.interface.Question` counts as its first choice, the one ``--yes`` takes. PlanError is
    a refusal; any other error counts as an invalid plan, since a planner must not raise one.
    """
    outcomes = []
    for request in requests:
        context = request.context
        started = time.perf_counter()
        said, valid, answer = "", True, Answer()
        try:
            answer = answer_of(planner.plan(request.text, context))
        except Question as question:
            answer = answer_of(question.choices[0].plan)
        except PlanError as refusal:
            said = str(refusal)
        except Exception as error:
            said, valid = f"{type(error).__name__}: {error}", False
        seconds = time.perf_counter() - started
        outcomes.append(judge(request, answer, seconds, valid, said))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Report(getattr(planner, "name", type(planner).__name__), tuple(outcomes), peak)


def write_dump(report: Report, path: Path) -> None:
    """Write one line per request for scoring elsewhere: its id, the plan and the planning time in seconds."""
    with path.open("w", encoding="utf-8") as file:
        for outcome in report.outcomes:
            plan: Any = [
                {"task": r.task, "images": list(r.images), "mask": r.mask, "instruction": r.instruction}
                for r in outcome.answer.rows
            ]
            if outcome.answer.moves is not None:
                moved = {"goto": outcome.answer.moves}
                plan = moved if outcome.request.bare_goto else [moved]
            line = {"id": outcome.request.id, "plan": plan, "seconds": round(outcome.seconds, 4)}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
