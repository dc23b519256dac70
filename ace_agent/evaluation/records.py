"""Answered samples on their way to figures: graded one by one, judged by the reader together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ace_agent.evaluation.agreement import Agreement, agreement, checks_of
from ace_agent.evaluation.grading import Answered, Grade, grade
from ace_agent.evaluation.reader import Reader
from ace_agent.evaluation.report import CHAINS, Result


@dataclass(frozen=True)
class Record:
    """One answered sample with what must be known to judge it.

    Args:
        row: what it is counted under.
        turns: how many turns the conversation has, this one included.
        judge: facts of the target, see `ace_agent.data.captions.facts`.
    """

    row: str
    family: str
    seed: int
    instruction: str
    turns: int
    judge: Mapping[str, Any]
    answered: Answered


def results(records: Sequence[Record], reader: Reader | None) -> list[Result]:
    """Grade every record; those that many answers could satisfy, and chains, are read as well.

    Chance is the reader's word on the target of the previous record of the same row, so it needs no
    randomness and comes out the same from a dump. Without a reader such records only count for keep.
    """
    graded = [_result(record, grade(record.answered)) for record in records]
    read = [index for index, record in enumerate(records) if _is_read(record)]
    if reader is None or not read:
        return [one for one in graded if one.grade.measure != "reader"]
    outputs = reader.read([records[index].answered.output for index in read])
    targets = reader.read([records[index].answered.target for index in read])
    found = {index: result for index, result in enumerate(graded) if result.grade.measure != "reader"}
    extra: list[Result] = []
    rows: dict[str, list[int]] = {}
    for position, index in enumerate(read):
        rows.setdefault(records[index].row, []).append(position)
    for positions in rows.values():
        for order, position in enumerate(positions):
            record = records[read[position]]
            checks = checks_of(record.judge, record.instruction, reader.words.nouns)
            if not checks:
                continue
            views = (outputs[position], targets[position], targets[positions[order - 1]])
            extra.append(_read_result(graded[read[position]], *(agreement(checks, view) for view in views)))
    return [*found.values(), *extra]


def _is_read(record: Record) -> bool:
    return record.answered.measure == "reader" or record.family == CHAINS


def _result(record: Record, given: Grade) -> Result:
    return Result(record.row, record.family, record.answered.task, record.seed, record.instruction, given)


def _read_result(graded: Result, output: Agreement, ceiling: Agreement, chance: Agreement) -> Result:
    keep = graded.grade.keep if graded.grade.measure == "reader" else None
    value = float(np.mean(output.passed))
    return replace(
        graded,
        grade=Grade("reader", value, float("nan"), {}, keep, {}),
        agreement=output,
        ceiling=ceiling,
        chance=chance,
    )
