"""Train the plan parser; resumable."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import Dataset

from ace_agent.errors import InputError
from ace_agent.planner.parser.encoding import Encoded, encode, piece
from ace_agent.planner.parser.plan_tokens import IDS, PAD, SIZE, write
from ace_agent.planner.parser.weights import ENCODER
from ace_agent.training.planner.corpus import examples
from ace_agent.training.planner.parser.export import export
from ace_agent.training.planner.parser.minilm import encoder_folder
from ace_agent.training.planner.parser.network import MOST_TOKENS, PlanParser
from ace_agent.training.planner.parser.samples import (
    Sample,
    corpus_sample,
    samples_in,
    varied,
    written,
)
from ace_agent.training.processes import Processes
from ace_agent.training.subject import Loss
from ace_agent.training.trainer import STATE, Limits, OptimizerOptions, Trainer

SAVE_MINUTES = 4.0
CHUNK = 1920
"""Samples drawn at a time and sorted by length into batches."""
_FILTERED = frozenset({"degrade", "restore", "mosaic"})
"""The corpus asks these for what exact operations do ("brighten it"): its samples of them are left out."""


@dataclass(frozen=True)
class ParserOptions:
    """How the parser is trained.

    Args:
        hours: of the whole run, over all launches; the rate falls along a cosine over them.
        batch: samples a step.
        rate: AdamW's peak rate; the encoder learns at `encoder_rate`.
        corpus: share of the corpus's samples at the beginning; it falls to `corpus_end` over `corpus_samples`.
        hidden: share of the word pieces that are hidden from the encoder.
    """

    hours: float = 1.25
    batch: int = 32
    rate: float = 5e-4
    encoder_rate: float = 2e-4
    corpus: float = 0.5
    corpus_end: float = 0.08
    corpus_samples: int = 30_000
    hidden: float = 0.04
    smoothing: float = 0.05
    seed: int = 0


@dataclass(frozen=True)
class ParserProgress:
    """How far a run is: the share of its hours that is used, requests seen, loss of the last step."""

    fraction: float
    requests: int
    loss: float


Item = tuple[Encoded, list[int]]
"""An encoded request and the tokens of its plan."""


class ParserSubject:
    """The encoder (its word embeddings frozen) and the decoder."""

    def __init__(self, parser: PlanParser, options: ParserOptions, hide: int) -> None:
        self.parser, self.options, self.hide = parser, options, hide
        parser.encoder.embeddings.word_embeddings.weight.requires_grad_(False)

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        return networks_of(self.parser)

    def facts(self) -> dict[str, Any]:
        return asdict(self.options)

    def loss(self, batch: list[Item], generator: torch.Generator, processes: Processes) -> Loss:
        """Cross-entropy of the plans' tokens, with label smoothing over what may be written."""
        ids, places, real, plans = padded(batch)
        hidden = (torch.rand(ids.shape, generator=generator) < self.options.hidden) & (ids > 999)
        with torch.autocast("cpu", torch.bfloat16, enabled=torch.cpu._is_avx512_bf16_supported()):
            states = self.parser.read(ids.masked_fill(hidden, self.hide), places, real)
            logits = self.parser(states, real, plans[:, :-1])
        logits, target = logits.float().flatten(0, 1), plans[:, 1:].flatten()
        kept = target != IDS[PAD]
        logits, target = logits[kept], target[kept]
        smoothing = self.options.smoothing
        sure = functional.cross_entropy(logits, target)
        spread = -functional.log_softmax(logits[:, :SIZE], -1).mean()
        right = (logits.argmax(-1) == target).float().mean()
        total = (1 - smoothing) * sure + smoothing * spread
        return Loss(total, len(batch), parts={"loss": sure.detach(), "right": right})


