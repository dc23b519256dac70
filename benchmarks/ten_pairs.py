"""What `ace train` learns from ten pairs of an untrained look, and what it forgets.

    python benchmarks/ten_pairs.py --minutes 5                   # LoRA
    python benchmarks/ten_pairs.py --minutes 5 --rehearse 0      # the pairs alone
    python benchmarks/ten_pairs.py --minutes 5 --look embossed --full

The pairs are training scenes and the same with the look; it is asked of held-out scenes, beside tasks of ace-mini's
own.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
from PIL import Image

from ace_agent.data.sample import Split
from ace_agent.data.scenes.world import World
from ace_agent.data.shards import make_turn
from ace_agent.engines.mini.pipeline import ACEPipeline
from ace_agent.evaluation.answerers import PipelineAnswerer
from ace_agent.evaluation.benchmark import run
from ace_agent.evaluation.presets import UNSEEN_FILTERS
from ace_agent.evaluation.suites import Drawn, Suite, draw
from ace_agent.images.types import Pixels
from ace_agent.references.types import Frame

OWN_TASKS = ("grayscale", "edge", "edit_color", "remove")


def pictures(split: Split, count: int) -> list[Pixels]:
    """Scenes of a split, as they are before an edit."""
    world, found = World(), []
    for number in range(count):
        sample = world.sample(random.Random(f"ten pairs {split} {number}"), "grayscale", split)
        found.append(sample.turns[-1].frames[0].image)
    return found


def write_pairs(folder: Path, look: str) -> Path:
    table = folder / "pairs.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["source", "instruction", "target", "task"])
        for number, picture in enumerate(pictures("train", 10)):
            names = f"{number}.png", f"{number}-after.png"
            Image.fromarray(picture).save(folder / names[0])
            Image.fromarray(UNSEEN_FILTERS[look](picture)).save(folder / names[1])
            rows.writerow([names[0], f"make it {look}", names[1], "edit_style"])
    return table


def questions(look: str, suite: Suite) -> Iterator[Drawn]:
    for number, picture in enumerate(pictures("held-out", suite.per_task)):
        target = UNSEEN_FILTERS[look](picture)
        turn = make_turn("edit_style", f"make it {look}", (Frame(picture),), target, 0, {"exact": True})
        yield Drawn(look, "ten pairs", number, (turn,))
    yield from draw(World(), suite)


def figures(model: str, look: str, per_task: int) -> dict[str, float]:
    suite = Suite(OWN_TASKS, per_task, split="held-out")
    answerer = PipelineAnswerer(ACEPipeline.from_pretrained(model))
    report = run(questions(look, suite), answerer, suite, "ten pairs").report
    return {row.name: round(row.figure, 3) for row in report.rows}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--look", choices=sorted(UNSEEN_FILTERS), default="two-toned")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--full", action="store_true", help="move every weight; default: LoRA")
    parser.add_argument(
        "--rehearse", help="share of scenes of its own training; default: that of `ace train`"
    )
    parser.add_argument("--per-task", type=int, default=16)
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = write_pairs(folder, options.look)
        command = [sys.executable, "-m", "ace_agent.cli", "train", str(table), "--to", str(folder / "model")]
        command += ["--minutes", str(options.minutes), "--dtype", options.dtype, "--json"]
        command += ["--rehearse", options.rehearse] if options.rehearse else []
        done = subprocess.run(
            [*command, *(["--full"] if options.full else [])], check=True, stdout=subprocess.PIPE
        )
        trained = json.loads(done.stdout)
        found = {
            "look": options.look,
            "trained": {key: trained[key] for key in ("pairs", "rehearsed", "step", "samples")},
            "before": figures("ace-mini", options.look, options.per_task),
            "after": figures(str(folder / "model"), options.look, options.per_task),
        }
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
