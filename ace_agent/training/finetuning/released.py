"""The released model, in a converted folder, as a model to fine-tune on pairs.

Letters: H, W a prepared picture's height and width in pixels; h, w its latents' (an eighth).
"""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from ace_agent.data.sample import Sample
from ace_agent.engines.memory_budget import OVERHEAD, available_memory, check_memory, sizes_of
from ace_agent.engines.presets import MANIFEST, model_folder
from ace_agent.engines.released.autoencoder import Autoencoder, FirstStage, from_picture
from ace_agent.engines.released.converted_folder import sha256_of
from ace_agent.engines.released.frame_texts import frame_texts
from ace_agent.engines.released.joint_packing import JointSample, pad_targets
from ace_agent.engines.released.objective import drop_prompts, released_loss
from ace_agent.engines.released.pipeline import ReleasedPipeline
from ace_agent.engines.released.preprocess import UNIT, PreparedImage, prepare_image
from ace_agent.engines.released.request import ProductRequest, ReleasedSettings
from ace_agent.engines.released.schedule import TRAIN_STEPS
from ace_agent.engines.released.t5 import INDICATORS, TextEncoder, indicator_vectors
from ace_agent.engines.released.transformer import ReleasedTransformer
from ace_agent.engines.runtime import Runtime
from ace_agent.evaluation.answerers import condition_unit
from ace_agent.plan.tasks import TASKS
from ace_agent.training.batches import Batch
from ace_agent.training.finetuning.pair_stream import Measure
from ace_agent.training.finetuning.tuned import ADAPTER, TRANSFORMER, Method, write_transformer
from ace_agent.training.lora import add_lora
from ace_agent.training.processes import Processes
from ace_agent.training.subject import Loss

NULL = ""


@dataclass(frozen=True)
class ReleasedExample:
    """A request with its answer, before the first stage: one prompt per picture (or one alone), prepared pictures,
    target float32 [3, H, W] in -1..1 and its latent mask [1, h, w]."""

    prompts: tuple[str, ...]
    pictures: tuple[PreparedImage, ...]
    target: Tensor
    mask: Tensor | None
    task: str

    @property
    def shape(self) -> tuple[int, int]:
        """(h, w) of the target's latents."""
        return self.target.shape[1] // 8, self.target.shape[2] // 8


class ReleasedPreparer:
    """Samples as the released model's pipeline prepares requests."""

    def __init__(self, settings: ReleasedSettings) -> None:
        self.settings = settings

    def __call__(self, sample: Sample, rng: random.Random) -> ReleasedExample:
        return self.whole(sample)  # the loss drops prompts, where it has the null text

    def whole(self, sample: Sample) -> ReleasedExample:
        *earlier, last = sample.turns
        history = [condition_unit(turn) for turn in earlier]
        height, width = last.target.shape[:2]
        task = last.task if last.task in TASKS else None
        request = ProductRequest(self.settings, condition_unit(last), history, task, height, width)
        answer = Image.fromarray(last.target)
        if request.base is not None and not request.resized:
            # The target takes the very crop that its base took.
            target = prepare_image(answer, max_tokens=self.settings.max_tokens).pixels
        else:
            target = from_picture(answer.resize(request.target, Image.Resampling.BICUBIC))
        return ReleasedExample(
            request.prompts, tuple(request.pictures), target, request.target_mask, last.task
        )

    def measure(self, sample: Sample) -> Measure:
        example = self.whole(sample)
        prefix = sum(_tokens(picture.pixels) for picture in example.pictures)
        return Measure(prefix, _tokens(example.target), example.prompts)

    def cost(self, measure: Measure, draws: int) -> int:
        """Every frame sees the noise, so that each draw computes all of them anew."""
        return draws * (measure.prefix + measure.target)


