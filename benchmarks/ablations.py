"""Ablations of ace-mini at small scale: arms of one design that differ in one thing.

    python benchmarks/ablations.py train runs/ablations            # every arm in turn; resumes; idle cores, please
    python benchmarks/ablations.py train runs/ablations joint      # some of them
    python benchmarks/ablations.py table runs/ablations            # the figures, as a table

All arms: width 192, the tasks of TASKS but where an arm names others, validation samples, one step. The spread of three
seeds of the full design is the error that a difference has to exceed.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ace_agent.data.sample import Sample, Split, TrainingTurn
from ace_agent.data.scenes.world import World
from ace_agent.engines.ace.layers import KeyValues
from ace_agent.engines.ace.packing import PackedFrames, PackedTargets
from ace_agent.engines.mini.copy_head import CopyHead
from ace_agent.engines.mini.generation import SamplingOptions, generate
from ace_agent.engines.mini.pipeline import to_image
from ace_agent.engines.mini.states import PrefixState, TextState
from ace_agent.engines.mini.transformer import MiniTransformer
from ace_agent.evaluation.benchmark import record_of, report_of
from ace_agent.evaluation.suites import NEEDS_HISTORY, Suite, draw
from ace_agent.training.mini.run import Shape, TrainingOptions, new_subject
from ace_agent.training.mini.stream import Example, SceneStream, StreamOptions, prepare_sample
from ace_agent.training.mini.subject import MiniSubject
from ace_agent.training.processes import Processes
from ace_agent.training.trainer import Limits, Trainer
from ace_kernels import RangePlan, RopeTable, Segment

WHICH = "one of two"
"""A task of two arms: the words name one of two pictures, which is to become gray. Without a base image only indicators
tell which."""
TASKS = (
    "grayscale", "edge", "edit_color", "edit_scene", "remove", "add", "extract_foreground",
    "chain:bring_back", "chain:undo",
)  # fmt: skip
EXPERTS = ("edit_color", "remove")
SHAPE = Shape(width=192, depth=6, heads=3)
BATCH = 32


class ArmWorld(World):
    """The scene world, with the task `WHICH`."""

    def sample(self, rng: random.Random, task: str | None = None, split: Split = "train") -> Sample:
        if task != WHICH:
            return super().sample(rng, task, split)
        named = "{image}"
        pair: list[TrainingTurn] = []
        while len(pair) < 2:
            turn = super().sample(rng, "grayscale", split).turns[-1]
            if turn.frames[0].mask is None and named in turn.instruction:
                pair.append(turn)
        asked = rng.randrange(2)
        words = pair[asked].instruction.replace(named, "{image1}") if asked else pair[0].instruction
        frames = tuple(turn.frames[0] for turn in pair)
        turn = replace(pair[asked], instruction=words, frames=frames, base=None, region=None, named=())
        return Sample("control", (turn,))


class ArmStream(SceneStream):
    """Training samples of that world."""

    def example(self, rng: random.Random, *, window: bool = False) -> Example:
        self._world = self._world or ArmWorld(size=self.size)
        return super().example(rng, window=window)


class Joint(MiniTransformer):
    """ace-mini in ACE's own layout: conditioning frames see target, text and time, and are computed at every step."""

    def encode_prefix(
        self, pictures: Any, frames: PackedFrames, earlier: PrefixState | None = None
    ) -> PrefixState:
        embedded = self.t_embedder(torch.zeros(1, device=pictures[0].device))
        seen, features = self._frame_rows(pictures, embedded)
        rows = self._placed(seen + self.indicator(frames.indicators), frames.positions)
        places = frames.positions[:, None]
        # Their places go along where keys and values would, so that turns are joined as ever.
        return PrefixState([KeyValues(places, places)], rows, self._mattes(rows, pictures, features))

    def _read_context(
        self,
        x: Tensor,
        modulation: Tensor,
        targets: PackedTargets,
        rope: RopeTable,
        text: TextState,
        prefix: PrefixState | None,
    ) -> tuple[Tensor, PrefixState | None]:
        if prefix is None:
            return super()._read_context(x, modulation, targets, rope, text, prefix)
        count = len(prefix.hidden)
        positions = torch.cat([prefix.key_values[0].keys[:, 0], targets.frames.positions])
        sample = torch.zeros(count, dtype=torch.long, device=x.device)
        own, cross = [], []
        for number, (segment, words) in enumerate(
            zip(targets.frames.plan.segments, targets.cross_plan.segments, strict=True)
        ):
            ranges = [one for one in (segment.k1, segment.k2) if one[1] > one[0]]
            for first, last in ranges:
                own.append(Segment((first, last), *ranges))
                cross.append(Segment((first, last), words.k1))
                if last <= count:
                    sample[first:last] = number
        total = count + len(x)
        packed = PackedFrames(
            positions,
            torch.zeros(total, dtype=torch.long, device=x.device),
            torch.cat([sample, targets.frames.sample]),
            RangePlan.build(own, total, total).to(x.device),
        )
        words_plan = RangePlan.build(cross, total, len(text.key_values[0].keys)).to(x.device)
        reading = replace(targets, cross_plan=words_plan)
        rows = torch.cat([prefix.hidden, x])
        out, _ = self._blocks(rows, modulation, packed, self.rope(positions), None, text.key_values, reading)
        return out[count:], replace(prefix, hidden=out[:count])


