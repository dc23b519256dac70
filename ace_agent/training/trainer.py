"""The trainer of ace-mini: plain, resumable, exactly repeatable on one machine.

A run is a folder: `state.pt` (the last checkpoint), `log.jsonl` (a line every few steps), `samples/` (sheets).
"""

from __future__ import annotations

import copy
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Sampler

from ace_agent.engine.text import MiniTextEncoder, WordTokenizer
from ace_agent.engine.transformer import ACETransformer
from ace_agent.errors import InputError
from ace_agent.training.objective import ObjectiveOptions, flow_loss
from ace_agent.training.optimizers import Optimizers
from ace_agent.training.stream import Example, SceneStream, StreamOptions


@dataclass(frozen=True)
class TrainingOptions:
    """A run's settings, stored with its checkpoints."""

    seed: int = 0
    muon_rate: float = 2e-3
    adam_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup: int = 200  # steps
    clip: float = 1.0  # gradient norm
    ema: float = 0.999
    stream: StreamOptions = field(default_factory=StreamOptions)
    objective: ObjectiveOptions = field(default_factory=ObjectiveOptions)


WORKERS = 1
"""Processes that draw batches; one keeps up with two cores that train."""


class _StepsFrom(Sampler[int]):
    """Step numbers from `first` on, without end."""

    def __init__(self, first: int) -> None:
        self.first = first

    def __iter__(self) -> Iterator[int]:
        step = self.first
        while True:
            yield step
            step += 1


def _identity(batch: list[Example]) -> list[Example]:
    return batch


class Trainer:
    """Holds the model, its moving average, the optimisers and the step count of one run."""

    def __init__(
        self,
        folder: Path,
        model: ACETransformer,
        encoder: MiniTextEncoder,
        tokenizer: WordTokenizer,
        options: TrainingOptions,
        tasks: tuple[str, ...] | None = None,
    ) -> None:
        self.folder = folder
        self.model = model
        self.encoder = encoder
        self.tokenizer = tokenizer
        self.options = options
        self.tasks = tasks
        self.optimizers = Optimizers(
            [model, encoder],
            muon_rate=options.muon_rate,
            adam_rate=options.adam_rate,
            decay=options.weight_decay,
        )
        self.average = copy.deepcopy(model).requires_grad_(False)
        self.average_encoder = copy.deepcopy(encoder).requires_grad_(False)
        self.step = 0
        self.seconds = 0.0
        self.samples = 0
        self._sums: dict[str, list[float]] = defaultdict(list)

    # -- checkpoints
    def save(self) -> None:
        """Write the checkpoint beside the last one and put it in its place in one move."""
        self.folder.mkdir(parents=True, exist_ok=True)
        state = {
            "model": self.model.state_dict(),
            "encoder": self.encoder.state_dict(),
            "average": self.average.state_dict(),
            "average_encoder": self.average_encoder.state_dict(),
            "optimizers": self.optimizers.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "samples": self.samples,
            "model_config": dict(self.model.config),
            "encoder_config": dict(self.encoder.config),
            "words": list(self.tokenizer.words),
            "options": asdict(self.options),
        }
        part = self.folder / "state.pt.part"
        torch.save(state, part)
        part.replace(self.folder / "state.pt")

    def resume(self) -> bool:
        """Load the run's checkpoint. False when there is none."""
        file = self.folder / "state.pt"
        if not file.exists():
            return False
        state = torch.load(file, weights_only=True)
        ours = {k: v for k, v in self.model.config.items() if not k.startswith("_")}
        theirs = {k: v for k, v in state["model_config"].items() if not k.startswith("_")}
        if ours != theirs:
            raise InputError(
                f"{file} is a checkpoint of another architecture: it has {theirs}, this run wants {ours}",
                "start a new run folder, or pass the checkpoint's own settings",
            )
        self.model.load_state_dict(state["model"])
        self.encoder.load_state_dict(state["encoder"])
        self.average.load_state_dict(state["average"])
        self.average_encoder.load_state_dict(state["average_encoder"])
        self.optimizers.load_state_dict(state["optimizers"])
        self.step, self.seconds, self.samples = state["step"], state["seconds"], state["samples"]
        return True

    # -- one step
    def rate(self) -> float:
        return min(1.0, (self.step + 1) / self.options.warmup)

    def train_step(self, examples: list[Example]) -> Tensor:
        """One optimiser step. Returns the flow loss per target, detached."""
        options = self.options
        generator = torch.Generator().manual_seed((options.seed << 32) + self.step)
        loss = flow_loss(self.model, self.encoder, examples, options.objective, generator)
        self.optimizers.zero_grad()
        loss.total.backward()
        nn.utils.clip_grad_norm_(self.optimizers.parameters, options.clip)
        self.optimizers.scale_rate(self.rate())
        self.optimizers.step()
        self.step += 1
        self.samples += len(loss.flow)
        decay = min(options.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for average, live in ((self.average, self.model), (self.average_encoder, self.encoder)):
                torch._foreach_lerp_(list(average.parameters()), list(live.parameters()), 1 - decay)
        per_example = loss.flow.unflatten(0, (len(examples), -1)).mean(1)
        for example, value in zip(examples, per_example.tolist(), strict=True):
            self._sums[example.task].append(value)
        self._sums["pointer"].append(float(loss.pointer))
        return loss.flow

    # -- the run
    def run(
        self,
        minutes: float,
        *,
        save_minutes: float = 5.0,
        sheet_minutes: float = 20.0,
        sheet: Callable[[Trainer, Path], None] | None = None,
        report_steps: int = 25,
    ) -> None:
        """Train for `minutes` of wall clock, from wherever the run stands."""
        stream = SceneStream(
            self.tokenizer, self.options.seed, self.options.stream, patch=self.model.patch, tasks=self.tasks
        )
        loader: DataLoader[list[Example]] = DataLoader(
            stream,
            batch_size=None,
            sampler=_StepsFrom(self.step),
            num_workers=WORKERS,
            prefetch_factor=4,
            collate_fn=_identity,
        )
        start = last = saved = sheeted = time.monotonic()
        for examples in loader:
            self.train_step(examples)
            now = time.monotonic()
            self.seconds += now - last
            last = now
            if self.step % report_steps == 0:
                self._report()
            if now - saved > save_minutes * 60:
                self.save()
                saved = time.monotonic()
            if sheet is not None and now - sheeted > sheet_minutes * 60:
                self.save()
                sheet(self, self.folder / "samples" / f"{self.step:07d}.png")
                sheeted = time.monotonic()
            if now - start > minutes * 60:
                break
        self.save()

    def _report(self) -> None:
        means: dict[str, Any] = {k: round(sum(v) / len(v), 4) for k, v in sorted(self._sums.items())}
        pointer = means.pop("pointer", None)
        line = {
            "step": self.step,
            "hours": round(self.seconds / 3600, 3),
            "samples": self.samples,
            "rate": round(self.samples / max(self.seconds, 1e-9), 2),
            "flow": round(sum(means.values()) / max(len(means), 1), 4),
            "pointer": pointer,
            "tasks": means,
        }
        self._sums.clear()
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "log.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")
