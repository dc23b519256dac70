"""A conversation of ten turns on two branches, exported, imported into a fresh store, every picture re-made there.

    python benchmarks/round_trip.py [--model ace-mini] [--steps 16] [--keep FOLDER]

Prints a line for each picture and exits with 1 unless all of them came out bit for bit the same.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageDraw

from ace_agent.agent import Agent, import_conversation
from ace_agent.engines.interface import Pipeline
from ace_agent.plan import Region
from ace_memory.housekeeping import check

TURNS = 10


def photograph() -> Image.Image:
    """A picture larger than the model's size and not square, so that it is cropped and brought back."""
    image = Image.new("RGB", (200, 150), (120, 170, 220))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 100, 200, 150), fill=(60, 140, 70))
    draw.ellipse((70, 40, 130, 110), fill=(200, 40, 40))
    return image


def converse(agent: Agent, steps: int | None) -> None:
    """Ten turns: words, edits, a mask, variations, several steps, a handed-over picture, and a second branch."""
    agent.say("a red car in a meadow", seed=1, steps=steps)
    agent.say("make it night", seed=2, steps=steps)
    agent.say("add a tree", seed=3, steps=steps, mask=Region(side="left"))
    agent.say("make the car blue", seed=4, steps=steps, variations=2)
    agent.say("make it snow, then turn the car into a bus", seed=5, steps=steps)
    agent.goto("@2")
    agent.say("replace the car with a boat", seed=6, steps=steps)
    painter = agent.pipeline.name  # not an expert on photographs: the model is what is measured
    agent.say("make it sunny", [photograph()], seed=7, steps=steps, engine=painter)
    ellipse = Region(ellipse=(0.3, 0.2, 0.7, 0.8))
    agent.say("replace the ball with a cat", seed=8, steps=steps, mask=ellipse, engine=painter)
    agent.say("put back the car of @1", seed=9, steps=steps, engine=painter)
    agent.say("make a line drawing of it", seed=10, steps=steps, engine=painter)


def remade(fresh: Agent) -> Iterator[tuple[str, str, int]]:
    """(id, task, differing pixels) of every picture that was made."""
    for picture in fresh.pictures():
        if picture.recipe is not None:
            yield picture.id, picture.recipe["task"], fresh.rerun(picture.id).differing


def run(folder: Path, model: str, steps: int | None, pipeline: Pipeline | None = None) -> bool:
    """The whole trip inside `folder`; whether every picture came out the same."""
    agent = Agent(folder / "one", model=model, conversation="trip", planner="rules", pipeline=pipeline)
    converse(agent, steps)
    turns = agent.turns(everything=True)
    on_path = {turn.id for turn in agent.turns()}
    assert len(turns) == TURNS and 0 < len(on_path) < TURNS
    path = agent.export(folder / "trip.ace")
    name = import_conversation(folder / "two", path)
    fresh = Agent(folder / "two", model=model, conversation=name, pipeline=agent.pipeline)
    wrong = check(fresh.store)
    same = [(turn.request, turn.plan) for turn in fresh.turns(everything=True)] == [
        (turn.request, turn.plan) for turn in turns
    ]
    figures = list(remade(fresh))
    for id_, task, differing in figures:
        print(f"{id_:>4}  {task:<16} {'identical' if not differing else f'{differing} pixels differ'}")
    identical = sum(not differing for _, _, differing in figures)
    print(
        f"{len(turns)} turns, {len(turns) - len(on_path)} of them off the path; {path.stat().st_size / 1e3:.0f} kB; "
        f"requests and plans {'the same' if same else 'DIFFER'}; {len(wrong)} problems in the fresh store; "
        f"{identical} of {len(figures)} pictures identical"
    )
    return same and not wrong and identical == len(figures) > TURNS


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="ace-mini")
    parser.add_argument("--steps", type=int, help="denoising steps; default: the model's own")
    parser.add_argument("--keep", type=Path, help="leave the two stores and the file here")
    arguments = parser.parse_args()
    if arguments.keep is not None:
        arguments.keep.mkdir(parents=True)
        sys.exit(not run(arguments.keep, arguments.model, arguments.steps))
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(not run(Path(folder), arguments.model, arguments.steps))


if __name__ == "__main__":
    main()
