"""Reports as tables, for terminals (rich) and documents (Markdown)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from ace_agent.evaluation.baselines import NAMES
from ace_agent.evaluation.report import BARS, HISTORY_BAR, UNSEEN_BAR, UNSEEN_GIVEN, FamilyMean, Report, Row

COLUMNS = (
    "task",
    "n",
    "measure",
    "figure",
    "±",
    "do nothing",
    "constant",
    "affine",
    "keep dB",
    "reader",
    "chance",
)
"""``reader`` is the scene reader's figure for the right answers, ``chance`` for those to other samples."""

_MEASURES = {"score": "score", "f1": "F1", "miou": "mIoU", "reader": "agrees", "still": "left alone"}


def cells(row: Row) -> list[str]:
    """One row of the table."""
    trivial = [_number(row.trivial.get(name)) for name in NAMES]
    return [
        row.name,
        str(row.samples),
        _MEASURES[row.measure],
        _number(row.figure),
        _number(row.error),
        *trivial,
        _number(row.keep, 1),
        _number(row.reader),
        _number(row.chance),
    ]


FAMILY_COLUMNS = ("family", "measure", "mean", "tasks")


def family_cells(mean: FamilyMean) -> list[str]:
    """One row of the table of families."""
    return [mean.family, _MEASURES[mean.measure], _number(mean.mean), str(mean.tasks)]


def show(report: Report, console: Console) -> None:
    """Print a report."""
    table = Table(*COLUMNS, title=_title(report), title_justify="left", box=SIMPLE)
    for column in table.columns[1:]:
        column.justify = "right"
    family = ""
    for row in report.rows:
        if row.family != family:
            family = row.family
            table.add_section()
        table.add_row(*cells(row))
    _print(table, console)
    means = Table(*FAMILY_COLUMNS, box=SIMPLE)
    for one in report.families:
        means.add_row(*family_cells(one))
    _print(means, console)
    bars = Table("figure", "reached", "bar", box=SIMPLE)
    for label, reached, bar in bar_rows(report):
        bars.add_row(label, reached, bar)
    if bars.row_count:
        _print(bars, console)
    below = report.summary.edits_below
    if below:
        console.print(f"edits under .2: {', '.join(below)}")
    for note in report.notes:
        console.print(note)


def _print(table: Table, console: Console) -> None:
    """Print a table at its own width, even in a narrower terminal, so that no figure is cut."""
    narrow = console.width
    console.width = max(narrow, Measurement.get(console, console.options.update(width=1000), table).maximum)
    console.print(table, crop=False)
    console.width = narrow


def bar_rows(report: Report, others: Sequence[Any] = ()) -> list[tuple[str, str, str]]:
    """Label, figure and bar of everything measured.

    Args:
        others: further reports as JSON: of the same preset with more samples, which replace this report's figures, with
            the earlier turns hidden, or of untrained things.
    """
    summary = asdict(report.summary)
    labels = {name: label for name, (label, _) in BARS.items()}
    more = []
    for other in others:
        found = other.get("summary", {})
        if not other.get("history", True):
            if report.history and report.summary.chains and found.get("chains"):
                more.append((*HISTORY_BAR, report.summary.chains / found["chains"]))
        elif other["preset"] == report.preset and other["per_task"] > report.per_task:
            for name in (name for name in BARS if found.get(name) is not None):
                summary[name] = found[name]
                labels[name] = f"{BARS[name][0]}, of {other['per_task']} samples"
        for row in other["rows"]:
            if row["name"] == UNSEEN_GIVEN and "object" in row["checks"]:
                more.append((*UNSEEN_BAR, row["checks"]["object"][0]))
    measured = [(labels[name], BARS[name][1], summary[name]) for name in BARS]
    rows = []
    for label, bar, value in [*measured, *more]:
        if value is not None:
            digits = 1 if bar > 1 else 3
            met = "" if value >= bar else " (missed)"
            rows.append((label, _number(value, digits) + met, f"{bar:g}"))
    return rows


def markdown(report: Report) -> str:
    """The rows of a report as a Markdown table."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---|" + "--:|" * (len(COLUMNS) - 1)]
    lines += ["| " + " | ".join(cells(row)) + " |" for row in report.rows]
    return "\n".join(lines)


def families_markdown(report: Report) -> str:
    """The means of each family as a Markdown table."""
    lines = ["| " + " | ".join(family_cells(one)) + " |" for one in report.families]
    return "\n".join(["| " + " | ".join(FAMILY_COLUMNS) + " |", "|---|---|--:|--:|", *lines])


def checks_markdown(report: Report) -> str:
    """The reader's checks by kind; empty where it was not used."""
    lines = []
    for row in report.rows:
        for kind, (output, right, chance, count) in sorted(row.checks.items()):
            figures = " | ".join(_number(value) for value in (output, right, chance))
            lines.append(f"| {row.name} | {kind} | {figures} | {count} |")
    if not lines:
        return ""
    return "\n".join(["| task | check | figure | reader | chance | n |", "|---|---|--:|--:|--:|--:|", *lines])


def _title(report: Report) -> str:
    seconds = f"{report.seconds:.2f} s a sample"
    return f"{report.model}, {report.preset}, {report.split} seeds {report.seed}, {seconds}"


def _number(value: float | None, digits: int = 3) -> str:
    return "" if value is None or value != value else f"{value:.{digits}f}"
