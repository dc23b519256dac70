"""Train the planner's adapter: LoRA (arXiv 2106.09685) for SmolLM2-135M, trained on the corpus; resumable."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from ace_agent.errors import InputError
from ace_agent.planner.llm.plan_language import prompt, write
from ace_agent.planner.llm.weights import HUB, base_folder, fast_dtype
from ace_agent.training.lora import adapter_state, add_lora
from ace_agent.training.planner.corpus import Example, examples
from ace_agent.training.processes import Processes
from ace_agent.training.subject import Loss
from ace_agent.training.trainer import STATE, Limits, OptimizerOptions, Trainer

CHUNK = 960
"""Requests drawn at a time and sorted by length into batches."""
PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""Linear layers that the adapter modifies in every transformer block."""
FILE = "adapter_model.safetensors"
_PREFIX = "base_model.model."
"""Prefix that peft adds to the tensor names of a saved adapter."""
_IGNORED = -100
"""Target value of tokens that do not count towards the loss."""

Encoded = tuple[list[int], list[int]]
"""Token ids of a prompt and of its answer."""


@dataclass(frozen=True)
class AdapterOptions:
    """How the adapter is trained.

    Args:
        hours: wall-clock hours over all launches; the learning rate follows a cosine schedule over them.
        rank: LoRA rank; alpha is twice that.
        rate: peak learning rate of AdamW.
        batch: requests per step.
        seed: seed of the corpus and of the adapter's initial weights.
        save_minutes: minutes between checkpoints.
        dtype: dtype of the frozen weights and the activations; ``auto``: bfloat16 if the CPU has AMX for it.
    """

    hours: float = 4.0
    rank: int = 16
    rate: float = 1e-3
    batch: int = 8
    seed: int = 0
    save_minutes: float = 10.0
    dtype: str = "auto"


@dataclass(frozen=True)
class AdapterProgress:
    """Progress of a run: fraction of its hours used, seconds left, and running mean of the loss."""

    fraction: float
    seconds_left: float
    steps: int
    requests: int
    loss: float


class AdapterSubject:
    """A frozen language model with a LoRA adapter; the adapter's parameters stay float32."""

    def __init__(self, model: Any, options: AdapterOptions) -> None:
        self.options = options
        self.model = model
        add_lora(model, options.rank, options.seed, targets=list(PROJECTIONS), alpha=2 * options.rank)
        dtype = fast_dtype() if options.dtype == "auto" else getattr(torch, options.dtype)
        for parameter in model.parameters():
            if not parameter.requires_grad:
                parameter.data = parameter.data.to(dtype)

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        return {"model": self.model}

    def facts(self) -> dict[str, Any]:
        facts = asdict(self.options)
        del facts["save_minutes"]
        return facts

    def loss(self, batch: list[Encoded], generator: torch.Generator, processes: Processes) -> Loss:
        """Mean cross-entropy over the answer tokens."""
        ids, wanted = padded(batch)
        hidden = self.model.model(input_ids=ids, use_cache=False).last_hidden_state
        answered = wanted != _IGNORED
        logits = self.model.lm_head(hidden[answered])
        total = functional.cross_entropy(logits.float(), wanted[answered])
        return Loss(total, len(batch), parts={"loss": total.detach()})

    def begin_from(self, folder: Path) -> None:
        """Load the weights of an existing adapter.

        Raises:
            InputError: the folder holds no adapter of this rank.
        """
        try:
            stored = load_file(folder / FILE)
            with torch.no_grad():
                for name, value in adapter_state(self.model).items():
                    value.copy_(stored[_PREFIX + name])
        except (OSError, KeyError, RuntimeError) as error:
            raise InputError(
                f"{folder} holds no adapter of rank {self.options.rank}", str(error)[:120]
            ) from error

    def write(self, folder: Path) -> None:
        """Save the adapter in peft's format: `adapter_config.json` and float16 weights (9.8 MB at rank 16)."""
        folder.mkdir(parents=True, exist_ok=True)
        halves = {
            _PREFIX + name: value.half().contiguous() for name, value in adapter_state(self.model).items()
        }
        save_file(halves, folder / FILE, {"format": "pt"})
        (folder / FILE).chmod(0o644)  # safetensors writes it readable by its owner only
        LoraConfig(
            r=self.options.rank,
            lora_alpha=2 * self.options.rank,
            target_modules=list(PROJECTIONS),
            task_type="CAUSAL_LM",
            base_model_name_or_path=HUB,  # not the path of the local cache
            inference_mode=True,
        ).save_pretrained(str(folder))


