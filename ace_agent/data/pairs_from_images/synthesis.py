"""Synthesis: pairs made of one image by operators (arXiv 2410.00086, section 3.4)."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ace_agent.data.errors import BadInput, Unfit
from ace_agent.data.pairs_from_images.annotators import model_annotator
from ace_agent.data.pairs_from_images.operations import OPERATIONS, Operation, changes
from ace_agent.data.pairs_from_images.run_plan import Item
from ace_agent.data.pairs_from_images.shard_jobs import Dropped
from ace_agent.data.pairs_from_images.sources import Skipped, SourceImage, load
from ace_agent.data.sample import Sample
from ace_agent.data.scenes.tasks.table import FAMILY_OF
from ace_agent.data.shards import Record
from ace_agent.images.annotated_image import AnnotatedImage, MissingAnnotation


def item_of(picture: SourceImage) -> Item:
    return asdict(picture)


def operations(tasks: tuple[str, ...] = ()) -> tuple[Operation, ...]:
    """The operations of some tasks, or all.

    Raises:
        BadInput: synthesis cannot make one of the tasks.
    """
    known = list(dict.fromkeys(operation.task for operation in OPERATIONS))
    for task in tasks:
        if task not in known:
            raise BadInput(f"synthesis makes no {task!r}", f"it makes {', '.join(known)}")
    return tuple(operation for operation in OPERATIONS if not tasks or operation.task in tasks)


@dataclass(frozen=True)
class Synthesis:
    """Makes several pairs of each picture, the same ones in every run.

    Args:
        folder: of the pictures.
        size: longest side, in pixels.
        per_picture: pairs of one picture at most.
        seed: other seeds, other pairs.
        tasks: only these; () for all.
        models: the model for each need (``depth``, ``segment``, ``pose``, ``detect``, ``caption``).
    """

    folder: Path
    size: int
    per_picture: int
    seed: int
    tasks: tuple[str, ...]
    models: Mapping[str, str]

    def __call__(self, item: Item) -> Iterator[Record | Dropped | Skipped]:
        picture = SourceImage(**item)
        pixels = load(self.folder, picture, self.size)
        if isinstance(pixels, Skipped):
            yield pixels
            return
        seen = model_annotator(tuple(sorted(self.models.items()))) if self.models else None
        image = AnnotatedImage(pixels, seen, caption=picture.caption)
        had = set(self.models) | ({"caption"} if picture.caption else set())
        made = 0
        for operation in self._order(picture, had):
            if made == self.per_picture:
                return
            # A generator per operation: a pair does not depend on what was tried before it.
            rng = random.Random(f"{self.seed}-{picture.sha256}-{operation.task}")
            try:
                turn = operation.make(image, rng)
            except (Unfit, MissingAnnotation):
                yield Dropped("unfit")
                continue
            if not changes(turn):
                yield Dropped("no change")
                continue
            made += 1
            yield Record(
                Sample(FAMILY_OF[turn.task], (turn,)), self._provenance(picture, pixels.shape, operation)
            )

    def _order(self, picture: SourceImage, had: set[str]) -> list[Operation]:
        """The possible operations, in a weighted random order."""
        rng = random.Random(f"{self.seed}-{picture.sha256}")
        drawn = [(rng.random() ** (1 / operation.weight), operation) for operation in operations(self.tasks)]
        possible = [(key, operation) for key, operation in drawn if operation.needs <= had]
        return [operation for _, operation in sorted(possible, key=lambda pair: -pair[0])]

    def _provenance(
        self, picture: SourceImage, shape: tuple[int, ...], operation: Operation
    ) -> dict[str, Any]:
        return {
            "route": "synthesize",
            "operation": operation.task,
            "seed": self.seed,
            "prepared": [shape[1], shape[0]],
            "sources": [source_row(picture)],
            "models": {need: self.models[need] for need in sorted(operation.needs) if need in self.models},
        }


def source_row(picture: SourceImage) -> dict[str, Any]:
    """A picture's row in the provenance."""
    return {
        "path": picture.path,
        "sha256": picture.sha256,
        "perceptual": picture.looks,
        "size": [picture.width, picture.height],
        "caption": picture.caption,
    }