def _tokens(pixels: Tensor) -> int:
    return (pixels.shape[1] // UNIT) * (pixels.shape[2] // UNIT)


@dataclass
class ReleasedSubject:
    """The released transformer; its first stage and texts are frozen.

    Posterior noise, times, noise and dropped prompts of an example come from a seed of its own, so a process draws only
    those of its examples.
    """

    model: ReleasedTransformer
    stage: FirstStage
    encoder: TextEncoder
    method: Method
    origin: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._text = lru_cache(4096)(lambda text: self.encoder.encode([text])[0])
        self._indicators = lru_cache(1)(lambda: indicator_vectors(self.encoder))

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        return {"model": self.model}

    def facts(self) -> dict[str, Any]:
        return {"model_config": dict(self.model.config), **self.origin}

    def loss(self, batch: Batch[ReleasedExample], generator: torch.Generator, processes: Processes) -> Loss:
        """The released objective with its padding left out; see `released_loss`."""
        samples = len(batch.rows) * self.method.draws
        if not batch.examples:
            return Loss(torch.zeros(()), samples)
        packed: list[JointSample] = []
        cleans, noises, times = [], [], []
        for place, example in enumerate(batch, batch.start):
            own = torch.Generator().manual_seed(
                random.Random(f"{generator.initial_seed()}-{place}").getrandbits(62)
            )
            clean = self.stage.encode(example.target, own).cpu()
            sample = drop_prompts([self._sample(example, own)], self._text(NULL), self.method.drop_text, own)
            for _ in range(self.method.draws):
                packed += sample
                cleans.append(clean)
                noises.append(torch.randn(clean.shape, generator=own))
                times.append(int(torch.randint(TRAIN_STEPS, (), generator=own)))
        terms = released_loss(
            self.model,
            packed,
            self._indicators(),
            pad_targets(cleans),
            pad_targets(noises),
            torch.tensor(times),
        )
        return Loss(terms.per_sample.sum() / samples, samples, terms.per_sample.detach())

    def _sample(self, example: ReleasedExample, generator: torch.Generator) -> JointSample:
        latents = tuple(self.stage.encode(picture.pixels, generator) for picture in example.pictures)
        texts = frame_texts([self._text(prompt) for prompt in example.prompts], len(latents))
        masks = tuple(picture.latent_mask for picture in example.pictures)
        return JointSample(example.shape, example.mask, latents, masks, tuple(texts))


class TunedReleased:
    """A `Tuned` released model. Its text encoder runs once, before training, and is then unloaded."""

    def __init__(
        self,
        model: str | Path,
        method: Method,
        runtime: Runtime | None = None,
        *,
        text_cache: Path | None = None,
    ) -> None:
        """Raises ModelError if the folder is missing, damaged or of another model, or memory will not do."""
        self.folder = model_folder(model)
        self.method = method
        whole = ReleasedPipeline.from_pretrained(self.folder, runtime, text_cache=text_cache)
        _check_memory(self.folder, method, whole.device)
        transformer = ReleasedTransformer.from_pretrained(self.folder / TRANSFORMER)
        if method.rank:
            add_lora(transformer, method.rank, method.seed)
        transformer.to(whole.device)
        stage = Autoencoder.from_pretrained(self.folder / "vae", device=whole.device)
        self.encoder = whole.text_encoder
        self.pipeline = ReleasedPipeline(
            lambda: transformer,
            lambda: stage,
            self.encoder,
            whole.settings,
            device=whole.device,
            dtype=whole.dtype,
            weights_sha256=whole.weights_sha256,
        )
        origin = {"origin": whole.weights_sha256, "rank": method.rank}
        self.subject = ReleasedSubject(transformer, stage, self.encoder, method, origin)
        self.preparer = ReleasedPreparer(whole.settings)
        self.rehearsal = None  # what the released model was trained on is not public

    def read_texts(self, measures: Sequence[Measure]) -> None:
        texts = dict.fromkeys(text for measure in measures for text in measure.texts)
        self.encoder.encode([*texts, NULL, *INDICATORS])

    def write(self, folder: Path) -> None:
        """Write the model; frozen parts are hard links to the converted model's files, or copies on another disk."""
        write_transformer(self.subject.model, self.method.rank, folder)
        files = json.loads((self.folder / MANIFEST).read_text())["files"]
        noted = {name: row for name, row in files.items() if not name.startswith((TRANSFORMER, ADAPTER))}
        for name in noted:
            link_or_copy(self.folder / name, folder / name)
        for part in sorted((folder / TRANSFORMER).iterdir()):
            noted[f"{TRANSFORMER}/{part.name}"] = {"sha256": sha256_of(part), "bytes": part.stat().st_size}
        manifest = {"source": f"ace train from {self.folder}", "files": noted}
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n")


def link_or_copy(source: Path, target: Path) -> None:
    """Hard-link a file, or copy it where the disk does not allow that."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _check_memory(folder: Path, method: Method, device: str) -> None:
    """Check memory for weights and, in full fine-tuning, gradients, two moments and the average; not activations."""
    sizes = sizes_of(folder)
    copies = 1 if method.rank else 5
    remedy = "LoRA needs a fifth (leave out --full)" if not method.rank else "use a machine with more memory"
    check_memory(
        copies * sizes.transformer + sizes.first_stage + OVERHEAD,
        available_memory(device),
        "fine-tuning",
        remedy,
    )
