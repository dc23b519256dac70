"""A model small enough for every test: it paints by arithmetic, from the prompt, the seed, the pictures and
the history, so that whatever should decide a picture does."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from ace_agent.engines.ace.condition_unit import ConditionUnit, ReferenceImage
from ace_agent.engines.interface import Pipeline, PipelineOutput, StepCallback
from ace_agent.plan import Plan
from ace_agent.plan.tasks import TASKS
from ace_agent.planner.interface import Context

if TYPE_CHECKING:
    import torch


class TinyPipeline(Pipeline):
    """The pipeline's interface. Local edits paint a disc (or the mask), global ones shift the colours."""

    name = "tiny"
    weights_sha256 = "0" * 64
    native_size = 32
    default_steps = 4
    default_guidance = 1.5
    history_budget = 16

    def __init__(self, seconds_per_step: float = 0.0) -> None:
        self.seconds_per_step = seconds_per_step
        self.calls: list[dict[str, Any]] = []
        self.fail_after: int | None = None

    def __call__(
        self,
        prompt: str,
        image: Sequence[Image.Image] = (),
        mask: Sequence[Image.Image | None] | None = None,
        *,
        task: str | None = None,
        history: Sequence[ConditionUnit] = (),
        height: int | None = None,
        width: int | None = None,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        num_images_per_prompt: int = 1,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        references: Sequence[ReferenceImage] | None = None,
        callback_on_step_end: StepCallback | None = None,
        output_type: str = "pil",
    ) -> PipelineOutput:
        assert task is not None and seed is not None and num_inference_steps is not None
        assert (width, height) == (self.native_size, self.native_size)
        assert all(picture.size == (width, height) and picture.mode == "RGB" for picture in image)
        if self.fail_after is not None and len(self.calls) >= self.fail_after:
            raise KeyboardInterrupt
        self.calls.append({"prompt": prompt, "task": task, "seed": seed, "history": tuple(history)})
        for step in range(num_inference_steps):
            time.sleep(self.seconds_per_step)
            if callback_on_step_end is not None:
                callback_on_step_end(self, step + 1, num_inference_steps, {})
        told = hashlib.sha256(f"{prompt}|{task}|{guidance_scale}|{num_inference_steps}".encode())
        for unit in history:
            told.update(unit.instruction.encode())
            for shown in (*unit.images, *(m for m in unit.masks if m is not None)):
                told.update(shown.tobytes())
        for picture in image:
            told.update(picture.tobytes())
        base = image[0] if TASKS[task].has_base_with(len(image)) else None
        drawn = mask[0] if mask else None
        images, regions = [], []
        for number in range(num_images_per_prompt):
            rng = np.random.default_rng([seed + number, *told.digest()])
            painted, region = self._paint(rng, base, drawn, TASKS[task].local)
            images.append(painted)
            regions.append(region)
        return PipelineOutput(images, regions)

    def _paint(
        self,
        rng: np.random.Generator,
        base: Image.Image | None,
        mask: Image.Image | None,
        local: bool,
    ) -> tuple[Image.Image, npt.NDArray[np.float32] | None]:
        side = self.native_size
        colour = rng.integers(0, 256, 3)
        if base is None:
            noise = rng.integers(-20, 21, (side, side, 3))
            return Image.fromarray(np.clip(colour + noise, 0, 255).astype(np.uint8)), None
        pixels = np.asarray(base).copy()
        y, x = np.mgrid[0:side, 0:side]
        if mask is not None:
            region = np.asarray(mask) > 127
        elif local:
            centre = rng.integers(8, 24, 2)
            region = (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < 25
        else:
            region = np.ones((side, side), bool)
            shift = rng.integers(-60, 61, 3)
            return Image.fromarray(np.clip(pixels + shift, 0, 255).astype(np.uint8)), region.astype(
                np.float32
            )
        pixels[region] = 255 - pixels[region] // 2
        pixels[region] = (pixels[region] // 2 + colour // 2).astype(np.uint8)
        return Image.fromarray(pixels), region.astype(np.float32)


class ScriptedPlanner:
    """Answers each request with the plan written for it."""

    def __init__(self, **plans: Plan) -> None:
        self.plans = plans
        self.contexts: list[Context] = []

    def plan(self, request: str, context: Context) -> Plan:
        self.contexts.append(context)
        return self.plans[request.replace(" ", "_")]


def step(task: str, *images: str, **fields: Any) -> dict[str, Any]:
    """A step with an instruction that names its images."""
    named = "".join(f"{{image{number or ''}}}" for number in range(len(images)))
    return {"task": task, "instruction": f"{task} {named}".strip(), "images": list(images), **fields}


def plan(*steps: dict[str, Any], **fields: Any) -> Plan:
    return Plan.parse({"steps": list(steps), **fields})


def photo(width: int = 96, height: int = 64, seed: int = 0) -> Image.Image:
    """A picture larger than the model, with detail everywhere."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))
