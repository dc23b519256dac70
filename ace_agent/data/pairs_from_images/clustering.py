"""Clustering: pairs of images that show one subject (arXiv 2410.00086, section 3.4)."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from ace_agent.data.pairs_from_images.annotators import model_annotator
from ace_agent.data.pairs_from_images.difference import ImagePair
from ace_agent.data.pairs_from_images.instruction_writers import InstructionWriter
from ace_agent.data.pairs_from_images.run_plan import Item
from ace_agent.data.pairs_from_images.shard_jobs import Dropped
from ace_agent.data.pairs_from_images.sources import Skipped, SourceImage, load
from ace_agent.data.pairs_from_images.synthesis import source_row
from ace_agent.data.sample import Sample
from ace_agent.data.scenes.tasks.table import FAMILY_OF
from ace_agent.data.shards import Record, make_turn
from ace_agent.images.types import Pixels
from ace_agent.references.types import Frame

_ALIKE = 1.1  # aspect ratios within this factor are matched by cropping


def item_of(first: SourceImage, second: SourceImage, similarity: float, cluster: str) -> Item:
    """A pair as an item; ``cluster`` is the hash of the picture that names it."""
    return {"a": asdict(first), "b": asdict(second), "similarity": similarity, "cluster": cluster}


@dataclass(frozen=True)
class Clustering:
    """Makes a training pair of two linked pictures.

    Args:
        folder: of the pictures.
        size: longest side, in pixels.
        seed: determines which of the two is the source, and the wording.
        embedder: recorded in the provenance.
        models: the model for ``caption``, if any.
        writer: writes the instruction.
    """

    folder: Path
    size: int
    seed: int
    embedder: str
    models: Mapping[str, str]
    writer: InstructionWriter

    def __call__(self, item: Item) -> Iterator[Record | Dropped | Skipped]:
        pictures = [SourceImage(**item["a"]), SourceImage(**item["b"])]
        rng = random.Random(f"{self.seed}-{pictures[0].sha256}-{pictures[1].sha256}")
        rng.shuffle(pictures)
        loaded = []
        for picture in pictures:
            pixels = load(self.folder, picture, self.size)
            if isinstance(pixels, Skipped):
                yield pixels
                return
            loaded.append(pixels)
        source, target = loaded
        matched = aligned(target, source)
        captions = [self._caption(p, q) for p, q in zip(pictures, loaded, strict=True)]
        pair = ImagePair(
            source=source,
            target=target if matched is None else matched,
            source_caption=captions[0],
            target_caption=captions[1],
            similarity=item["similarity"],
            aligned=matched is not None,
        )
        instruction = self.writer.write(pair, rng)
        if instruction is None:
            yield Dropped("unsaid")
            return
        task = "edit_general" if pair.aligned else "subject_reference"
        base = 0 if pair.aligned else None
        turn = make_turn(task, instruction, (Frame(source),), pair.target, base, {"exact": False})
        yield Record(Sample(FAMILY_OF[task], (turn,)), self._provenance(pictures, item))

    def _caption(self, picture: SourceImage, pixels: Pixels) -> str:
        if picture.caption or "caption" not in self.models:
            return picture.caption
        return model_annotator(tuple(sorted(self.models.items()))).caption(pixels)

    def _provenance(self, pictures: list[SourceImage], item: Item) -> dict[str, Any]:
        return {
            "route": "cluster",
            "sources": [source_row(picture) for picture in pictures],
            "similarity": item["similarity"],
            "cluster": item["cluster"],
            "embedder": self.embedder,
            "writer": self.writer.name,
            "seed": self.seed,
            "models": dict(self.models),
        }


def aligned(target: Pixels, source: Pixels) -> Pixels | None:
    """The target at the source's size, slightly cropped; None if their aspect ratios are too far apart."""
    (high, wide), (height, width) = target.shape[:2], source.shape[:2]
    factor = (wide / high) / (width / height)
    if not 1 / _ALIKE <= factor <= _ALIKE:
        return None
    return np.asarray(ImageOps.fit(Image.fromarray(target), (width, height), Image.Resampling.LANCZOS))
