"""The model card: what ace-mini was trained on and for how long, what it can do, and where it fails."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from PIL import Image

from ace_agent.evaluation.benchmark import Outcome
from ace_agent.evaluation.grading import grade
from ace_agent.evaluation.records import Record
from ace_agent.evaluation.report import BARS, LEAST_EDIT, Report, Row, beaten
from ace_agent.evaluation.sheets import sheet_entry
from ace_agent.evaluation.suites import Drawn
from ace_agent.evaluation.tables import bar_rows, checks_markdown, families_markdown, markdown
from ace_agent.reports.contact_sheet import Entry, sheet

PER_FAMILY = 8
"""Samples on a family's sheet, uncurated."""

WATTS = 30
"""Assumed draw of two busy cores of a server; nothing here can measure it."""

_LICENCES = """\
- Code and weights: Apache-2.0.
- Training pictures are drawn from open emoji: Noto Emoji and its older "blob" drawings (Google, Apache-2.0),
  Fluent Emoji in gradients and flat (Microsoft, MIT); see `NOTICE`.
- The text encoder's word vectors start from those of SmolLM2-135M (Hugging Face, Apache-2.0)."""

_LIMITS = """\
- It has seen only the scene world: emoji on procedural backgrounds at 128 px. Photographs are outside of that;
  their rows and their sheet show how little carries over.
- Words outside the vocabulary of the scene world are read letter by letter or not at all.
- The scene reader grades requests with many right answers. It sees objects, their colours, places, times,
  weathers and styles; it cannot read lettering, tell faces apart, or judge beauty."""


def family_sheets(outcome: Outcome) -> dict[str, Image.Image]:
    """One sheet per family of uncurated samples, `in_turn`."""
    by_family: dict[str, dict[str, list[int]]] = {}
    for index, record in enumerate(outcome.records):
        by_family.setdefault(record.family, {}).setdefault(record.row, []).append(index)
    pictures = {}
    for family, tasks in by_family.items():
        chosen = in_turn(list(tasks.values()))[: max(PER_FAMILY, len(tasks))]
        entries = [_entry(outcome.questions[index], outcome.records[index]) for index in chosen]
        title = f"{family}: input(s), output (framed), right answer; uncurated, {outcome.report.split} seeds"
        pictures[family] = sheet(title, entries)
    return pictures


def in_turn(tasks: Sequence[Sequence[int]]) -> list[int]:
    """Samples of the tasks in turn: the first of the first task, the second of the second ..., then the next of each.

    Tasks that share their inputs thus show different ones.
    """
    turns = range(max(map(len, tasks)))
    return [own[(n + k) % len(own)] for n in turns for k, own in enumerate(tasks) if n < len(own)]


def sheet_file(folder: Path, family: str) -> Path:
    """The file of a family's sheet."""
    return folder / f"{family.replace(' ', '-')}.webp"


def _entry(question: Drawn, record: Record) -> Entry:
    graded = grade(record.answered)
    value = "" if graded.value is None else f"{graded.measure} {graded.value:.2f}"
    return sheet_entry(question.turns, record.answered.output, f"{record.row} {value}".strip())


def read_training(model: str) -> dict[str, float]:
    """The numbers of a model folder's ``training.json``, such as hours and samples; empty without the file."""
    from ace_agent.engines.mini.pipeline import WEIGHTS
    from ace_agent.engines.presets import MINI

    folder = WEIGHTS / MINI if model == MINI else Path(model)
    try:
        facts = json.loads((folder / "training.json").read_text())
    except (OSError, ValueError):
        return {}
    return {name: float(value) for name, value in facts.items() if isinstance(value, int | float)}


