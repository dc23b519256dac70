"""Making a stored picture again from its recipe, and comparing the two."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from PIL import Image

from ace_agent.engines.experts.expert import Expert
from ace_agent.engines.interface import Pipeline
from ace_agent.errors import InputError
from ace_agent.execution.executor import PlanProgress, ProgressCallback
from ace_agent.execution.recipes import call_of, recorded_threads, runtime_facts
from ace_agent.execution.task_runner import differing_pixels, run_task


@dataclass(frozen=True)
class Rerun:
    """A picture made again. `differing` counts the pixels that differ; `notes` say why they may."""

    identical: bool
    differing: int
    image: Image.Image
    recipe: dict[str, Any]
    notes: tuple[str, ...] = ()


def make_again(
    recipe: dict[str, Any],
    wanted: Callable[[], Image.Image],
    stored: Callable[[str], Image.Image],
    engine: Callable[[str], Pipeline],
    report: ProgressCallback | None = None,
) -> Rerun:
    """Make a recipe's picture again and compare it with `wanted`.

    `stored` finds a picture by its SHA-256; `engine` finds or loads the engine of that name, once the recipe has proved
    to be one.
    Raises InputError for a damaged recipe, and for one of another model.
    """
    call, variation = call_of(recipe, stored)
    before = wanted()
    model = engine(str(recipe["model"]))
    if recipe["model"] != model.name:
        raise InputError(
            f"the picture was made by {recipe['model']}, not {model.name}", f"add --model {recipe['model']}"
        )

    def tick(share: float) -> None:
        if report is not None:
            report(PlanProgress(1, 1, share, None, "painting"))

    with nullcontext() if isinstance(model, Expert) else recorded_threads(recipe):
        notes = _differences(recipe, model)
        image = run_task(model, call, tick).images[variation - 1]
    differing = differing_pixels(image, before)
    if recipe["size"] != list(image.size):
        width, height = recipe["size"]
        notes.append(
            f"the recipe says {width} x {height}, the picture came out {image.width} x {image.height}"
        )
        differing = image.width * image.height
    return Rerun(differing == 0, differing, image, recipe, tuple(notes))


def _differences(recipe: Mapping[str, Any], pipeline: Pipeline) -> list[str]:
    """Settings that differ from the recipe's, for which the bits may differ."""
    now = {"weights_sha256": pipeline.weights_sha256, **runtime_facts(pipeline)}
    return [
        f"{key} was {recipe.get(key)}, now {value}" for key, value in now.items() if recipe.get(key) != value
    ]
