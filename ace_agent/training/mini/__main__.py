"""Train ace-mini on the scene world, as `ace train --scenes` does, with every setting; export its moving average.

python -m ace_agent.training.mini train runs/mini --minutes 100
python -m ace_agent.training.mini export runs/mini ace_agent/weights/ace-mini
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from ace_agent.errors import InputError
from ace_agent.training.mini.run import (
    SCENES,
    Shape,
    TrainingOptions,
    export,
    new_subject,
    train_on_scenes,
)
from ace_agent.training.mini.stream import StreamOptions
from ace_agent.training.processes import Processes
from ace_agent.training.trainer import Limits, Trainer, last_checkpoint


@click.group()
def main() -> None:
    """Train ace-mini."""


_SHAPE = [
    click.option("--width", default=Shape.width),
    click.option("--depth", default=Shape.depth),
    click.option("--heads", default=Shape.heads),
]


def _with_shape(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_SHAPE):
        command = option(command)
    return command


@main.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--minutes", default=100.0, help="Wall clock of this launch; the run resumes where it stood.")
@click.option(
    "--decay-minutes", default=0.0, help="Let the rate go to zero over the last of them (decayed.pt)."
)
@_with_shape
@click.option("--sheet-minutes", default=20.0, help="Minutes between sample sheets.")
@click.option("--seed", default=0)
@click.option(
    "--weights",
    "start",
    type=click.Path(path_type=Path),
    help="A new run starts from the weights in this folder.",
)
@click.option("--batch", default=SCENES.batch, help="Whole pictures of a step.")
@click.option("--crops", default=SCENES.crops, help="Windows of a step, a quarter of a picture each.")
@click.option(
    "--dtype",
    type=click.Choice(["float32", "bfloat16"]),
    default="float32",
    help="What matrices are multiplied in; bfloat16 pays on processors that have units for it.",
)
def train(
    run: Path,
    minutes: float,
    decay_minutes: float,
    width: int,
    depth: int,
    heads: int,
    sheet_minutes: float,
    seed: int,
    start: Path | None,
    batch: int,
    crops: int,
    dtype: str,
) -> None:
    """Start or resume a run."""
    limits = Limits(minutes=minutes, decay_minutes=decay_minutes, observe_minutes=sheet_minutes)
    train_on_scenes(
        run,
        TrainingOptions(seed=seed, stream=StreamOptions(batch=batch, crops=crops)),
        Shape(width, depth, heads),
        limits,
        start=start,
        processes=Processes.launched("cpu", dtype),
        tell=click.echo,
    )


@main.command("export")
@click.argument("run", type=click.Path(path_type=Path, exists=True))
@click.argument("folder", type=click.Path(path_type=Path))
@_with_shape
def export_command(run: Path, folder: Path, width: int, depth: int, heads: int) -> None:
    """Write the package's weights from a run's moving average, from its furthest checkpoint."""
    options = TrainingOptions()
    subject = new_subject(run, options, Shape(width, depth, heads))
    trainer = Trainer(run, subject, options)
    checkpoint = last_checkpoint(run)
    if checkpoint is None or not trainer.resume(checkpoint):
        raise InputError(f"no checkpoint in {run}", "train first")
    export(trainer, subject, folder)
    click.echo(f"{folder}: the average of {checkpoint} at step {trainer.step}")


if __name__ == "__main__":
    main()