def write_card(
    path: Path,
    report: Report,
    sheets: Mapping[str, Path],
    others: Sequence[Any] = (),
    training: Mapping[str, float] | None = None,
    plot: Path | None = None,
) -> None:
    """Write the card as Markdown, with links relative to it.

    Args:
        sheets: a picture per family, already written.
        others: further reports as JSON; existing sheets of families that the card itself lacks are linked.
        training: hours and samples; what is missing is reported as unknown.
        plot: figures over training hours; linked if the file exists.
    """
    folder = path.resolve().parent
    folder.mkdir(parents=True, exist_ok=True)

    def link(target: Path) -> str:
        return os.path.relpath(target.resolve(), folder).replace(os.sep, "/")

    parts = [
        f"# Model card: {report.model}",
        "Written by `ace eval --card`; do not edit by hand.",
        _about(report, training or {}),
        "## Figures against the bars",
        _bars(report, others),
        "## Figures per task",
        _reading(report),
        markdown(report),
    ]
    parts += ["### Families", families_markdown(report)]
    checks = checks_markdown(report)
    if checks:
        parts += ["### The reader's checks", checks]
    for other in others:
        parts += [f"## {_name(other)}", _other_table(other)]
        for family in dict.fromkeys(row["family"] for row in other["rows"]):
            picture = sheet_file(path.with_suffix(""), family)
            if family not in sheets and picture.is_file():
                parts.append(f"![{family}]({link(picture)})")
    if plot is not None and plot.is_file():
        parts += ["## Figures over training hours", f"![Figures over training hours]({link(plot)})"]
    parts += ["## Uncurated samples", "Each shows the inputs, the output and the right answer."]
    parts += [f"### {family}\n\n![{family}]({link(picture)})" for family, picture in sheets.items()]
    parts += ["## What fails", _failures(report), _LIMITS, "## Licences", _LICENCES]
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _about(report: Report, training: Mapping[str, float]) -> str:
    hours = training.get("hours")
    known = {
        "Weights": f"sha256 `{report.weights_sha256}`" if report.weights_sha256 else "none",
        "Training": "unknown length" if hours is None else f"{hours:.1f} h on CPU",
        "Samples seen": _count(training.get("samples")),
        "Energy": "unknown"
        if hours is None
        else f"about {hours * WATTS / 1000:.2f} kWh, taking {WATTS} W; not measured",
        "Data": "the scene world of `ace_agent/data`: 44 tasks and conversations of 2 to 8 turns, drawn on the fly",
        "Measured on": f"{report.per_task} {report.split} samples a task, seed {report.seed}: wordings, pairs of "
        "things and landscapes that training never shows",
    }
    return "\n".join(f"- **{name}**: {value}" for name, value in known.items())


def _count(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.0f}"


def _bars(report: Report, others: Sequence[Any]) -> str:
    rows = bar_rows(report, others)
    lines = ["| figure | reached | bar |", "|---|--:|--:|"]
    lines += [f"| {label} | {reached} | {bar} |" for label, reached, bar in rows]
    summary = asdict(report.summary)
    missing = [label for name, (label, _) in BARS.items() if summary[name] is None]
    text = "\n".join(lines)
    every, nothing, count = beaten(report.rows)
    text += f"\n\nOf {count} rows below, {every} are better than every trivial answer and {nothing} than doing nothing."
    return text if not missing else f"{text}\n\nNot measured here: {'; '.join(missing)}."


def _reading(report: Report) -> str:
    text = (
        "Score is 1 - error / the least trivial error, where the error is the MSE plus the gradient MSE at three "
        "scales over the changed region: 1 is exact, 0 no better than a trivial answer. The trivial answers (doing "
        "nothing, the best constant colour, the best gain and offset per channel) have the same measure in the same "
        "row. Keep is the PSNR outside the region, before compositing; bit-identical pixels count as 60 dB. "
        '"agrees" is the share of samples in which the scene reader finds everything that was asked; beside it are '
        "its figures for the right answers (reader) and for the right answers to other samples (chance). "
        "± is the standard error."
    )
    if report.reader:
        listed = {
            name: ", ".join(f"{kind} {value:.3f}" for kind, value in report.reader[name].items())
            for name in ("plain", "accuracy", "chance")
        }
        text += (
            f"\n\nThe reader on {report.reader['held_out_pictures']} held-out scenes as the benchmark draws them: "
            f"{listed['plain']}. On as many with what edits add (filters, hats, textures, other "
            f"sizes): {listed['accuracy']}; chance: {listed['chance']}."
        )
    return text + "".join(f"\n\n{note}" for note in report.notes)


def _failures(report: Report) -> str:
    """The rows below `LEAST_EDIT` or no better than trivial, worst first."""

    def failed(row: Row) -> bool:
        if row.measure == "reader":
            floor = max(row.chance or 0.0, row.trivial.get("input") or 0.0)
            return row.figure < LEAST_EDIT or row.figure <= floor
        return row.figure < LEAST_EDIT

    worst = sorted((row for row in report.rows if failed(row)), key=lambda row: row.figure)
    if not worst:
        return f"No task is under {LEAST_EDIT} or below what is trivial."
    listed = "; ".join(f"{row.name} ({row.measure}) {row.figure:.2f}" for row in worst)
    return f"Under {LEAST_EDIT}, or no better than doing nothing or chance: {listed}."


def _name(other: Any) -> str:
    names = {
        "ood": "Never trained",
        "contradictory": "Contradictory requests",
        "baseline": "Answers without a model",
    }
    if not other.get("history", True):
        return "The earlier turns hidden"
    preset = str(other.get("preset"))
    if preset == "scenes":
        return f"{other.get('per_task')} samples a task"
    return names.get(preset, f"Preset {preset}")


def _other_table(other: Any) -> str:
    lines = [
        "| row | n | measure | figure | do nothing | keep dB | reader | chance |",
        "|---|--:|---|--:|--:|--:|--:|--:|",
    ]
    for row in other["rows"]:
        numbers = (row["figure"], row["trivial"].get("input"), row["keep"], row["reader"], row["chance"])
        shown = " | ".join("" if value is None else f"{value:.3f}" for value in numbers)
        lines.append(f"| {row['name']} | {row['samples']} | {row['measure']} | {shown} |")
    return "\n".join(lines)
