"""`ace train`: fine-tune a model on pairs of one's own, or train ace-mini on the scene world."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from ace_agent.cli.ui import options
from ace_agent.cli.ui.console import notices, output, print_json

if TYPE_CHECKING:
    from ace_agent.training.finetuning.run import FineTuning
    from ace_agent.training.processes import Processes
    from ace_agent.training.trainer import Limits, Trainer

_TABLE = click.Path(path_type=Path)
_FOLDER = click.Path(path_type=Path, file_okay=False)
MINUTES = 10.0
"""Of a launch that says nothing else; ten pairs have been seen dozens of times by then."""
RATES = {"lora": 1e-3, "full": 1e-4}
"""AdamW's; when every weight moves, a tenth."""


@click.command("train")
@click.argument("pairs", type=_TABLE, required=False)
@click.option("--scenes", is_flag=True, help="Train ace-mini on the scene world instead of on PAIRS.")
@click.option("--to", "folder", type=_FOLDER, metavar="FOLDER",
              help="The run and the model it makes; default: runs/ and the name of PAIRS.")  # fmt: skip
@options.model
@click.option("--validation", type=_TABLE, metavar="PAIRS",
              help="Pairs to judge by; default: one in ten of PAIRS, which then do not teach.")  # fmt: skip
@click.option("--full", is_flag=True, help="Move every weight; default: LoRA.")
@click.option("--rank", type=click.IntRange(1, 256), default=16, show_default=True, help="Of LoRA.")
@click.option("--minutes", type=click.FloatRange(0, min_open=True),
              help=f"Of this launch; the rate falls over the last fifth.  [default: {MINUTES:.0f}]")  # fmt: skip
@click.option("--steps", type=click.IntRange(1), help="Of the whole run, instead of minutes.")
@click.option("--tokens", type=click.IntRange(64), default=2048, show_default=True,
              help="Budget of a batch, over all processes.")  # fmt: skip
@click.option("--draws", type=click.IntRange(1, 64), default=4, show_default=True,
              help="Noise draws of a pair in a batch.")  # fmt: skip
@click.option("--rehearse", type=click.FloatRange(0, 0.9), metavar="SHARE",
              help="Of a batch's tokens for scenes of ace-mini's own training, so that it forgets less.  "
              "[default: 0.5; other models: 0]")  # fmt: skip
@click.option("--rate", type=click.FloatRange(0, 1, min_open=True),
              help=f"Learning rate.  [default: {RATES['lora']}; with --full {RATES['full']}]")  # fmt: skip
@click.option("--sheet-minutes", type=click.FloatRange(0, min_open=True), default=5.0, show_default=True,
              help="Between figures and sample sheets.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of everything drawn.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, mps.")
@click.option("--dtype", type=click.Choice(("float32", "bfloat16")), default="float32", show_default=True,
              help="What is computed in; the weights stay float32.")  # fmt: skip