def padded(batch: Sequence[Item]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Ids [B, L], places [B, 3, L], which are real [B, L]; plans from `begin` on, [B, T]."""
    long = max(len(encoded.ids) for encoded, _ in batch)
    most = max(len(plan) for _, plan in batch) + 1
    ids = torch.zeros((len(batch), long), dtype=torch.long)
    places = torch.zeros((len(batch), 3, long), dtype=torch.long)
    plans = torch.full((len(batch), most), IDS[PAD])
    for row, (encoded, plan) in enumerate(batch):
        ids[row, : len(encoded.ids)] = torch.tensor(encoded.ids)
        places[row, :, : len(encoded.ids)] = torch.tensor(encoded.places)
        plans[row, : len(plan) + 1] = torch.tensor([IDS["begin"], *plan])
    return ids, places, ids != 0, plans


class ParserBatches(Dataset[list[Item]]):
    """Item n is the batch of step n: samples of similar length, batches in random order of length."""

    def __init__(self, tokenizer: Any, authored: Sequence[Sample], options: ParserOptions) -> None:
        self.tokenizer, self.authored, self.options = tokenizer, authored, options
        self._of_chunk = lru_cache(1)(self._draw)

    def __getitem__(self, step: int) -> list[Item]:
        chunk, place = divmod(step, CHUNK // self.options.batch)
        return self._of_chunk(chunk)[place]

    def _draw(self, chunk: int) -> list[list[Item]]:
        options, chance = self.options, random.Random(f"{self.options.seed} {chunk}")
        done = min(1.0, chunk * CHUNK / options.corpus_samples)
        share = options.corpus + (options.corpus_end - options.corpus) * done
        synthetic = islice(
            (e for e in examples("train", options.seed + chunk) if not _is_filtered(e.script)),
            round(share * CHUNK),
        )
        items = [self.item(corpus_sample(e), chance) for e in synthetic]
        found = [item for item in items if item is not None]
        order: list[int] = []
        while len(found) < CHUNK:
            order = order or chance.sample(range(len(self.authored)), len(self.authored))
            item = self.item(self.authored[order.pop()], chance)
            if item is not None:
                found.append(item)
        found = sorted(found[:CHUNK], key=lambda item: len(item[0].ids))
        size = options.batch
        groups = [found[start : start + size] for start in range(0, CHUNK, size)]
        chance.shuffle(groups)
        return groups

    def item(self, sample: Sample, chance: random.Random) -> Item | None:
        """A sample, varied and encoded; None if its plan cannot be written."""
        sample = varied(sample, chance, self.authored)
        encoded = encode(self.tokenizer, sample.request, sample.pictures, sample.masked)
        plan = sample.plans[0] if chance.random() < 0.8 else chance.choice(sample.plans)
        steps = written(plan, encoded, sample.request)
        if steps is None:
            return None
        tokens = write(steps)
        return (encoded, tokens) if len(tokens) < MOST_TOKENS else None


def _is_filtered(script: Any) -> bool:
    return any(step.task in _FILTERED for step in script.steps)


def trained_parser(run: Path, encoder: Path) -> PlanParser:
    """The averaged parser of a run's last checkpoint."""
    parser = _new_parser(encoder)
    _take(parser, run)
    return parser.eval()


def _take(parser: PlanParser, run: Path) -> None:
    """Take over the averaged weights of a run's checkpoint, those that the parser has."""
    state = torch.load(run / STATE, weights_only=True, map_location="cpu")
    for name, network in networks_of(parser).items():
        network.load_state_dict(state[f"average_{name}"], strict=False)


def _new_parser(encoder: Path) -> PlanParser:
    from transformers import AutoModel

    return PlanParser(AutoModel.from_pretrained(encoder, add_pooling_layer=False, dtype=torch.float32))


def networks_of(parser: PlanParser) -> dict[str, nn.Module]:
    """The parts that learn at their own rates, by name."""
    decoder = nn.ModuleDict({name: m for name, m in parser.named_children() if name != "encoder"})
    return {"encoder": parser.encoder, "decoder": decoder}


def train_parser(
    out: Path,
    authors: Path,
    options: ParserOptions = ParserOptions(),
    *,
    start: Path | None = None,
    threads: int | None = None,
    most_steps: int | None = None,
    progress: Callable[[ParserProgress], None] | None = None,
) -> tuple[Trainer, bool]:
    """Train the parser in a folder, resuming any run already there.

    Args:
        out: folder of the run; when the hours are used up, the exported parser replaces the checkpoint in it.
        authors: folder of the requests to learn from: its `train_*.jsonl`.
        options: options of the run; a folder whose run used different ones is refused.
        start: folder of a run whose checkpoint's weights this one begins with; ignored when resuming.
        threads: CPU threads; None: torch's default.
        most_steps: stop this launch after this many steps, with a checkpoint; None: run until the hours are used up.
        progress: called every ten steps.

    Returns:
        The trainer, and whether the parser is finished and saved.

    Raises:
        ModelError: the encoder to start from is missing.
        InputError: there is nothing to learn from, or the folder belongs to another run.
    """
    from tokenizers import Tokenizer

    if (out / ENCODER).is_file() and not (out / STATE).is_file():
        raise InputError(f"{out} already holds a finished parser", "train into another folder")
    encoder = encoder_folder()
    samples = samples_of(authors)
    if threads:
        torch.set_num_threads(threads)
    tokenizer = Tokenizer.from_file(str(encoder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    torch.manual_seed(options.seed)
    parser = _new_parser(encoder).train()
    if start is not None:
        _take(parser, start)
    subject = ParserSubject(parser, options, piece(tokenizer, "[MASK]"))
    trainer = Trainer(
        out,
        subject,
        OptimizerOptions(
            seed=options.seed,
            muon_rate=None,
            adam_rate=options.rate,
            adam_factors={"encoder": options.encoder_rate / options.rate},
            weight_decay=0.01,
            warmup=200,
            ema=0.998,
        ),
    )
    trainer.resume()
    limits = Limits(
        hours=options.hours,
        steps=None if most_steps is None else trainer.step + most_steps,
        save_minutes=SAVE_MINUTES,
    )

    def on_step(loss: Loss) -> None:
        if progress is not None and trainer.step % 10 == 0:
            share = min(1.0, trainer.seconds / (options.hours * 3600))
            progress(ParserProgress(share, trainer.samples, float(loss.parts["loss"])))

    stream = ParserBatches(tokenizer, samples, options)
    # No workers: they would fork after the tokenizer has started threads, and a batch is cheap next to a step.
    ended = trainer.run(stream, limits, on_step=on_step, workers=0)
    finished = ended and (limits.steps is None or trainer.step < limits.steps)
    if finished:
        export(trained_parser(out, encoder), encoder, out)
        (out / STATE).unlink()
    return trainer, finished


def samples_of(authors: Path) -> list[Sample]:
    """All that a folder's authors wrote to learn from. Raises InputError if that is nothing."""
    files = sorted(authors.glob("train_*.jsonl"))
    samples = [sample for file in files for sample in samples_in(file)]
    if not samples:
        raise InputError(f"{authors} holds no train_*.jsonl", "name the folder of the requests: --authors")
    return samples
