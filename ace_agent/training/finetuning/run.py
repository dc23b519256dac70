"""Fine-tuning a model on pairs: from a table and a model to a folder that `ace "..." --model FOLDER` runs."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from PIL import Image

from ace_agent.data.pairs import open_samples
from ace_agent.data.sample import Sample
from ace_agent.engines.mini.pipeline import ACEPipeline
from ace_agent.engines.presets import MANIFEST, PRESETS
from ace_agent.engines.registry import is_mini
from ace_agent.engines.runtime import Runtime
from ace_agent.errors import InputError
from ace_agent.training.average import trained
from ace_agent.training.batches import Batch
from ace_agent.training.errors import TrainingError
from ace_agent.training.finetuning.pair_stream import Measure, PairStream, measure_all
from ace_agent.training.finetuning.sheets import answer, psnr, write_sheet
from ace_agent.training.finetuning.tuned import Method, Tuned
from ace_agent.training.processes import Processes
from ace_agent.training.trainer import Limits, OptimizerOptions, Trainer

SHOWN = 8
"""Samples of a sheet."""
MOST_HELD = 64
"""Validation pairs taken out of a large table."""
FACTS = "training.json"
Told = Callable[[int, Mapping[str, float], Path], None]
"""Hears of every validation: the step, its figures, its sheet."""
VALIDATION_DRAWS = 4
"""Noises of each held-out pair: one may be nearly nothing, or nothing but noise."""


@dataclass(frozen=True)
class Tuning:
    """One fine-tuning."""

    pairs: Path
    folder: Path
    model: str = "ace-mini"
    validation: Path | None = None  # a table of its own; None: one in ten of `pairs`
    method: Method = field(default_factory=Method)
    budget: int = 2048  # tokens of a global batch
    rate: float = 1e-3
    warmup: int = 20
    ema: float = 0.99
    steps: int = 8  # of sampling, for sheets


@dataclass(frozen=True)
class Split:
    """Where samples are from, which of them teach, and those that only judge."""

    samples: Sequence[Sample]
    taught: list[int]
    held: list[Sample]


def split_samples(samples: Sequence[Sample], validation: Sequence[Sample] | None, seed: int) -> Split:
    """With a table of their own the held-out samples are its first; else they are one in ten, drawn by `seed`."""
    everything = list(range(len(samples)))
    if validation is not None:
        return Split(samples, everything, [validation[k] for k in range(min(len(validation), MOST_HELD))])
    count = min(len(samples) // 10, MOST_HELD)
    held = set(random.Random(f"held-out-{seed}").sample(everything, count))
    return Split(samples, [k for k in everything if k not in held], [samples[k] for k in sorted(held)])


def load_tuned(tuning: Tuning, processes: Processes, dtype: str = "auto") -> Tuned:
    """The model to start from, ready to learn.

    Raises:
        InputError: it would be written over itself.
        ModelError: it is missing or damaged, or memory will not do.
    """
    from ace_agent.training.finetuning.mini import TunedMini
    from ace_agent.training.finetuning.released import TunedReleased

    start = Path(tuning.model)
    if start.exists() and start.resolve() == tuning.folder.resolve():
        raise InputError(f"{tuning.folder} is the model to start from", "give --to another folder")
    runtime = Runtime(str(processes.device), dtype)
    if not is_mini(tuning.model):
        known = tuning.model in PRESETS or (start / MANIFEST).is_file()
        if known and tuning.method.rehearse:
            raise InputError(
                f"{tuning.model}: what it was trained on is not public and cannot be rehearsed",
                "leave out --rehearse",
            )
        return TunedReleased(tuning.model, tuning.method, runtime)
    return TunedMini(ACEPipeline.from_pretrained(tuning.model, replace(runtime, dtype="auto")), tuning.method)


class FineTuning:
    """A fine-tuning made ready: everything read and checked, nothing trained yet."""

    def __init__(
        self,
        tuning: Tuning,
        processes: Processes | None = None,
        *,
        tuned: Tuned | None = None,
        progress: Callable[[str, int, int], None] = lambda what, done, total: None,
        told: Told | None = None,
    ) -> None:
        """`progress` is told what is being done, and how much of how much of it is; `told` hears the figures.

        Raises:
            BadInput: a table is wrong; with the line.
            TrainingError: a pair goes over the token budget.
            ModelError: the model cannot be loaded.
        """
        self.tuning = tuning
        self.processes = processes or Processes()
        self.figures: dict[str, float] = {}
        self._told = told
        method = tuning.method
        samples = open_samples(tuning.pairs, progress=lambda k, n: progress("reading pairs", k, n))
        validation = None
        if tuning.validation is not None:
            validation = open_samples(
                tuning.validation, progress=lambda k, n: progress("reading validation pairs", k, n)
            )
        self.split = split_samples(samples, validation, method.seed)
        self.tuned = tuned or load_tuned(tuning, self.processes)
        preparer = self.tuned.preparer
        measures = measure_all(samples, preparer, lambda k, n: progress("measuring", k, n))
        self.held_measures = [preparer.measure(sample) for sample in self.split.held]
        self.stream = PairStream(
            samples,
            self.split.taught,
            measures,
            preparer,
            budget=tuning.budget,
            draws=method.draws,
            seed=method.seed,
            part=(self.processes.rank, self.processes.count),
            rehearsal=self.tuned.rehearsal,
        )
        self._read_texts([*measures, *self.held_measures], progress)
        options = OptimizerOptions(
            seed=method.seed,
            muon_rate=None,
            adam_rate=tuning.rate,
            weight_decay=0.0,
            warmup=tuning.warmup,
            ema=tuning.ema,
        )
        self.trainer = Trainer(tuning.folder, self.tuned.subject, options, self.processes)

    def _read_texts(self, measures: Sequence[Measure], progress: Callable[[str, int, int], None]) -> None:
        """The first process fills the cache that the others read."""
        progress("encoding texts", 0, 1)
        if self.processes.is_first:
            self.tuned.read_texts(measures)
        self.processes.wait()
        if not self.processes.is_first:
            self.tuned.read_texts(measures)
        progress("encoding texts", 1, 1)

    @property
    def learning(self) -> int:
        """How many numbers learn."""
        networks = self.tuned.subject.networks.values()
        return sum(p.numel() for network in networks for p in trained(network).values())

    def run(self, limits: Limits, *, workers: int = 1) -> bool:
        """Train on from where the run stands, and write the model. False if it was told to stop before its end.

        A new run begins with the figures of the model as it came, to compare with.
        """
        if self.trainer.step == 0 and self.processes.is_first:
            self.observe()
        ended = self.trainer.run(self.stream, limits, observe=self.observe, workers=workers)
        if self.processes.is_first:
            self.write()
        self.processes.wait()
        return ended

    def observe(self) -> None:
        """The average's figures on held-out pairs into the log, and a sheet of them, filled up with taught pairs."""
        held = self.split.held
        extra = self.split.taught[: max(SHOWN - len(held), 0)]
        shown = [*held[:SHOWN], *(self.split.samples[k] for k in extra)]
        notes = ["held out"] * len(held[:SHOWN]) + ["taught"] * len(extra)
        with self.trainer.averaged(), torch.no_grad():
            figures: dict[str, float] = {}
            if held:
                figures["loss"] = round(self.validation_loss(), 5)
            answers = [answer(self.tuned.pipeline, sample, self.tuning.steps) for sample in shown]
        for note, name in (("held out", "psnr"), ("taught", "psnr of taught")):
            own = [
                psnr(made, Image.fromarray(sample.turns[-1].target))
                for made, sample, told in zip(answers, shown, notes, strict=True)
                if told == note
            ]
            if own:
                figures[name] = round(sum(own) / len(own), 2)
        self.figures = figures
        self.trainer.log({"validation": figures})
        sheet = self.tuning.folder / "samples" / f"{self.trainer.step:07d}.png"
        write_sheet(sheet, shown, answers, notes)
        if self._told is not None:
            self._told(self.trainer.step, figures, sheet)

    def validation_loss(self) -> float:
        """Mean loss of the held-out pairs, with the same times and noise every time."""
        alone = Processes()
        losses: list[float] = []
        for number, (sample, measure) in enumerate(zip(self.split.held, self.held_measures, strict=True)):
            batch = Batch((self.tuned.preparer.whole(sample),), 0, (measure.target,))
            for draw in range(VALIDATION_DRAWS):
                generator = torch.Generator().manual_seed(VALIDATION_DRAWS * number + draw)
                with self.processes.autocast():
                    losses.append(float(self.tuned.subject.loss(batch, generator, alone).flow.mean()))
        return sum(losses) / len(losses)

    def write(self) -> None:
        """The averaged model into the run's folder; what was there stays until the new one is whole.

        Raises:
            TrainingError: the disk is full or refuses.
        """
        folder = self.tuning.folder
        part = folder / ".model.part"
        shutil.rmtree(part, ignore_errors=True)
        try:
            part.mkdir(parents=True)
            with self.trainer.averaged():
                self.tuned.write(part)
            (part / FACTS).write_text(json.dumps(self.facts(), indent=1) + "\n")
            _move_in(part, folder)
        except (OSError, RuntimeError) as error:
            shutil.rmtree(part, ignore_errors=True)
            raise TrainingError(
                f"the model could not be written into {folder} ({error})",
                "free some space and run the same command again: the checkpoint is whole",
            ) from error

    def facts(self) -> dict[str, object]:
        """What became of what, for the folder."""
        rank = self.tuning.method.rank
        return {
            "step": self.trainer.step,
            "samples": self.trainer.samples,
            "hours": round(self.trainer.seconds / 3600, 4),
            "from": self.tuning.model,
            "method": f"LoRA of rank {rank}, merged" if rank else "full",
            "pairs": len(self.split.taught),
            "rehearsed": self.tuned.rehearsal.share if self.tuned.rehearsal else 0.0,
        }

    def resume(self) -> bool:
        """Load the folder's checkpoint; False when there is none. A rate that went to zero is not gone on from."""
        return self.trainer.resume()


def _move_in(part: Path, folder: Path) -> None:
    """Everything in `part` takes its place in `folder`; the manifest, which says that all is there, last."""
    for new in sorted(part.iterdir(), key=lambda path: path.name == MANIFEST):
        place, old = folder / new.name, folder / f".{new.name}.old"
        if place.exists():
            place.rename(old)
        new.rename(place)
        if old.is_dir():
            shutil.rmtree(old)
        else:
            old.unlink(missing_ok=True)
    part.rmdir()
