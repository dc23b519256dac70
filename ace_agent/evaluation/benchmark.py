"""Runs a benchmark: draws samples, has them answered, and grades the answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from PIL import Image

from ace_agent.evaluation.answerers import Answerer, mask_image
from ace_agent.evaluation.dump import Dump
from ace_agent.evaluation.grading import Answered
from ace_agent.evaluation.reader import Reader
from ace_agent.evaluation.records import Record, results
from ace_agent.evaluation.report import Report, rows
from ace_agent.evaluation.suites import Drawn, Suite
from ace_agent.references.types import Frame

NO_READER = "The scene reader has no weights: tasks with many right answers are left out."


@dataclass(frozen=True)
class Outcome:
    """A report and the answered samples behind it."""

    report: Report
    records: list[Record]
    questions: list[Drawn]


def record_of(question: Drawn, output: Image.Image) -> Record:
    """One answered question."""
    last = question.last
    frame: Frame | None = last.frames[last.base] if last.base is not None else None
    return Record(
        row=question.row,
        family=question.family,
        seed=question.seed,
        instruction=last.instruction,
        turns=len(question.turns),
        judge=question.judge,
        answered=Answered(
            task=last.task,
            base=None if frame is None else Image.fromarray(frame.image),
            mask=None if frame is None else mask_image(frame),
            target=Image.fromarray(last.target),
            output=output,
            exact=bool(last.judge.get("exact", True)),
            unchanged=bool(last.judge.get("unchanged", False)),
        ),
    )


def run(
    questions: Iterable[Drawn],
    answerer: Answerer,
    suite: Suite,
    preset: str,
    *,
    reader: Reader | None = None,
    dump: Dump | None = None,
    batch: int = 8,
    progress: Callable[[Drawn], None] | None = None,
) -> Outcome:
    """Answer every question and report.

    Args:
        reader: grades requests with many right answers; None leaves those rows out, with a note.
        dump: writes samples and answers one by one.
        batch: questions per call of the answerer.
        progress: called after every answered question.
    """
    began = time.monotonic()
    asked: list[Drawn] = []
    records: list[Record] = []
    for part in _batches(questions, batch):
        conversations = [question.turns for question in part]
        seeds = [question.seed for question in part]
        outputs = answerer.answer(conversations, seeds, part[0].references)
        for question, output in zip(part, outputs, strict=True):
            record = record_of(question, output)
            if dump is not None:
                dump.add(record, question.turns)
            asked.append(question)
            records.append(record)
            if progress is not None:
                progress(question)
    seconds = (time.monotonic() - began) / max(len(records), 1)
    report = report_of(
        records,
        reader,
        model=answerer.name,
        weights_sha256=answerer.weights_sha256,
        preset=preset,
        suite=suite,
        seconds=seconds,
        history=answerer.history,
    )
    return Outcome(report, records, asked)


def report_of(
    records: Sequence[Record],
    reader: Reader | None,
    *,
    model: str,
    weights_sha256: str | None,
    preset: str,
    suite: Suite,
    seconds: float,
    history: bool = True,
) -> Report:
    """The report of answered samples."""
    notes = [NO_READER] if reader is None and any(record.is_read for record in records) else []
    return Report(
        model=model,
        weights_sha256=weights_sha256,
        preset=preset,
        split=suite.split,
        seed=suite.seed,
        per_task=suite.per_task,
        seconds=seconds,
        rows=rows(results(records, reader)),
        history=history,
        reader=reader.report if reader is not None else None,
        notes=notes,
    )


def _batches(questions: Iterable[Drawn], size: int) -> Iterator[list[Drawn]]:
    """Batches of at most ``size`` questions with the same source of reference pictures."""
    source = iter(questions)
    waiting: list[Drawn] = []
    while part := [*waiting, *islice(source, size - len(waiting))]:
        same = next((n for n, one in enumerate(part) if one.references != part[0].references), len(part))
        waiting = part[same:]
        yield part[:same]
