"""Training the planner's adapter: LoRA (arXiv 2106.09685) on SmolLM2-135M, on the corpus, resumable.

``ace train-planner --hours 4`` on two idle cores sees about 35,000 requests. The state (adapter, optimiser, clock,
position in the corpus) is saved every few minutes; the same command goes on where it stopped.
"""

from __future__ import annotations

import json
import math
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ace_agent.errors import InputError
from ace_agent.planner.llm.plan_language import prompt
from ace_agent.planner.llm.weights import HUB, base_folder, fast_dtype
from ace_agent.training.planner.corpus import Example, examples

CHUNK = 960
"""Requests drawn at a time and sorted by length into batches; a resumed run starts its chunk again."""


@dataclass(frozen=True)
class Settings:
    """How the adapter is trained.

    Args:
        hours: wall clock over all runs; the learning rate follows a cosine over it.
        rank: rank of the adapter; alpha is twice that.
        rate: highest learning rate of AdamW.
        batch: requests a step.
        seed: of the corpus and of the adapter's first weights.
        save_minutes: how often the state is saved.
        dtype: of the frozen weights and the activations; ``auto``: bfloat16 where the CPU multiplies it by AMX.
    """

    hours: float = 4.0
    rank: int = 16
    rate: float = 1e-3
    batch: int = 8
    seed: int = 0
    save_minutes: float = 10.0
    dtype: str = "auto"


@dataclass
class State:
    """How far a run is: whole chunks done, steps, requests seen, seconds trained, and a running mean of the loss."""

    chunk: int = 0
    steps: int = 0
    seen: int = 0
    seconds: float = 0.0
    loss: float = 0.0


@dataclass(frozen=True)
class Progress:
    """What is told after every few steps. `fraction` is of the whole training, seconds are what is left."""

    fraction: float
    seconds_left: float
    steps: int
    seen: int
    loss: float