@options.as_json
def command(
    pairs: Path | None,
    scenes: bool,
    folder: Path | None,
    model: str,
    validation: Path | None,
    full: bool,
    rank: int,
    minutes: float | None,
    steps: int | None,
    tokens: int,
    draws: int,
    rehearse: float | None,
    rate: float | None,
    sheet_minutes: float,
    seed: int,
    device: str,
    dtype: str,
    as_json: bool,
) -> None:
    """Fine-tune a model on PAIRS: a CSV or JSONL of source, mask, instruction and target, or a folder of shards.

    Everything is read and checked first. The same command goes on where it was stopped; Ctrl-C finishes the step and
    writes the model. Several processes: torchrun --nproc_per_node 2 -m ace_agent.cli train PAIRS.
    """
    if scenes == (pairs is not None):
        raise click.UsageError("give PAIRS, or --scenes")
    if minutes is not None and steps is not None:
        raise click.UsageError("give --minutes or --steps")
    from ace_agent.training.processes import Processes
    from ace_agent.training.trainer import Limits

    if steps is None and minutes is None:
        minutes = MINUTES
    limits = Limits(
        minutes=minutes, steps=steps, decay_minutes=(minutes or 0.0) / 5, observe_minutes=sheet_minutes
    )
    processes = Processes.launched(device, dtype)
    if pairs is None:
        of_pairs = ("model", "validation", "full", "rank", "tokens", "draws", "rehearse", "rate")
        context = click.get_current_context()
        given = [
            f"--{name}"
            for name in of_pairs
            if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        ]
        if given:
            raise click.UsageError(f"--scenes has no use for {', '.join(given)}")
        _on_scenes(folder or Path("runs/mini"), limits, seed, processes)
        return

    from ace_agent.training.finetuning.run import FineTuning, Tuning
    from ace_agent.training.finetuning.tuned import Method

    tuning = Tuning(
        pairs,
        folder or Path("runs") / pairs.stem,
        model,
        validation,
        Method(rank=0 if full else rank, draws=draws, rehearse=rehearse, seed=seed),
        budget=tokens,
        rate=rate or RATES["full" if full else "lora"],
    )
    quiet = as_json or not processes.is_first
    with _stages(quiet) as progress:
        run = FineTuning(tuning, processes, progress=progress, told=None if quiet else _tell_figures)
    resumed = run.resume()
    if not quiet:
        _tell_beginning(run)
        if resumed:
            notices().print(f"going on at step {run.trainer.step}")
    with _bar(run.trainer, limits, quiet):
        ended = run.run(limits)
    if as_json and processes.is_first:
        print_json({**run.facts(), "figures": run.figures, "folder": str(tuning.folder), "ended": ended})
    elif not quiet:
        if not ended:
            notices().print(f"stopped at step {run.trainer.step}; the same command goes on")
        output().print(f'the model is in {tuning.folder}: ace "..." --model {tuning.folder}')


def _on_scenes(folder: Path, limits: Limits, seed: int, processes: Processes) -> None:
    from ace_agent.training.mini.run import SCENES, Shape, TrainingOptions, train_on_scenes

    def tell(text: str) -> None:
        notices().print(text)

    trainer, _ = train_on_scenes(
        folder, TrainingOptions(seed=seed, stream=SCENES), Shape(), limits, processes=processes, tell=tell
    )
    if processes.is_first:
        output().print(f"{folder} is at step {trainer.step}")


def _tell_beginning(run: FineTuning) -> None:
    held, taught = len(run.split.held), len(run.split.taught)
    judged = (
        f"{held} held out" if held else "none held out (a table of ten or more, or --validation, has some)"
    )
    notices().print(f"{taught} pairs teach, {judged}; {run.learning:,} numbers learn")
    if rehearsal := run.tuned.rehearsal:
        notices().print(f"{rehearsal.share:.0%} of every batch rehearses what the model knows")
    else:
        notices().print("nothing is rehearsed: other edits may be forgotten")


def _tell_figures(step: int, figures: Mapping[str, float], sheet: Path) -> None:
    told = ", ".join(f"{name} {value:g}" for name, value in figures.items())
    notices().print(f"step {step}: {told} ({sheet})")


@contextmanager
def _stages(quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each thing that is done before training."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns, console = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()), notices()
    hidden = quiet or not console.is_terminal  # elsewhere it would leave an empty line
    with Progress(*columns, console=console, transient=True, disable=hidden) as bars:
        rows: dict[str, Any] = {}

        def progress(stage: str, done: int, total: int) -> None:
            if stage not in rows:
                rows[stage] = bars.add_task(stage)
            bars.update(rows[stage], completed=done, total=total)

        yield progress


@contextmanager
def _bar(trainer: Trainer, limits: Limits, quiet: bool) -> Iterator[None]:
    """How far the launch is, looked up from a thread beside: the trainer knows nothing of terminals."""
    import time

    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    began, done = time.monotonic(), threading.Event()
    columns, console = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()), notices()
    hidden = quiet or not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as bars:
        row = bars.add_task("training", total=1.0)

        def look() -> None:
            while not done.wait(0.5):
                if limits.steps is not None:
                    share = trainer.step / limits.steps
                else:
                    share = (time.monotonic() - began) / 60 / (limits.minutes or MINUTES)
                bars.update(row, completed=min(share, 1.0), description=f"step {trainer.step:,}")

        beside = threading.Thread(target=look, daemon=True)
        beside.start()
        try:
            yield
        finally:
            done.set()
            beside.join()