def paint_only(head: CopyHead, given: tuple[Any, ...]) -> tuple[Any, ...]:
    """A forward pre-hook of the head that removes the base image and the frames to copy from."""
    *rest, has_base, warped, mass, matte, grid = given
    nothing = (torch.zeros_like(one) for one in (has_base, warped, mass, matte))
    return (*rest, *nothing, grid)


@dataclass(frozen=True)
class Arm:
    """One design; `label` is its name in the table."""

    label: str
    seed: int = 0
    model: type[MiniTransformer] = MiniTransformer
    indicators: bool = True
    gate: bool = True
    tasks: tuple[str, ...] = TASKS
    stream: Mapping[str, Any] = field(default_factory=dict)


ARMS = {
    **{f"full-{seed}": Arm("the full design", seed) for seed in range(3)},
    "joint": Arm("`joint` instead of `turn_causal`", model=Joint),
    "no-history": Arm("trained without history", stream={"drop_history": 1.0}),
    "no-indicators": Arm("frames and words without indicators", indicators=False),
    "no-gate": Arm("no copy gate and no pointer", gate=False),
    **{f"expert-{task}": Arm(f"an expert for {task} alone", tasks=(task,)) for task in EXPERTS},
    "which": Arm("one of two alone", tasks=(WHICH,)),
    "which-no-indicators": Arm("the same without indicators", indicators=False, tasks=(WHICH,)),
}


def subject_of(arm: Arm, run: Path) -> tuple[MiniSubject, TrainingOptions]:
    """The arm's networks and settings. No arm trains on the labels of rows, so that none has an advantage by them."""
    options = TrainingOptions(seed=arm.seed, stream=StreamOptions(batch=BATCH, **arm.stream))
    if not arm.gate:
        options = replace(options, objective=replace(options.objective, pointer_weight=0.0, gate_weight=0.0))
    subject = new_subject(run, options, SHAPE)
    subject.namer, subject.objective = None, options.objective
    if arm.model is not MiniTransformer:
        torch.manual_seed(arm.seed)
        subject.model = arm.model(**_sizes())
    if not arm.indicators:
        torch.nn.init.zeros_(subject.model.indicator.weight)
        subject.model.indicator.weight.requires_grad_(False)
    if not arm.gate:
        subject.model.head.register_forward_pre_hook(paint_only)
    return subject, options


def _sizes() -> dict[str, int]:
    return {"width": SHAPE.width, "depth": SHAPE.depth, "heads": SHAPE.heads, "text_width": 256}


