"""`ace train`: fine-tune a model on your own pairs, or train ace-mini on the scene world."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

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
"""Of a launch without --minutes or --steps: long enough to see ten pairs dozens of times."""
RATES = {"lora": 1e-3, "full": 1e-4}
"""Learning rates of AdamW: with every weight free, a tenth of LoRA's."""


@click.command("train")
@click.argument("pairs", type=_TABLE, required=False)
@click.option("--scenes", is_flag=True, help="Train ace-mini on the scene world instead of on PAIRS.")
@click.option("--to", "folder", type=_FOLDER, metavar="FOLDER",
              help="Folder of the run and of its model; default: runs/ and the name of PAIRS.")  # fmt: skip
@options.model
@click.option("--validation", type=_TABLE, metavar="PAIRS",
              help="Pairs to evaluate on; default: one in ten of PAIRS, held out of training.")  # fmt: skip
@click.option("--full", is_flag=True, help="Train every weight; default: LoRA.")
@click.option("--rank", type=click.IntRange(1, 256), default=16, show_default=True, help="Rank of LoRA.")
@click.option("--minutes", type=click.FloatRange(0, min_open=True),
              help=f"Of this launch; the rate falls over the last fifth.  [default: {MINUTES:.0f}]")  # fmt: skip
@click.option("--steps", type=click.IntRange(1), help="Steps of the whole run, instead of minutes.")
@click.option("--tokens", type=click.IntRange(64), default=2048, show_default=True,
              help="Tokens in a batch, over all processes.")  # fmt: skip
@click.option("--draws", type=click.IntRange(1, 64), default=4, show_default=True,
              help="Noise levels drawn for each pair of a batch.")  # fmt: skip
@click.option("--rehearse", type=click.FloatRange(0, 0.9), metavar="SHARE",
              help="Share of a batch's tokens for scenes of ace-mini's own training, so that it forgets less.  "
              "[default: 0.5; other models: 0]")  # fmt: skip
@click.option("--rate", type=click.FloatRange(0, 1, min_open=True),
              help=f"Learning rate.  [default: {RATES['lora']}; with --full {RATES['full']}]")  # fmt: skip
@click.option("--sheet-minutes", type=click.FloatRange(0, min_open=True), default=5.0, show_default=True,
              help="Minutes between two evaluations, each with a sheet of samples.")  # fmt: skip
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of everything random."
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, mps.")
@click.option("--dtype", type=click.Choice(("float32", "bfloat16")), default="float32", show_default=True,
              help="Type of the computation; the weights stay float32.")  # fmt: skip
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

    Everything is read and checked first. Ctrl-C finishes the step and writes the model; the same command
    then continues.    Several processes: torchrun --nproc_per_node 2 -m ace_agent.cli train PAIRS.
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
        _train_on_scenes(folder or Path("runs/mini"), limits, seed, processes)
        return

    from ace_agent.cli.ui.progress import stage_bars
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
    with stage_bars(quiet) as progress:
        run = FineTuning(tuning, processes, progress=progress, on_figures=None if quiet else _print_figures)
    resumed = run.resume()
    if not quiet:
        _print_start(run)
        if resumed:
            notices().print(f"continuing at step {run.trainer.step}")
    with _bar(run.trainer, limits, quiet):
        ended = run.run(limits)
    if as_json and processes.is_first:
        print_json({**run.facts(), "figures": run.figures, "folder": str(tuning.folder), "ended": ended})
    elif not quiet:
        if not ended:
            notices().print(f"stopped at step {run.trainer.step}; the same command continues")
        output().print(f'the model is in {tuning.folder}: ace "..." --model {tuning.folder}')


def _train_on_scenes(folder: Path, limits: Limits, seed: int, processes: Processes) -> None:
    from ace_agent.training.mini.run import SCENES, Shape, TrainingOptions, train_on_scenes

    def tell(text: str) -> None:
        notices().print(text)

    trainer, _ = train_on_scenes(
        folder, TrainingOptions(seed=seed, stream=SCENES), Shape(), limits, processes=processes, tell=tell
    )
    if processes.is_first:
        output().print(f"{folder} is at step {trainer.step}")


def _print_start(run: FineTuning) -> None:
    held, taught = len(run.split.held_out), len(run.split.training)
    evaluated = f"{held} held out" if held else "none held out (needs ten pairs, or --validation)"
    notices().print(f"{taught} pairs to train on, {evaluated}; {run.learning:,} trainable numbers")
    if rehearsal := run.tuned.rehearsal:
        notices().print(f"{rehearsal.share:.0%} of every batch rehearses what the model knows")
    else:
        notices().print("no rehearsal: other edits may be forgotten")


def _print_figures(step: int, figures: Mapping[str, float], sheet: Path) -> None:
    listed = ", ".join(f"{name} {value:g}" for name, value in figures.items())
    notices().print(f"step {step}: {listed} ({sheet})")


@contextmanager
def _bar(trainer: Trainer, limits: Limits, quiet: bool) -> Iterator[None]:
    """A bar of the launch, updated by a thread of its own: the trainer knows nothing of terminals."""
    import time

    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    began, done = time.monotonic(), threading.Event()
    columns, console = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()), notices()
    hidden = quiet or not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as bars:
        row = bars.add_task("training", total=1.0)

        def update() -> None:
            while not done.wait(0.5):
                if limits.steps is not None:
                    share = trainer.step / limits.steps
                else:
                    share = (time.monotonic() - began) / 60 / (limits.minutes or MINUTES)
                bars.update(row, completed=min(share, 1.0), description=f"step {trainer.step:,}")

        watcher = threading.Thread(target=update, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()
