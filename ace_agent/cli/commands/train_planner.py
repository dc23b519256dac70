"""`ace train-planner`: the planner's adapter, resumable."""

from __future__ import annotations

from pathlib import Path

import click
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from ace_agent.cli.ui.console import notices


@click.command("train-planner")
@click.option(
    "-o", "--output", metavar="FOLDER", type=click.Path(file_okay=False, path_type=Path),
    default=Path("runs/planner"), show_default=True, help="Folder of the adapter, and of the run's state until then.",
)  # fmt: skip
@click.option(
    "--hours",
    type=click.FloatRange(min=0.001),
    default=4.0,
    show_default=True,
    help="Hours of training, over all launches.",
)
@click.option(
    "--rank", type=click.IntRange(1, 64), default=16, show_default=True, help="Rank of the adapter."
)
@click.option(
    "--rate", type=click.FloatRange(min=0), default=1e-3, show_default=True, help="Highest learning rate."
)
@click.option(
    "--batch", type=click.IntRange(1, 256), default=8, show_default=True, help="Requests in a step."
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Seed of the corpus and of the first weights.",
)
@click.option(
    "--dtype", type=click.Choice(["auto", "float32", "bfloat16"]), default="auto", show_default=True,
    help="Type of the frozen weights; auto: bfloat16 where the CPU has AMX.",
)  # fmt: skip
@click.option(
    "--start", metavar="FOLDER", type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Adapter to begin from.  [default: a fresh one]",
)  # fmt: skip
@click.option(
    "--threads", type=click.IntRange(1), default=None, help="CPU threads.  [default: torch's own number]"
)
@click.option(
    "--steps",
    type=click.IntRange(1),
    default=None,
    help="Stop this launch after so many steps; the next continues.",
)
def command(
    output: Path,
    hours: float,
    rank: int,
    rate: float,
    batch: int,
    seed: int,
    dtype: str,
    start: Path | None,
    threads: int | None,
    steps: int | None,
) -> None:
    """Train the planner's language model on the corpus.

    The same command continues a stopped run; Ctrl-C finishes the step and saves. Copy the finished adapter to
    ace_agent/weights/planner, and score it with `ace plan --eval`.
    """
    from ace_agent.training.planner.adapter import AdapterOptions, AdapterProgress, train_adapter

    console = notices()
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        row = bar.add_task("training", total=1.0)

        def show(now: AdapterProgress) -> None:
            text = f"{now.requests:,} requests, loss {now.loss:.3f}"
            bar.update(row, completed=now.fraction, description=text)

        settings = AdapterOptions(hours=hours, rank=rank, rate=rate, batch=batch, seed=seed, dtype=dtype)
        trainer, finished = train_adapter(
            output, settings, start=start, threads=threads, most_steps=steps, progress=show
        )
    if finished:
        console.print(f"the adapter is in {output}")
    else:
        console.print(f"stopped after {trainer.step:,} steps; the same command continues")
