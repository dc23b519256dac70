"""Grades answered samples: each by its pictures, and those with many right answers by the reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from ace_agent.evaluation.agreement import Agreement, Check, agreement, checks_of
from ace_agent.evaluation.grading import Answered, Grade, grade
from ace_agent.evaluation.reader import Reader, Seen
from ace_agent.evaluation.report import CHAINS, Result

NEARER = Check("nearer")
"""Passed by an output that beats every trivial answer to a sample with an exact target."""


@dataclass(frozen=True)
class Record:
    """An answered sample with what its grading needs.

    Args:
        row: the row of the report that it counts in.
        turns: of the conversation, this one included.
        judge: facts of the target, see `ace_agent.data.scenes.captions.facts`.
    """

    row: str
    family: str
    seed: int
    instruction: str
    turns: int
    judge: Mapping[str, Any]
    answered: Answered

    @property
    def is_read(self) -> bool:
        """Whether the reader grades it: where many answers are right, and in chains."""
        return self.answered.measure == "reader" or self.family == CHAINS


def results(records: Sequence[Record], reader: Reader | None) -> list[Result]:
    """Grade every record, and read those that need it; a chain with an exact target gives two results.

    The reader grades each output and also the right answer, the input (doing nothing), and the right answer
    to the previous record of the same row: chance, which needs no randomness and so is the same from a
    dump. Without a reader such records are left out.
    """
    graded = [_result(record, grade(record.answered)) for record in records]
    found = [one for one in graded if one.grade.measure != "reader"]
    if reader is None:
        return found
    rows: dict[str, list[int]] = {}
    for index, record in enumerate(records):
        if record.is_read:
            rows.setdefault(record.row, []).append(index)
    for indices in rows.values():
        found += _read_row(
            [records[index] for index in indices], [graded[index] for index in indices], reader
        )
    return found


def _read_row(records: Sequence[Record], graded: Sequence[Result], reader: Reader) -> list[Result]:
    outputs = reader.read([record.answered.output for record in records])
    targets = reader.read([record.answered.target for record in records])
    bases = _read_some([record.answered.base for record in records], reader)
    found = []
    for index, (record, result) in enumerate(zip(records, graded, strict=True)):
        checks = checks_of(record.judge, record.instruction, reader.words.nouns)
        if not checks:
            continue
        base = bases[index]
        views = [agreement(checks, view) for view in (outputs[index], targets[index], targets[index - 1])]
        still = agreement(checks, base) if base is not None else None
        if record.answered.exact and result.grade.value is not None:
            passed = (result.grade.value > 0, True, False)
            views = [_with_nearer(view, near) for view, near in zip(views, passed, strict=True)]
            still = _with_nearer(still, False) if still is not None else None
        found.append(_read_result(result, views, still))
    return found


def _with_nearer(verdict: Agreement, passed: bool) -> Agreement:
    return Agreement((*verdict.checks, NEARER), (*verdict.passed, passed))


def _read_some(pictures: Sequence[Image.Image | None], reader: Reader) -> list[Seen | None]:
    views = iter(reader.read([picture for picture in pictures if picture is not None]))
    return [None if picture is None else next(views) for picture in pictures]


def _result(record: Record, given: Grade) -> Result:
    return Result(record.row, record.family, record.answered.task, record.seed, record.instruction, given)


def _read_result(result: Result, views: Sequence[Agreement], still: Agreement | None) -> Result:
    output, ceiling, chance = views
    trivial = {} if still is None else {"input": float(still.agrees)}
    keep = result.grade.keep if result.grade.measure == "reader" else None
    return replace(
        result,
        grade=Grade("reader", float(np.mean(output.passed)), float("nan"), trivial, keep, {}),
        agreement=output,
        ceiling=ceiling,
        chance=chance,
    )
