"""Embeddings of images, whose cosine measures similarity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

from ace_agent.data.errors import BadInput
from ace_agent.data.pairs_from_images.annotators import has_weights

Vectors = npt.NDArray[np.float32]
Floats = npt.NDArray[np.floating]

CLASSICAL = "classical"
LEARNED = ("facebook/dinov2-small", "facebook/dinov2-base", "openai/clip-vit-base-patch32")
"""Tried in this order by default; the first whose weights are on disk is used."""


class Embedder(Protocol):
    """Embeds images."""

    @property
    def name(self) -> str:
        """Its name in the provenance."""
        ...

    @property
    def band(self) -> tuple[float, float]:
        """Lowest and highest cosine of two pictures that show one subject and are not copies."""
        ...

    def __call__(self, images: Sequence[Image.Image]) -> Vectors:
        """Unit rows, float32 [B, D], of RGB pictures of any size."""
        ...


def choose(name: str = "auto") -> str:
    """The named embedder, or the best on disk.

    Raises:
        BadInput: the named embedder's weights are not on disk.
    """
    if name == "auto":
        return next((model for model in LEARNED if has_weights(model)), CLASSICAL)
    if name != CLASSICAL and not has_weights(name):
        raise BadInput(
            f"the weights of {name} are not on disk", f"hf download {name}, or --embedder {CLASSICAL}"
        )
    return name


@lru_cache(maxsize=1)
def embedder(name: str) -> Embedder:
    """The embedder with a name from `choose`; each process keeps one."""
    return Classical() if name == CLASSICAL else Learned(name)


# ---- without weights


@dataclass(frozen=True)
class Classical:
    """Gradients and colours on a coarse grid, after HOG (Dalal and Triggs, 2005) and GIST (Oliva and
    Torralba, 2001).

    Measures likeness of appearance, not of meaning: much weaker than a learned model (docs/data.md has figures), but
    it needs nothing installed.
    """

    name: str = CLASSICAL
    band: tuple[float, float] = (0.76, 0.98)

    def __call__(self, images: Sequence[Image.Image]) -> Vectors:
        return np.stack([_described(image) for image in images])


_SIDE = 64
_CELLS = 4
_TURNS = 8
_LEVELS = 4  # of each colour axis


def _described(image: Image.Image) -> Vectors:
    small = image.resize((_SIDE, _SIDE), Image.Resampling.BOX)
    pixels = np.asarray(small, np.float32) / 255
    shape = _centered(_shapes(pixels))
    tone = _centered(_tones(pixels))
    both = np.concatenate([shape, tone * 0.8])
    return (both / np.linalg.norm(both)).astype(np.float32)


def _centered(histograms: Floats) -> Floats:
    """Square roots (the Hellinger distance), centred, at length 1."""
    roots = np.sqrt(histograms).ravel()
    roots = roots - roots.mean()
    return roots / max(float(np.linalg.norm(roots)), 1e-6)


def _shapes(pixels: Floats) -> Floats:
    """Histograms of gradient directions in each cell and in the whole, each of sum 1."""
    gray = pixels @ np.array([0.299, 0.587, 0.114], np.float32)
    down, across = np.gradient(gray)
    strength = np.hypot(down, across)
    turn = (np.arctan2(down, across) % np.pi) / np.pi * _TURNS
    bins = np.minimum(turn.astype(int), _TURNS - 1)
    cells = _by_cell(bins, strength, _TURNS, _CELLS)
    return cells / max(float(cells.sum()), 1e-6) + 1e-4


def _tones(pixels: Floats) -> Floats:
    """Histograms of brightness and two opponent colours in four quarters."""
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    axes = (pixels.mean(-1), (red - green + 1) / 2, ((red + green) / 2 - blue + 1) / 2)
    stretched = [axes[0], *(np.clip((axis - 0.5) * 2 + 0.5, 0, 1) for axis in axes[1:])]
    levels = [np.minimum((axis * _LEVELS).astype(int), _LEVELS - 1) for axis in stretched]
    bins = (levels[0] * _LEVELS + levels[1]) * _LEVELS + levels[2]
    cells = _by_cell(bins, np.ones_like(red), _LEVELS**3, 2)
    return cells / cells.sum() + 1e-4


def _by_cell(bins: npt.NDArray[np.integer], weight: Floats, count: int, cells: int) -> Floats:
    """Weighted histograms of a [S, S] plane of bins in a grid, float32 [cells * cells, count]."""
    row, column = np.indices(bins.shape) * cells // bins.shape[0]
    where = (row * cells + column) * count + bins
    total = np.bincount(where.ravel(), weight.ravel(), cells * cells * count)
    return total.reshape(-1, count).astype(np.float32)


# ---- with weights


class Learned:
    """An image model of transformers: DINOv2, CLIP, SigLIP or another with pooled features.

    Args:
        name: a model's name or folder; its weights must be on disk.
    """

    def __init__(self, name: str) -> None:
        import torch
        from transformers import AutoImageProcessor, AutoModel

        self.name = name
        self._torch = torch
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._processor = AutoImageProcessor.from_pretrained(name, local_files_only=True)
        self._model = AutoModel.from_pretrained(name, local_files_only=True).to(self._device).eval()
        contrastive = hasattr(self._model, "get_image_features")
        self.band: tuple[float, float] = (0.75, 0.95) if contrastive else (0.55, 0.93)

    def __call__(self, images: Sequence[Image.Image]) -> Vectors:
        inputs = self._processor(images=list(images), return_tensors="pt").to(self._device)
        with self._torch.inference_mode():
            features: Any
            if hasattr(self._model, "get_image_features"):
                features = self._model.get_image_features(**inputs)
                features = getattr(features, "pooler_output", features)
            else:
                output = self._model(**inputs)
                pooled = getattr(output, "pooler_output", None)
                features = output.last_hidden_state.mean(1) if pooled is None else pooled
            rows = self._torch.nn.functional.normalize(features.flatten(1).float(), dim=-1)
        return rows.cpu().numpy()


# ---- a folder of pictures


@dataclass(frozen=True)
class EmbedJob:
    """Pictures to embed, and the file for their vectors."""

    folder: Path
    names: tuple[str, ...]
    hashes: tuple[str, ...]
    embedder: str
    file: Path

    def run(self) -> int:
        """Write the vectors of the readable pictures; returns the number of all."""
        import io

        from ace_agent.data.pairs_from_images.sources import opaque
        from ace_agent.errors import InputError
        from ace_agent.files import write_atomic
        from ace_agent.images.files import read_picture

        images, hashes = [], []
        for name, hashed in zip(self.names, self.hashes, strict=True):
            try:
                images.append(opaque(read_picture(self.folder / name).image))
                hashes.append(hashed)
            except InputError:  # it was read before, and has been deleted since
                continue
        vectors = embedder(self.embedder)(images) if images else np.zeros((0, 1), np.float32)
        stream = io.BytesIO()
        np.savez(stream, hashes=np.array(hashes), vectors=vectors)
        write_atomic(self.file, stream.getvalue(), durable=True)
        return len(self.names)


def run_job(job: EmbedJob) -> int:
    return job.run()


def read_vectors(folder: Path) -> dict[str, Vectors]:
    """The vectors stored in a folder, float32 [D] each, by the SHA-256 of their pictures."""
    known: dict[str, Vectors] = {}
    for file in sorted(folder.glob("*.npz")):
        with np.load(file) as kept:
            known.update(zip(kept["hashes"].tolist(), kept["vectors"], strict=True))
    return known
