"""The trainer: resumable, exactly repeatable on one machine, in one process or several.

A run is a folder: `state.pt` (the last checkpoint), `decayed.pt` (the end of a launch whose rate went to zero),
`log.jsonl` (a line every few steps), `samples/` (sheets).
"""

from __future__ import annotations

import json
import math
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Sampler

from ace_agent.errors import InputError
from ace_agent.files import write_atomic
from ace_agent.training.average import Average, learned_state
from ace_agent.training.errors import TrainingError
from ace_agent.training.optimizers import Optimizers
from ace_agent.training.processes import Processes
from ace_agent.training.subject import Loss, Subject

STATE = "state.pt"
DECAYED = "decayed.pt"
WORKERS = 1
"""Processes that draw batches; one keeps up with two cores that train."""
COSINE_FLOOR = 0.05
"""Share of the rate at the end of `Limits.hours`."""


@dataclass(frozen=True)
class OptimizerOptions:
    """How a run steps; stored with its checkpoints."""

    seed: int = 0
    muon_rate: float | None = 2e-3  # of the blocks' matrices; None: AdamW for all
    adam_rate: float = 1e-3
    adam_factors: Mapping[str, float] = field(default_factory=dict)  # of that rate, by network
    weight_decay: float = 0.01
    warmup: int = 100  # steps
    clip: float = 1.0  # gradient norm
    ema: float = 0.995  # 0: the average is the live weights


@dataclass(frozen=True)
class Limits:
    """When a launch ends, how its rate falls, and how often checkpoints and logs are written; wall clock."""

    minutes: float | None = None  # of this launch
    steps: int | None = None  # of the whole run
    hours: float | None = None  # of the whole run; the rate follows a cosine over them to `COSINE_FLOOR`
    decay_minutes: float = 0.0  # the rate goes to zero over the last of `minutes`
    decay_steps: int = 0  # likewise over the last of `steps`
    save_minutes: float = 5.0
    observe_minutes: float = 20.0
    report_steps: int = 25


class _StepsFrom(Sampler[int]):
    """Step numbers from `first` on, without end."""

    def __init__(self, first: int) -> None:
        self.first = first

    def __iter__(self) -> Iterator[int]:
        step = self.first
        while True:
            yield step
            step += 1


def _identity(batch: Any) -> Any:
    return batch


