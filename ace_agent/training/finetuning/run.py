"""Fine-tunes a model on a table of pairs, into a folder that `ace "..." --model FOLDER` runs."""

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
from ace_agent.evaluation.sheets import sheet_entry
from ace_agent.reports.contact_sheet import sheet
from ace_agent.training.average import trained
from ace_agent.training.batches import Batch
from ace_agent.training.errors import TrainingError
from ace_agent.training.finetuning.answers import answer, psnr
from ace_agent.training.finetuning.pair_stream import Measure, PairStream, measure_all
from ace_agent.training.finetuning.tuned import Method, Tuned
from ace_agent.training.processes import Processes
from ace_agent.training.trainer import Limits, OptimizerOptions, Trainer

SHEET_SAMPLES = 8
"""Samples of a sheet."""
MAX_HELD_OUT = 64
"""Validation pairs taken out of a large table."""
FACTS = "training.json"
OnFigures = Callable[[int, Mapping[str, float], Path], None]
"""Called after every validation with the step, the figures and the file of the sheet."""
VALIDATION_DRAWS = 4
"""Noise draws of each held-out pair, since the level of one may be near zero or pure noise."""


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
    """All samples, the numbers of those to train on, and the held-out ones."""

    samples: Sequence[Sample]
    training: list[int]
    held_out: list[Sample]


def split_samples(samples: Sequence[Sample], validation: Sequence[Sample] | None, seed: int) -> Split:
    """Hold out the first samples of `validation`; without it one in ten of `samples`, drawn with `seed`."""
    everything = list(range(len(samples)))
    if validation is not None:
        return Split(samples, everything, [validation[k] for k in range(min(len(validation), MAX_HELD_OUT))])
    count = min(len(samples) // 10, MAX_HELD_OUT)
    held = set(random.Random(f"held-out-{seed}").sample(everything, count))
    return Split(samples, [k for k in everything if k not in held], [samples[k] for k in sorted(held)])


def load_tuned(tuning: Tuning, processes: Processes, dtype: str = "auto") -> Tuned:
    """The model to start from, ready to train.

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
    """A fine-tuning whose inputs are read and checked; `run` trains."""

    def __init__(
        self,
        tuning: Tuning,
        processes: Processes | None = None,
        *,
        tuned: Tuned | None = None,
        progress: Callable[[str, int, int], None] = lambda what, done, total: None,
        on_figures: OnFigures | None = None,
    ) -> None:
        """Read and check everything.

        Args:
            tuned: the model; None: loaded as `tuning` says.
            progress: called with a stage's name, the items done and the items of the stage.
            on_figures: called after every validation.

        Raises:
            BadInput: a table is wrong; with the line.
            TrainingError: a pair goes over the token budget.
            ModelError: the model cannot be loaded.
        """
        self.tuning = tuning
        self.processes = processes or Processes()
        self.figures: dict[str, float] = {}
        self._on_figures = on_figures
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
        self.held_out_measures = [preparer.measure(sample) for sample in self.split.held_out]
        self.stream = PairStream(
            samples,
            self.split.training,
            measures,
            preparer,
            budget=tuning.budget,
            draws=method.draws,
            seed=method.seed,
            part=(self.processes.rank, self.processes.count),
            rehearsal=self.tuned.rehearsal,
        )
        self._read_texts([*measures, *self.held_out_measures], progress)
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
        """Encode every text: the first process fills the cache that the others read."""
        progress("encoding texts", 0, 1)
        if self.processes.is_first:
            self.tuned.read_texts(measures)
        self.processes.wait()
        if not self.processes.is_first:
            self.tuned.read_texts(measures)
        progress("encoding texts", 1, 1)

    @property
    def learning(self) -> int:
        """The number of trainable parameters."""
        networks = self.tuned.subject.networks.values()
        return sum(p.numel() for network in networks for p in trained(network).values())

    def run(self, limits: Limits, *, workers: int = 1) -> bool:
        """Train from where the run stands, and write the model. False if a signal stopped it before its end.

        A new run first measures the model as it is, to compare with.
        """
        if self.trainer.step == 0 and self.processes.is_first:
            self.observe()
        ended = self.trainer.run(self.stream, limits, observe=self.observe, workers=workers)
        if self.processes.is_first:
            self.write()
        self.processes.wait()
        return ended

    def observe(self) -> None:
        """Log the averaged model's figures on held-out pairs, and write a sheet of them and of training pairs."""
        held_out = self.split.held_out[:SHEET_SAMPLES]
        training = self.split.training[: SHEET_SAMPLES - len(held_out)]
        samples = [*held_out, *(self.split.samples[k] for k in training)]
        notes = ["held out"] * len(held_out) + ["training"] * len(training)
        figures: dict[str, float] = {}
        with self.trainer.averaged(), torch.no_grad():
            if held_out:
                figures["loss"] = round(self.validation_loss(), 5)
            answers = [answer(self.tuned.pipeline, sample, self.tuning.steps) for sample in samples]
        for note, name in (("held out", "psnr"), ("training", "psnr of taught")):
            own = [
                psnr(output, Image.fromarray(sample.turns[-1].target))
                for output, sample, own_note in zip(answers, samples, notes, strict=True)
                if own_note == note
            ]
            if own:
                figures[name] = round(sum(own) / len(own), 2)
        self.figures = figures
        self.trainer.log({"validation": figures})
        entries = [
            sheet_entry(sample.turns, output, note)
            for sample, output, note in zip(samples, answers, notes, strict=True)
        ]
        file = self.tuning.folder / "samples" / f"{self.trainer.step:07d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        sheet(f"step {self.trainer.step}: input(s), output (framed), right answer", entries).save(file)
        if self._on_figures is not None:
            self._on_figures(self.trainer.step, figures, file)

    def validation_loss(self) -> float:
        """Mean loss of the held-out pairs, with the same times and noise at every call."""
        alone = Processes()
        losses: list[float] = []
        for number, (sample, measure) in enumerate(
            zip(self.split.held_out, self.held_out_measures, strict=True)
        ):
            batch = Batch((self.tuned.preparer.whole(sample),), 0, (measure.target,))
            for draw in range(VALIDATION_DRAWS):
                generator = torch.Generator().manual_seed(VALIDATION_DRAWS * number + draw)
                with self.processes.autocast():
                    losses.append(float(self.tuned.subject.loss(batch, generator, alone).flow.mean()))
        return sum(losses) / len(losses)

    def write(self) -> None:
        """Write the averaged model into the run's folder, whose old model stays until the new one is whole.

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
        """How the model was made, for `training.json`."""
        rank = self.tuning.method.rank
        return {
            "step": self.trainer.step,
            "samples": self.trainer.samples,
            "hours": round(self.trainer.seconds / 3600, 4),
            "from": self.tuning.model,
            "method": f"LoRA of rank {rank}, merged" if rank else "full",
            "pairs": len(self.split.training),
            "rehearsed": self.tuned.rehearsal.share if self.tuned.rehearsal else 0.0,
        }

    def resume(self) -> bool:
        """Load the folder's checkpoint, the one at the whole rate; False when there is none."""
        return self.trainer.resume()


def _move_in(part: Path, folder: Path) -> None:
    """Move the contents of `part` into `folder`; the manifest, whose presence marks a whole model, comes last."""
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
