"""Recipes: everything that decides a picture, to JSON (format 1 of docs/design.md) and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from PIL import Image

import ace_agent
from ace_agent.engines.ace.condition_unit import ConditionUnit
from ace_agent.engines.experts.expert import Expert
from ace_agent.engines.interface import Pipeline
from ace_agent.errors import InputError
from ace_agent.execution.task_runner import Composite, TaskCall, stored_unit
from ace_agent.plan import MAX_SEED
from ace_agent.plan.tasks import CATALOGUE


@dataclass(frozen=True)
class Hashes:
    """The stored pictures of a call by their SHA-256: its own, its mask, and those of each earlier step."""

    images: tuple[str, ...] = ()
    mask: str | None = None
    history: tuple[tuple[tuple[str, ...], str | None], ...] = ()


def recipe_of(
    pipeline: Pipeline, call: TaskCall, hashes: Hashes, size: tuple[int, int], composite: Composite
) -> dict[str, Any]:
    """The recipe of a call's pictures, without the `variation` that each adds to it."""
    return {
        "format": 1,
        "model": pipeline.name,
        "weights_sha256": pipeline.weights_sha256,
        "task": call.task,
        "instruction": call.instruction,
        "images": list(hashes.images),
        "mask": hashes.mask,
        "history": [
            {
                "task": unit.task,
                "instruction": unit.instruction,
                "images": list(images),
                "masks": [mask],
            }
            for unit, (images, mask) in zip(call.history, hashes.history, strict=True)
        ],
        "size": list(size),
        "asked_size": None if call.size is None else list(call.size),
        "seed": call.seed,
        "steps": call.steps,
        "guidance": call.guidance,
        "batch": {"variations": call.variations},
        **({"options": dict(call.options)} if call.options else {}),
        **runtime_facts(pipeline),
        "composite": composite,
    }


def runtime_facts(pipeline: Pipeline) -> dict[str, Any]:
    """What else the bits depend on: the pipeline's own facts, threads and versions."""
    if isinstance(pipeline, Expert):
        import PIL

        versions = {"ace-agent": ace_agent.__version__, "pillow": PIL.__version__}
        return {"threads": 1, "device": "cpu", "dtype": "uint8", "versions": versions}
    import torch

    return {
        **pipeline.runtime_facts(),
        "threads": torch.get_num_threads(),
        "versions": {"ace-agent": ace_agent.__version__, "torch": str(torch.__version__)},
    }


def call_of(recipe: Mapping[str, Any], picture: Callable[[str], Image.Image]) -> tuple[TaskCall, int]:
    """The call that a recipe records, and which of its variations (from 1) the recipe's picture is.

    `picture` finds a stored picture by its hash. Raises InputError for an incomplete or altered recipe.
    """
    try:
        asked = recipe.get("asked_size")
        call = TaskCall(
            task=str(recipe["task"]),
            instruction=str(recipe["instruction"]),
            images=tuple(picture(str(digest)) for digest in recipe["images"]),
            mask=None if recipe["mask"] is None else picture(str(recipe["mask"])).convert("L"),
            history=tuple(_history_unit(unit, picture) for unit in recipe["history"]),
            size=None if asked is None else (int(asked[0]), int(asked[1])),
            seed=int(recipe["seed"]),
            steps=int(recipe["steps"]),
            guidance=float(recipe["guidance"]),
            variations=int(recipe["batch"]["variations"]),
            options=dict(recipe.get("options", {})),
        )
        variation = int(recipe.get("variation", 1))
        int(recipe["threads"])
        size = [int(side) for side in recipe["size"]]
    except (KeyError, TypeError, ValueError, OverflowError, IndexError, AttributeError) as error:
        raise InputError(f"the recipe is incomplete or damaged: {error}") from None
    sane = (
        call.task in CATALOGUE
        and 1 <= variation <= call.variations <= 16
        and 1 <= call.steps <= 1000
        and 0 <= call.guidance <= 100
        and 0 <= call.seed <= MAX_SEED
        and (call.size is None or all(16 <= side <= 10_000 for side in call.size))
        and len(size) == 2
        and all(1 <= side <= 20_000 for side in size)
    )
    if not sane:
        raise InputError(
            "the recipe holds values that ace-agent never writes", "it was changed by another program"
        )
    return call, variation


def _history_unit(unit: Mapping[str, Any], picture: Callable[[str], Image.Image]) -> ConditionUnit:
    masks: Sequence[Any] = unit["masks"]
    mask = masks[0] if masks else None
    return stored_unit(
        str(unit.get("task", "")),
        str(unit["instruction"]),
        tuple(picture(str(digest)) for digest in unit["images"]),
        None if mask is None else picture(str(mask)).convert("L"),
    )


@contextmanager
def recorded_threads(recipe: Mapping[str, Any]) -> Iterator[None]:
    """Use the recipe's number of threads: sums are split among threads, so the last bits depend on it."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(min(max(int(recipe["threads"]), 1), 1024))
    try:
        yield
    finally:
        torch.set_num_threads(before)