def _ignore_interrupts(worker: int) -> None:
    """Ctrl-C reaches the whole process group, but only the trainer decides when to stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class Trainer:
    """Holds a subject, its moving averages, the optimisers and the step count of one run."""

    def __init__(
        self, folder: Path, subject: Subject, options: OptimizerOptions, processes: Processes | None = None
    ) -> None:
        self.folder = folder
        self.subject = subject
        self.options = options
        self.processes = processes or Processes()
        self.optimizers = Optimizers(
            subject.networks,
            muon_rate=options.muon_rate,
            adam_rate=options.adam_rate,
            decay=options.weight_decay,
            factors=options.adam_factors,
            processes=self.processes,
        )
        self.averages = {name: Average(network) for name, network in subject.networks.items()}
        self.step = 0
        self.seconds = 0.0
        self.samples = 0
        self.decay = 1.0  # the share of the rate that the schedule leaves
        self._saved: int | None = None
        self._sums: dict[str, list[float]] = defaultdict(list)
        self._parts: dict[str, list[float]] = defaultdict(list)

    # -- checkpoints
    def save(self, name: str = STATE) -> None:
        """Write the checkpoint beside the last one and put it in its place in one move.

        Raises:
            TrainingError: the disk is full or refuses; the last checkpoint is as it was.
        """
        if self.processes.is_first:
            self._write(name)
        self.processes.wait()

    def _write(self, name: str) -> None:
        state: dict[str, Any] = {}
        for network, module in self.subject.networks.items():
            state[network] = {key: value.detach() for key, value in learned_state(module).items()}
            state[_average_key(network)] = self.averages[network].state_dict()
        state |= {
            "optimizers": self.optimizers.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "samples": self.samples,
            **_plain(self.subject.facts()),
            "options": asdict(self.options),
        }

        def write(part: Path) -> None:
            # Given a path, torch would name the members of its archive after the temporary file.
            with part.open("wb") as file:
                torch.save(state, file)

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomic(self.folder / name, write, durable=True)
        except (OSError, RuntimeError) as error:  # torch wraps the error of the disk
            reason = error.strerror if isinstance(error, OSError) else str(error.__context__ or error)
            kept = f"the checkpoint of step {self._saved} is whole" if self._saved is not None else ""
            raise TrainingError(
                f"{self.folder / name} could not be written at step {self.step} ({reason})",
                f"free some space and start the run again{'; ' if kept else ''}{kept}",
            ) from error
        self._saved = self.step

    def resume(self, name: str = STATE) -> bool:
        """Load the run's checkpoint. False when there is none.

        Raises:
            InputError: the subject's facts have changed: it is of another architecture, or started from another model.
        """
        file = self.folder / name
        if not file.exists():
            return False
        state = torch.load(file, weights_only=True, map_location="cpu")
        for fact, value in self.subject.facts().items():
            ours, theirs = _plain(value), _plain(state.get(fact))
            if isinstance(ours, dict) and isinstance(theirs, dict):  # earlier versions noted more
                theirs = {name: noted for name, noted in theirs.items() if name in ours}
            if ours != theirs:
                difference = f"{fact} {theirs}, now {ours}" if fact != "words" else "another vocabulary"
                raise InputError(
                    f"{file} was begun with other settings: {difference}",
                    "start a new run folder, or pass the checkpoint's own settings",
                )
        for network, module in self.subject.networks.items():
            live = learned_state(module)
            for key, value in state[network].items():
                live[key].data.copy_(value)
            self.averages[network].load_state_dict(state[_average_key(network)])
        self.optimizers.load_state_dict(state["optimizers"])
        self.step, self.seconds, self.samples = state["step"], state["seconds"], state["samples"]
        self._saved = self.step
        return True

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The networks hold their moving averages."""
        with ExitStack() as stack:
            for average in self.averages.values():
                stack.enter_context(average.in_place())
            yield

    # -- one step
    def rate(self) -> float:
        return min(1.0, (self.step + 1) / self.options.warmup) * self.decay

    def train_step(self, batch: Any) -> Loss:
        """One optimiser step; returns the loss that it took."""
        options = self.options
        generator = torch.Generator().manual_seed((options.seed << 32) + self.step)
        with self.processes.autocast():
            loss = self.subject.loss(batch, generator, self.processes)
        self.optimizers.zero_grad()
        if loss.total.requires_grad:  # a process may have got no example of a small batch
            loss.total.backward()
        self.processes.sum_gradients(self.optimizers.parameters)
        nn.utils.clip_grad_norm_(self.optimizers.parameters, options.clip)
        self.optimizers.scale_rate(self.rate())
        self.optimizers.step()
        self.step += 1
        self.samples += loss.samples
        decay = min(options.ema, (1 + self.step) / (10 + self.step))
        for average in self.averages.values():
            average.update(decay)
        if len(loss.flow):
            per_example = loss.flow.unflatten(0, (len(batch), -1)).mean(1)
            for example, value in zip(batch, per_example.tolist(), strict=True):
                self._sums[example.task].append(value)
        for name, value in loss.parts.items():
            self._parts[name].append(float(value))
        return loss

    # -- the run
    def run(
        self,
        stream: Dataset[Any],
        limits: Limits,
        *,
        observe: Callable[[], None] | None = None,
        on_step: Callable[[Loss], None] | None = None,
        workers: int = WORKERS,
    ) -> bool:
        """Train from wherever the run stands. False when a signal (Ctrl-C, SIGTERM) stopped it before its end.

        Args:
            stream: item n is the batch of step n.
            observe: called every `observe_minutes` and at the end, in the first process alone, after a checkpoint.
            on_step: called after every step, in every process.
            workers: processes that draw batches; 0: this one.
        """
        loader: DataLoader[Any] = DataLoader(
            stream,
            batch_size=None,
            sampler=_StepsFrom(self.step),
            num_workers=workers,
            prefetch_factor=4 if workers else None,
            collate_fn=_identity,
            worker_init_fn=_ignore_interrupts,
        )
        batches = iter(loader)
        start = last = saved = observed = time.monotonic()
        elapsed, before = 0.0, self.seconds
        decaying: float | None = None
        with _stop_signals() as stopped:
            while True:
                elapsed, stop = self.processes.agree(time.monotonic() - start, stopped.is_set())
                if stop or self._is_over(limits, elapsed, before):
                    break
                left = limits.minutes * 60 - elapsed if limits.minutes is not None else float("inf")
                window = limits.decay_minutes * 60
                if limits.steps is not None and limits.decay_steps:
                    left, window = limits.steps - self.step, limits.decay_steps
                if decaying is None and left < window:
                    self.save()  # at the whole rate, so that training can resume from here
                    decaying = max(left, 1e-9)
                if decaying is not None:
                    self.decay = left / decaying
                if limits.hours is not None:
                    self.decay = _cosine((before + elapsed) / (limits.hours * 3600))
                loss = self.train_step(next(batches))
                now = time.monotonic()
                self.seconds += now - last
                last = now
                if on_step is not None:
                    on_step(loss)
                if self.step % limits.report_steps == 0:
                    self.report()
                # Decided by the step's shared clock: saving waits for all processes.
                if start + elapsed - saved > limits.save_minutes * 60:
                    self.save(STATE if decaying is None else DECAYED)
                    saved = start + elapsed
                if observe is not None and start + elapsed - observed > limits.observe_minutes * 60:
                    if decaying is None:
                        self.save()
                    if self.processes.is_first:
                        observe()
                    observed = start + elapsed
        self.save(STATE if decaying is None else DECAYED)
        if self.processes.is_first and observe is not None:
            observe()
        return not stop

    def _is_over(self, limits: Limits, elapsed: float, before: float) -> bool:
        """`elapsed` seconds of this launch, after `before` seconds of earlier ones."""
        if limits.steps is not None and self.step >= limits.steps:
            return True
        if limits.hours is not None and before + elapsed >= limits.hours * 3600:
            return True
        return limits.minutes is not None and elapsed > limits.minutes * 60

    def report(self) -> None:
        """Append the means since the last report to the log."""
        means = self._means(self._sums)
        parts = self._means(self._parts)
        self.log(
            {
                "samples": self.samples,
                "rate": round(self.samples / max(self.seconds, 1e-9), 2),
                **({"flow": round(sum(means.values()) / len(means), 4)} if means else {}),
                **parts,
                **({} if self.decay == 1 else {"decay": round(self.decay, 4)}),
                **({"tasks": means} if means else {}),
            }
        )

    def _means(self, own: dict[str, list[float]]) -> dict[str, float]:
        """The mean of each list over all processes; clears the lists."""
        sums: dict[str, list[float]] = defaultdict(list)
        for noted in self.processes.gather(dict(own)):
            for key, values in noted.items():
                sums[key] += values
        own.clear()
        return {key: round(sum(values) / len(values), 4) for key, values in sorted(sums.items())}

    def log(self, facts: Mapping[str, Any]) -> None:
        """Append a line to the log, with the step and the hours; only the first process writes."""
        if not self.processes.is_first:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        line = {"step": self.step, "hours": round(self.seconds / 3600, 3), **facts}
        with (self.folder / "log.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")


def last_checkpoint(folder: Path) -> str | None:
    """The name of a run's checkpoint with the most steps, decayed or not; None when there is none."""
    steps = {}
    for name in (STATE, DECAYED):
        if (folder / name).exists():
            steps[name] = torch.load(folder / name, weights_only=True, mmap=True)["step"]
    return max(steps, key=lambda name: steps[name]) if steps else None


def _cosine(done: float) -> float:
    """Share of the rate after a share `done` of the run."""
    return COSINE_FLOOR + (1 - COSINE_FLOOR) / 2 * (1 + math.cos(math.pi * min(1.0, done)))


def _average_key(network: str) -> str:
    return "average" if network == "model" else f"average_{network}"


def _plain(value: Any) -> Any:
    """The value with lists for tuples, as a configuration has after it was written and read again."""
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    return list(value) if isinstance(value, tuple) else value


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C or SIGTERM sets, so that the step is finished first; a second one stops at once."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return

    def handle(number: int, frame: Any) -> None:
        if event.is_set():
            raise KeyboardInterrupt
        event.set()

    old = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield event
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