def train(arm: Arm, run: Path, steps: int, dtype: str) -> Trainer:
    """Train the arm, or the rest of it, its rate falling over the last third. `steps` are all that it gets.

    Raises:
        SystemExit: it was stopped early; the same command resumes.
    """
    subject, options = subject_of(arm, run)
    trainer = Trainer(run, subject, options, Processes.launched("cpu", dtype))
    trainer.resume()
    limits = Limits(steps=steps, decay_steps=steps // 3, observe_minutes=1e9)
    stream = ArmStream(subject.tokenizer, arm.seed, options.stream, tasks=arm.tasks)
    if not trainer.run(stream, limits):
        raise SystemExit(f"stopped at step {trainer.step} of {steps}; the same command resumes")
    return trainer


def figures(trainer: Trainer, arm: Arm, per_task: int) -> dict[str, Any]:
    """Score, mIoU or F1 of every task on validation samples, with as much history as the arm was trained with."""
    subject = trainer.subject
    assert isinstance(subject, MiniSubject)
    suite = Suite(arm.tasks, per_task)
    history = arm.stream.get("drop_history", 0) < 1
    records = []
    with trainer.averaged():
        questions = list(draw(ArmWorld(), suite))
        for i in range(0, len(questions), 8):
            part = questions[i : i + 8]
            asked = [
                prepare_sample(Sample(one.family, one.turns), subject.tokenizer, history=history)
                for one in part
            ]
            made = generate(
                subject.model, subject.encoder, asked, [[one.seed] for one in part], subject.tokenizer(""),
                SamplingOptions(),
            )  # fmt: skip
            for one, (picture,) in zip(part, made, strict=True):
                height, width = one.last.target.shape[:2]
                records.append(record_of(one, to_image(picture, (width, height))))
    report = report_of(records, None, model="", weights_sha256=None, preset="", suite=suite, seconds=0)
    return {row.name: round(row.figure, 4) for row in report.rows if row.measure != "reader"}


def run_arms(names: list[str], folder: Path, steps: int, per_task: int, dtype: str) -> None:
    for name in names:
        result = folder / f"{name}.json"
        if result.exists():
            continue
        arm = ARMS[name]
        trainer = train(arm, folder / name, steps, dtype)
        found = {
            "samples": trainer.samples,
            "hours": trainer.seconds / 3600,
            "figures": figures(trainer, arm, per_task),
        }
        result.write_text(json.dumps(found, indent=1) + "\n")
        print(name, json.dumps(found), flush=True)


def table(folder: Path) -> str:
    """Arms down, tasks across, and means over all tasks and over those that need history."""
    found = {name: json.loads((folder / f"{name}.json").read_text()) for name in ARMS if _has(folder, name)}
    seeds = [one["figures"] for name, one in found.items() if name.startswith("full-")]
    columns = [*TASKS, WHICH, "mean", "needs history"]
    lines = ["| arm | samples | " + " | ".join(columns) + " |", "|---|--:|" + "--:|" * len(columns)]
    full = [_means(one) for one in seeds]
    if full:
        samples = statistics.mean(found[name]["samples"] for name in found if name.startswith("full-"))
        cells = [
            f"{statistics.mean(one[c] for one in full):.2f} ± {statistics.pstdev(one[c] for one in full):.2f}"
            if c in full[0]
            else ""
            for c in columns
        ]
        lines.append(f"| the full design, {len(full)} seeds | {samples:,.0f} | " + " | ".join(cells) + " |")
    for name, one in found.items():
        if not name.startswith("full-"):
            means = _means(one["figures"])
            cells = [f"{means[c]:.2f}" if c in means else "" for c in columns]
            lines.append(f"| {ARMS[name].label} | {one['samples']:,} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _has(folder: Path, name: str) -> bool:
    return (folder / f"{name}.json").exists()


def _means(figures: Mapping[str, float]) -> dict[str, float]:
    """The figures with their means, where one below -1 counts as -1, lest a failed task hide the others."""
    found = dict(figures)
    if set(TASKS) <= set(figures):
        at_least = {task: max(figures[task], -1.0) for task in TASKS}
        found["mean"] = statistics.mean(at_least.values())
        found["needs history"] = statistics.mean(at_least[task] for task in TASKS if task in NEEDS_HISTORY)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("train", "table"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("arms", nargs="*", metavar="ARM", help=f"of {', '.join(ARMS)}; default: all")
    parser.add_argument("--steps", type=int, default=300, help="of training, an arm; 32 samples each")
    parser.add_argument("--per-task", type=int, default=32, help="validation samples of each task")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    options = parser.parse_intermixed_args()
    unknown = set(options.arms) - set(ARMS)
    if unknown:
        parser.error(f"no arm called {min(unknown)!r}; there are {', '.join(ARMS)}")
    if options.what == "table":
        print(table(options.folder))
        return
    torch.set_num_threads(1)
    options.folder.mkdir(parents=True, exist_ok=True)
    run_arms(options.arms or list(ARMS), options.folder, options.steps, options.per_task, options.dtype)


if __name__ == "__main__":
    main()
