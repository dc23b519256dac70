"""`ace eval`: measure a model on unseen samples."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ace_agent.cli.ui import options
from ace_agent.cli.ui.console import notices, output, print_json
from ace_agent.engines.runtime import Runtime
from ace_agent.evaluation.choices import BASELINES, PRESETS, REFERENCES

if TYPE_CHECKING:
    from PIL import Image

    from ace_agent.evaluation.answerers import Answerer
    from ace_agent.evaluation.benchmark import Outcome
    from ace_agent.evaluation.reader import Reader

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command("eval")
@options.model
@click.option("--preset", type=click.Choice(PRESETS), default="scenes", show_default=True,
              help="scenes: every task; ood: things, styles and photographs never trained on; contradictory: "
              "conflicting requests; baseline: answers without a model.")  # fmt: skip
@click.option(
    "--held-out", is_flag=True, help="Held-out wordings, pairs and landscapes; default: those of validation."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed draws other samples.")
@click.option(
    "--per-task", type=click.IntRange(1), default=32, show_default=True, help="Samples of each task."
)
@click.option("--tasks", multiple=True, callback=options.parse_names, metavar="NAME,...",
              help="Only these tasks, kinds of chain or rows of the preset.")  # fmt: skip
@click.option("--wording", type=_FILE, metavar="FILE",
              help='Instructions of other people: {"remove": ["Erase <the> from {image}."], ...}.')  # fmt: skip
@click.option(
    "--photos", type=_FOLDER, metavar="DIR", help="For ood: also analyse and edit these photographs."
)
@click.option("--photographs", type=_FOLDER, metavar="DIR",
              help="Instead: requests on the photographs of DIR (docs/photographs), checked by pixels, as the product "
              "does them, as ace-mini does, and left undone; --sheets DIR shows them.")  # fmt: skip
@click.option("--references", type=click.Choice(REFERENCES), default="library", show_default=True,
              help="Source of the reference pictures of named objects.")  # fmt: skip
@click.option("--no-history", is_flag=True, help="Hide the earlier turns from the model.")
@click.option("--steps", type=click.IntRange(1, 1000), help="Denoising steps; default: the model's own.")
@click.option("--guidance", type=click.FloatRange(0, 30), help="Default: the model's own.")
@click.option("--baseline", type=click.Choice(BASELINES), default="input", show_default=True,
              help="For the preset baseline: the input, the best colour or gain and offset, the target a pixel "
              "beside where it should be, the target.")  # fmt: skip
@click.option(
    "--batch", type=click.IntRange(1), default=8, show_default=True, help="Requests in one packed batch."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--dump", type=_FOLDER, metavar="DIR",
              help="Write samples and answers as PNGs with an index.jsonl, to score elsewhere.")  # fmt: skip
@click.option(
    "--sheets", type=_FOLDER, metavar="DIR", help="Write a sheet of uncurated samples of each family."
)
@click.option(
    "--card", type=_FILE, metavar="FILE", help="Write the model card, its sheets in a folder beside it."
)
@click.option("--with", "others", type=_FILE, multiple=True, metavar="FILE",
              help="For the card: also include this --json of another preset.")  # fmt: skip
@click.option("--history", type=_FILE, metavar="FILE",
              help="Add the figures and the hours of training to FILE, and plot it as WebP beside it.")  # fmt: skip
@options.runtime
def command(
    model: str,
    preset: str,
    held_out: bool,
    seed: int,
    per_task: int,
    tasks: tuple[str, ...],
    wording: Path | None,
    photos: Path | None,
    photographs: Path | None,
    references: str,
    no_history: bool,
    steps: int | None,
    guidance: float | None,
    baseline: str,
    batch: int,
    as_json: bool,
    dump: Path | None,
    sheets: Path | None,
    card: Path | None,
    others: tuple[Path, ...],
    history: Path | None,
    runtime: Runtime,
) -> None:
    """Measure a model: a figure for each task and family, beside those of answers that need no model."""
    if photographs is not None:
        _photographs(photographs, as_json, sheets)
        return
    from rich.progress import Progress

    from ace_agent.evaluation import benchmark, presets
    from ace_agent.evaluation.card import read_training
    from ace_agent.evaluation.dump import Dump
    from ace_agent.evaluation.errors import EvaluationError
    from ace_agent.evaluation.instruction_templates import read_templates
    from ace_agent.evaluation.suites import Suite

    templates = read_templates(wording) if wording is not None else {}
    suite = Suite(
        tasks=tasks or presets.rows_of(preset),
        per_task=per_task,
        seed=seed,
        split="held-out" if held_out else "validation",
        wording=templates,
    )
    presets.check(preset, suite)
    runtime.check_for(model)
    for file in others:
        _read_report(file)
    training = read_training(model)
    if history is not None and "hours" not in training:
        raise EvaluationError(
            f"{model} does not say how long it was trained", "its folder needs a training.json with hours"
        )
    writer = Dump(dump) if dump is not None else None
    answerer = _answerer(preset, model, baseline, references, not no_history, steps, guidance, batch, runtime)
    with Progress(console=notices(), transient=True, disable=as_json) as bar:
        asked = bar.add_task("asking", total=len(suite.tasks) * per_task)
        outcome = benchmark.run(
            presets.drawn(preset, suite, photos),
            answerer,
            suite,
            preset,
            reader=_reader(),
            dump=writer,
            batch=batch,
            progress=lambda _: bar.advance(asked),
        )
    if as_json:
        print_json(outcome.report.as_json())
    else:
        from ace_agent.evaluation.tables import show

        show(outcome.report, output())
    if sheets is not None:
        _write_sheets(outcome, sheets)
    if history is not None:
        _add_to_history(outcome, history, training)
    if card is not None:
        _write_card(outcome, card, others, training, history)


def _photographs(folder: Path, as_json: bool, sheets: Path | None) -> None:
    """Judge the requests on photographs, and print who got which right."""
    import tempfile

    from rich.progress import Progress

    from ace_agent.agent import Agent
    from ace_agent.evaluation.photographs.report import as_records, sheet_of, table
    from ace_agent.evaluation.photographs.run import ENGINES, rows, run

    with (
        tempfile.TemporaryDirectory() as workspace,
        Progress(console=notices(), transient=True, disable=as_json) as bar,
    ):

        def ask(file: Path, request: str, engine: str) -> tuple[Image.Image, str]:
            agent = Agent(Path(workspace), new=True)
            turn = agent.say(request, [file], seed=0, engine=None if engine == "auto" else engine)
            picture = agent.show(turn.images[-1].id)
            return picture.image, str((picture.recipe or {}).get("model", ""))

        asked = bar.add_task("asking", total=len(rows()) * len(ENGINES))
        judged = run(folder, ask, progress=lambda _: bar.advance(asked))
    if as_json:
        print_json(as_records(judged))
    else:
        output().print(table(judged))
    if sheets is not None:
        sheets.mkdir(parents=True, exist_ok=True)
        sheet_of(folder, judged).save(sheets / "photographs.webp", quality=88)


def _answerer(
    preset: str,
    model: str,
    baseline: str,
    references: str,
    history: bool,
    steps: int | None,
    guidance: float | None,
    batch: int,
    runtime: Runtime,
) -> Answerer:
    from ace_agent.evaluation.answerers import PipelineAnswerer, TrivialAnswerer

    if preset == "baseline":
        return TrivialAnswerer(baseline)  # type: ignore[arg-type]
    from ace_agent.engines.registry import load_pipeline

    return PipelineAnswerer(
        load_pipeline(model, runtime),
        batch=batch,
        references=references,  # type: ignore[arg-type]
        history=history,
        steps=steps,
        guidance=guidance,
    )


def _reader() -> Reader | None:
    from ace_agent.evaluation.errors import ReaderMissing
    from ace_agent.evaluation.reader import Reader

    try:
        return Reader.load()
    except ReaderMissing:
        return None


def _read_report(file: Path) -> object:
    import json

    from ace_agent.evaluation.errors import EvaluationError

    try:
        report = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(report, dict) or "rows" not in report:
            raise ValueError("no rows")
    except (OSError, ValueError) as error:
        raise EvaluationError(f"{file} is no report", "write one with ace eval --json") from error
    return report


def _write_sheets(outcome: Outcome, folder: Path) -> dict[str, Path]:
    from ace_agent.evaluation.card import family_sheets, sheet_file

    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for family, picture in family_sheets(outcome).items():
        written[family] = sheet_file(folder, family)
        picture.save(written[family], quality=50)
    return written


def _write_card(
    outcome: Outcome, card: Path, others: tuple[Path, ...], training: dict[str, float], history: Path | None
) -> None:
    from ace_agent.evaluation.card import write_card

    sheets = _write_sheets(outcome, card.with_suffix(""))
    plot = None if history is None else history.with_suffix(".webp")
    write_card(card, outcome.report, sheets, [_read_report(file) for file in others], training, plot)


def _add_to_history(outcome: Outcome, history: Path, training: dict[str, float]) -> None:
    from ace_agent.evaluation.curves import Evaluation, append_history, plot_history, read_history

    append_history(history, Evaluation(training["hours"], outcome.report.figures()))
    plot_history(read_history(history)).save(history.with_suffix(".webp"), quality=75)
