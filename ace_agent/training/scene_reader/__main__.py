"""Train the scene reader, or measure the weights that ship.

python -m ace_agent.training.scene_reader train --minutes 60
python -m ace_agent.training.scene_reader test
"""

from __future__ import annotations

from pathlib import Path

import click
import torch

from ace_agent.evaluation.reader import WEIGHTS, Reader
from ace_agent.training.processes import Processes
from ace_agent.training.scene_reader.accuracy import held_out
from ace_agent.training.scene_reader.run import train_reader


@click.group()
def main() -> None:
    """The scene reader of the benchmark."""


@main.command()
@click.option("--minutes", type=float, default=10.0, show_default=True, help="How long to train.")
@click.option(
    "--run",
    type=click.Path(path_type=Path),
    default=Path("runs/reader"),
    show_default=True,
    help="Folder of the run.",
)
@click.option("-o", "--out", type=click.Path(path_type=Path), default=WEIGHTS, help="Weights to write.")
@click.option("--threads", type=int, default=1, show_default=True)
def train(minutes: float, run: Path, out: Path, threads: int) -> None:
    """Train or resume a run, then write the averaged weights with their accuracy on held-out scenes."""
    torch.set_num_threads(threads)
    click.echo(f"progress is written to {run / 'log.jsonl'}")
    reader = train_reader(run, minutes, Processes.launched("cpu", "bfloat16"))
    reader.save(out)
    click.echo(f"{out}: {reader.report}")


@main.command()
@click.option("--pictures", type=int, default=1000, show_default=True)
@click.option("--store", is_flag=True, help="Write the accuracies beside the weights, for reports to print.")
def test(pictures: int, store: bool) -> None:
    """Measure the stored weights on held-out scenes again."""
    reader = Reader.load()
    found = held_out(reader, pictures)
    if store:
        reader.report |= found
        reader.save(WEIGHTS)
    for name in ("plain", "accuracy", "chance"):
        click.echo(f"{name}: " + ", ".join(f"{kind} {value:.3f}" for kind, value in found[name].items()))


if __name__ == "__main__":
    main()
