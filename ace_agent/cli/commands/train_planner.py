"""`ace train-planner`: the planner's parser, resumable."""

from __future__ import annotations

from pathlib import Path

import click
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from ace_agent.cli.ui.console import notices


@click.command("train-planner")
@click.option(
    "-o", "--output", metavar="FOLDER", type=click.Path(file_okay=False, path_type=Path),
    default=Path("runs/planner"), show_default=True, help="Folder of the run's state, and then of the parser.",
)  # fmt: skip
@click.option(
    "--authors", metavar="FOLDER", type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path("assets/planner"), show_default=True, help="Requests to learn from: its train_*.jsonl files.",
)  # fmt: skip
@click.option(
    "--hours",
    type=click.FloatRange(min=0.001),
    default=1.25,
    show_default=True,
    help="Hours of training, over all launches.",
)
@click.option(
    "--rate", type=click.FloatRange(min=0), default=5e-4, show_default=True, help="Highest learning rate."
)
@click.option(
    "--batch", type=click.IntRange(1, 256), default=32, show_default=True, help="Requests in a step."
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the order and the weights."
)
@click.option(
    "--start", metavar="FOLDER", type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Unfinished run whose weights this one begins with.  [default: MiniLM's]",
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
    authors: Path,
    hours: float,
    rate: float,
    batch: int,
    seed: int,
    start: Path | None,
    threads: int | None,
    steps: int | None,
) -> None:
    """Train the planner's parser on requests that people wrote.

    The same command continues a stopped run; Ctrl-C finishes the step and saves. Copy the finished files to
    ace_agent/weights/planner, and score them with `ace plan --eval`.
    """
    from ace_agent.training.planner.parser.train import ParserOptions, ParserProgress, train_parser

    console = notices()
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        row = bar.add_task("training", total=1.0)

        def show(now: ParserProgress) -> None:
            text = f"{now.requests:,} requests, loss {now.loss:.3f}"
            bar.update(row, completed=now.fraction, description=text)

        settings = ParserOptions(hours=hours, rate=rate, batch=batch, seed=seed)
        trainer, finished = train_parser(
            output, authors, settings, start=start, threads=threads, most_steps=steps, progress=show
        )
    if finished:
        console.print(f"the parser is in {output}")
    else:
        console.print(f"stopped after {trainer.step:,} steps; the same command continues")