def train(
    out: Path,
    settings: Settings = Settings(),
    *,
    start: Path | None = None,
    threads: int | None = None,
    most_steps: int | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> State:
    """Trains the adapter into a folder, going on with what is there.

    Args:
        out: folder of the adapter (``adapter_config.json``, ``adapter_model.safetensors``, float16, 9.8 MB at rank 16)
            and, until it is done, of the run's state.
        settings: how; a folder begun with other settings is refused.
        start: folder of an adapter of the same rank to begin from; None: a fresh one. A resumed run ignores it.
        threads: CPU threads; None: torch's own number.
        most_steps: stop after so many steps of this run, saving the state; None: when the hours are over.
        progress: told how far it is.

    Returns:
        the state at the end.

    Raises:
        ModelError: when the base model is missing.
        InputError: when the folder belongs to another run, or the adapter to start from does not fit.
    """
    run = _Run(out, settings, start, threads)
    run.load()
    done_here = 0
    saved = time.monotonic()
    while run.state.seconds < settings.hours * 3600:
        for batch in run.batches():
            started = time.monotonic()
            run.step(batch)
            now = time.monotonic()
            run.state.seconds += now - started
            done_here += 1
            if progress is not None and run.state.steps % 10 == 0:
                progress(run.progress())
            enough = most_steps is not None and done_here >= most_steps
            if enough or run.state.seconds >= settings.hours * 3600:
                run.save()
                if run.state.seconds >= settings.hours * 3600:
                    run.finish()
                return run.state
            if now - saved > settings.save_minutes * 60:
                run.save()
                saved = now
        run.state.chunk += 1
    run.finish()
    return run.state


class _Run:
    """Model, optimiser and position of one training."""

    def __init__(self, out: Path, settings: Settings, start: Path | None, threads: int | None) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging

        from ace_agent.planner.llm.lora import LoraLlama

        if threads:
            torch.set_num_threads(threads)
        logging.disable_progress_bar()
        torch.manual_seed(settings.seed)
        folder = base_folder()
        self.out, self.settings, self.state = out, settings, State()
        self.tokenizer: Any = AutoTokenizer.from_pretrained(str(folder))
        base = AutoModelForCausalLM.from_pretrained(str(folder), dtype=torch.float32)
        self.model = LoraLlama(base, settings.rank, 2 * settings.rank, _dtype(settings.dtype))
        self.parameters = list(self.model.adapter.values())
        self.optimiser = torch.optim.AdamW(
            self.parameters, lr=settings.rate, betas=(0.9, 0.98), weight_decay=0.0
        )
        if start is not None:
            self._begin_from(start)

    def _begin_from(self, adapter: Path) -> None:
        from safetensors.torch import load_file

        try:
            stored = load_file(str(adapter / "adapter_model.safetensors"))
            self._fill({n.removeprefix("base_model.model."): t for n, t in stored.items()})
        except (OSError, KeyError, RuntimeError) as error:
            raise InputError(
                f"{adapter} holds no adapter of rank {self.settings.rank}", str(error)[:120]
            ) from error

    def _fill(self, tensors: dict[str, Any]) -> None:
        import torch

        with torch.no_grad():
            for name, parameter in self.model.adapter.items():
                parameter.copy_(tensors[name])

    @property
    def _state_folder(self) -> Path:
        return self.out / "training"

    def load(self) -> None:
        """Takes up a saved state, if there is one."""
        import torch

        folder = self._state_folder
        if not (folder / "state.json").is_file():
            if (self.out / "adapter_model.safetensors").is_file():
                raise InputError(f"{self.out} already holds a finished adapter", "train into another folder")
            return
        kept = json.loads((folder / "state.json").read_text("utf-8"))
        if kept["settings"] != asdict(self.settings):
            raise InputError(
                f"{self.out} was begun with other settings", "give the same ones, or another folder"
            )
        self.state = State(**kept["state"])
        stored = torch.load(folder / "weights.pt", weights_only=True)
        self._fill(stored["adapter"])
        self.optimiser.load_state_dict(stored["optimiser"])

    def save(self) -> None:
        """Saves the state; an interrupted save leaves the one before."""
        import torch

        self.out.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix="saving-", dir=self.out))
        adapter = {n: p.detach() for n, p in self.model.adapter.items()}
        torch.save({"adapter": adapter, "optimiser": self.optimiser.state_dict()}, work / "weights.pt")
        kept = {"settings": asdict(self.settings), "state": asdict(self.state)}
        (work / "state.json").write_text(json.dumps(kept), "utf-8")
        old = self.out / "training-old"
        shutil.rmtree(old, ignore_errors=True)
        if self._state_folder.exists():
            self._state_folder.rename(old)
        work.rename(self._state_folder)
        shutil.rmtree(old, ignore_errors=True)

    def finish(self) -> None:
        """Writes the adapter in float16, as peft stores one, and clears the training state."""
        import torch
        from peft import LoraConfig
        from safetensors.torch import save_file

        from ace_agent.planner.llm.lora import PROJECTIONS

        self.out.mkdir(parents=True, exist_ok=True)
        halves = {
            f"base_model.model.{n}": p.detach().to(torch.float16) for n, p in self.model.adapter.items()
        }
        file = self.out / "adapter_model.safetensors"
        save_file(halves, str(file), {"format": "pt"})
        file.chmod(0o644)  # safetensors leaves it to its owner alone
        LoraConfig(
            r=self.settings.rank,
            lora_alpha=2 * self.settings.rank,
            target_modules=list(PROJECTIONS),
            task_type="CAUSAL_LM",
            base_model_name_or_path=HUB,  # not this machine's cache
            inference_mode=True,
        ).save_pretrained(str(self.out))
        shutil.rmtree(self._state_folder, ignore_errors=True)

    def batches(self) -> Iterator[list[tuple[list[int], list[int]]]]:
        """The batches of the current chunk, requests of like length together, in a mixed order."""
        import random

        drawn = islice(examples("train", self.settings.seed + self.state.chunk), CHUNK)
        encoded = sorted((encode(self.tokenizer, e) for e in drawn), key=lambda e: len(e[0]) + len(e[1]))
        size = self.settings.batch
        groups = [encoded[at : at + size] for at in range(0, len(encoded), size)]
        random.Random(self.state.chunk).shuffle(groups)
        yield from groups

    def step(self, batch: list[tuple[list[int], list[int]]]) -> None:
        """One step of AdamW on one batch."""
        import torch

        done = min(1.0, self.state.seconds / (self.settings.hours * 3600))
        warm = min(1.0, (self.state.steps + 1) / 30)
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.rate * warm * (0.05 + 0.475 * (1 + math.cos(math.pi * done)))
        loss = self.model.loss(*padded(batch))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        value = float(loss.detach())
        self.state.loss = value if not self.state.steps else 0.95 * self.state.loss + 0.05 * value
        self.state.steps += 1
        self.state.seen += len(batch)

    def progress(self) -> Progress:
        """How far the run is."""
        left = max(0.0, self.settings.hours * 3600 - self.state.seconds)
        return Progress(
            1 - left / (self.settings.hours * 3600), left, self.state.steps, self.state.seen, self.state.loss
        )


def encode(tokenizer: Any, example: Example) -> tuple[list[int], list[int]]:
    """Token ids of an example's prompt and of its answer with the closing token."""
    asked = tokenizer(prompt(example.request, example.context)).input_ids
    answer = tokenizer(f"{example.script}<|im_end|>").input_ids
    return list(asked), list(answer)


def padded(batch: list[tuple[list[int], list[int]]]) -> tuple[Any, Any]:
    """A batch as tensors.

    Args:
        batch: token ids of prompts and answers, B of them.

    Returns:
        token ids, int64 [B, L], padded on the right, which a causal model need not mask; and the token that each
        place should be followed by, -100 but where an answer's token is next.
    """
    import torch

    length = max(len(asked) + len(answer) for asked, answer in batch)
    ids = torch.zeros((len(batch), length), dtype=torch.long)
    wanted = torch.full((len(batch), length), -100)
    for row, (asked, answer) in enumerate(batch):
        ids[row, : len(asked) + len(answer)] = torch.tensor(asked + answer)
        wanted[row, len(asked) - 1 : len(asked) + len(answer) - 1] = torch.tensor(answer)
    return ids, wanted


def _dtype(name: str) -> Any:
    """The torch type that a setting names."""
    import torch

    return fast_dtype() if name == "auto" else getattr(torch, name)