class RequestBatches(Dataset[list[Encoded]]):
    """Item n is the batch of step n: requests of similar length; batches come in random order of length."""

    def __init__(self, tokenizer: Any, batch: int, seed: int) -> None:
        self.tokenizer, self.batch, self.seed = tokenizer, batch, seed
        self._of_chunk = lru_cache(1)(self._draw)

    def __getitem__(self, step: int) -> list[Encoded]:
        chunk, place = divmod(step, -(-CHUNK // self.batch))
        return self._of_chunk(chunk)[place]

    def _draw(self, chunk: int) -> list[list[Encoded]]:
        drawn = islice(examples("train", self.seed + chunk), CHUNK)
        encoded = sorted(
            (encode(self.tokenizer, one) for one in drawn), key=lambda one: len(one[0]) + len(one[1])
        )
        groups = [encoded[start : start + self.batch] for start in range(0, len(encoded), self.batch)]
        random.Random(chunk).shuffle(groups)
        return groups


def train_adapter(
    out: Path,
    options: AdapterOptions = AdapterOptions(),
    *,
    start: Path | None = None,
    threads: int | None = None,
    most_steps: int | None = None,
    progress: Callable[[AdapterProgress], None] | None = None,
) -> tuple[Trainer, bool]:
    """Train the adapter in a folder, resuming any run already there.

    Args:
        out: folder of the run; when the hours are used up, the adapter replaces the checkpoint in it.
        options: options of the run; a folder whose run used different ones is refused.
        start: folder of an adapter of the same rank to start from; None: a new one. Ignored when resuming.
        threads: CPU threads; None: torch's default.
        most_steps: stop this launch after this many steps, with a checkpoint; None: run until the hours are used up.
        progress: called every ten steps.

    Returns:
        The trainer, and whether the adapter is finished and saved.

    Raises:
        ModelError: the base model is missing.
        InputError: the folder belongs to another run, or the adapter to start from does not fit.
    """
    if (out / FILE).is_file() and not (out / STATE).is_file():
        raise InputError(f"{out} already holds a finished adapter", "train into another folder")
    if threads:
        torch.set_num_threads(threads)
    logging.disable_progress_bar()
    folder = str(base_folder())
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    subject = AdapterSubject(model, options)
    if start is not None:
        subject.begin_from(start)
    trainer = Trainer(
        out,
        subject,
        OptimizerOptions(
            seed=options.seed, muon_rate=None, adam_rate=options.rate, weight_decay=0.0, warmup=30, ema=0.0
        ),
    )
    trainer.resume()
    limits = Limits(
        hours=options.hours,
        steps=None if most_steps is None else trainer.step + most_steps,
        save_minutes=options.save_minutes,
    )
    mean: float | None = None

    def on_step(loss: Loss) -> None:
        nonlocal mean
        value = float(loss.parts["loss"])
        mean = value if mean is None else 0.95 * mean + 0.05 * value
        if progress is not None and trainer.step % 10 == 0:
            left = max(0.0, options.hours * 3600 - trainer.seconds)
            progress(
                AdapterProgress(1 - left / (options.hours * 3600), left, trainer.step, trainer.samples, mean)
            )

    stream = RequestBatches(AutoTokenizer.from_pretrained(folder), options.batch, options.seed)
    # No workers: they would fork after the tokenizer has started threads, and a batch is cheap next to a step.
    ended = trainer.run(stream, limits, on_step=on_step, workers=0)
    finished = ended and (limits.steps is None or trainer.step < limits.steps)
    if finished:
        subject.write(out)
        (out / STATE).unlink()
    return trainer, finished


def encode(tokenizer: Any, example: Example) -> Encoded:
    """Token ids of an example's prompt, and of its answer with the end token."""
    asked = tokenizer(prompt(example.request, example.context)).input_ids
    answer = tokenizer(f"{write(example.script)}<|im_end|>").input_ids
    return list(asked), list(answer)


def padded(batch: list[Encoded]) -> tuple[Tensor, Tensor]:
    """Pad a batch into tensors.

    Returns:
        Token ids, int64 [B, L], padded on the right, so a causal model needs no mask; and the target for each position:
        the next token where it belongs to the answer, else -100.
    """
    length = max(len(asked) + len(answer) for asked, answer in batch)
    ids = torch.zeros((len(batch), length), dtype=torch.long)
    wanted = torch.full((len(batch), length), _IGNORED)
    for row, (asked, answer) in enumerate(batch):
        ids[row, : len(asked) + len(answer)] = torch.tensor(asked + answer)
        wanted[row, len(asked) - 1 : len(asked) + len(answer) - 1] = torch.tensor(answer)
    return ids, wanted
