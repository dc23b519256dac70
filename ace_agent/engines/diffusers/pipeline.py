"""DiffusersPipeline: a pipeline of the diffusers library as a `Pipeline`. Its weights are read at the first call."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
import torch
from PIL import Image

from ace_agent.engines.ace.condition_unit import INDICATOR, ConditionUnit, ReferenceImage
from ace_agent.engines.diffusers.capabilities import Capabilities
from ace_agent.engines.diffusers.folder import ModelFolder
from ace_agent.engines.interface import Pipeline, PipelineOutput, StepCallback, check_inputs, draw_seed
from ace_agent.engines.memory_budget import OVERHEAD, available_memory, check_memory, free_memory
from ace_agent.engines.runtime import Runtime
from ace_agent.errors import InputError, ModelError
from ace_agent.plan.tasks import CATALOGUE

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

GRID = 16
"""Sides are multiples of this: the first stage's factor of 8, and patches of 2 x 2."""


class DiffusersPipeline(Pipeline):
    """One model folder of diffusers. It reads no history.

    Args:
        folder: what the folder says of itself.
        kind: the class of diffusers that it names.
        runtime: where and how it runs; `auto` is bfloat16 on a GPU, float32 on a CPU.
    """

    def __init__(self, folder: ModelFolder, kind: type[DiffusionPipeline], runtime: Runtime) -> None:
        self.folder = folder
        self.capabilities = Capabilities.of(folder.pipeline, kind.__call__)
        self.name = folder.path.resolve().name
        self.native_size = folder.side
        self.default_steps = self.capabilities.steps
        self.default_guidance = self.capabilities.guidance
        self._kind = kind
        self._runtime = runtime
        self._device = runtime.torch_device()
        on_gpu = runtime.dtype == "auto" and self._device.type == "cuda"
        self._dtype = torch.bfloat16 if on_gpu else runtime.torch_dtype(self._device)
        self._loaded: Callable[..., Any] | None = None

    @classmethod
    def from_pretrained(cls, model: str | Path, runtime: Runtime | None = None) -> Self:
        """The pipeline of a folder; no weights are read yet.

        Raises:
            ModelError: the folder is unsafe or incomplete, names no pipeline of diffusers, or the device is missing.
            InputError: a saving or number format that it has no use for here.
        """
        import diffusers

        folder = ModelFolder.read(Path(model))
        kind = getattr(diffusers, folder.pipeline, None)
        if not (isinstance(kind, type) and issubclass(kind, diffusers.DiffusionPipeline)):
            raise ModelError(
                f"diffusers {diffusers.__version__} has no pipeline {folder.pipeline}",
                "a newer diffusers may have it",
            )
        pipeline = cls(folder, kind, runtime or Runtime())
        if pipeline._runtime.offload and pipeline._device.type != "cuda":
            raise InputError(f"--offload needs a GPU with {pipeline.name}", "leave it off")
        return pipeline

    @cached_property
    def weights_sha256(self) -> str:
        """Of the folder's settings and weights, read once."""
        return self.folder.sha256()

    def runtime_facts(self) -> dict[str, Any]:
        import diffusers

        return {
            "vae_tiling": self._runtime.vae_tiling,
            "device": str(self._device),
            "dtype": str(self._dtype),
            "diffusers": diffusers.__version__,
        }

    def unload(self) -> None:
        self._loaded = None
        free_memory()

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
        """See `Pipeline`. Variations are made one after the other; history and reference pictures are ignored.

        Raises:
            InputError: an argument out of its range, or more pictures than the model reads.
            ModelError: the model cannot do this, has too little memory, or returned a black picture.
        """
        checked = check_inputs(
            self,
            image,
            mask,
            height=height,
            width=width,
            num_inference_steps=num_inference_steps,
            guidance_scale=guidance_scale,
            num_images_per_prompt=num_images_per_prompt,
            output_type=output_type,
        )
        self._refuse(image, bool(checked.masks and checked.masks[0]))
        has_base = bool(image) and (task is None or CATALOGUE[task].has_base_with(len(image)))
        asked = (
            width or (image[0].width if has_base else self.native_size),
            height or (image[0].height if has_base else self.native_size),
        )
        size = _on_grid(asked[0]), _on_grid(asked[1])
        own = self.capabilities
        arguments: dict[str, Any] = {
            "prompt": in_plain_words(prompt, len(image)),
            "num_inference_steps": checked.steps,
        }
        if {"width", "height"} <= own.arguments:
            arguments |= {"width": size[0], "height": size[1]}
        if own.guidance_name is not None:
            arguments[own.guidance_name] = checked.guidance
        if own.guidance_name == "true_cfg_scale":
            arguments["negative_prompt"] = " "  # without one there is no guidance
        if image:
            pictures = [picture.convert("RGB") for picture in image]
            pictures[0] = pictures[0].resize(size, Image.Resampling.LANCZOS)
            arguments["image"] = pictures if own.pictures > 1 else pictures[0]
        if own.takes_mask and checked.masks[0] is not None:
            arguments["mask_image"] = checked.masks[0].convert("L").resize(size)
        if callback_on_step_end is not None and "callback_on_step_end" in own.arguments:
            done = 0

            def report(_pipe: Any, _step: int, _time: Any, tensors: dict[str, Any]) -> dict[str, Any]:
                nonlocal done
                done += 1
                share = -(
                    -done // num_images_per_prompt
                )  # image-to-image makes fewer steps than it is asked for
                callback_on_step_end(self, min(share, checked.steps), checked.steps, {})
                return tensors

            arguments["callback_on_step_end"] = report
        seed = draw_seed(seed, generator)
        pipe = self._load()
        made = [
            self._one(pipe, arguments, seed + number).resize(asked, Image.Resampling.LANCZOS)
            for number in range(num_images_per_prompt)
        ]
        changed = np.ones((asked[1], asked[0]), np.float32) if has_base else None
        return PipelineOutput(made, [changed] * len(made))

    def _refuse(self, image: Sequence[Image.Image], masked: bool) -> None:
        own, kind = self.capabilities, self.folder.pipeline
        if not image and not own.creates:
            raise ModelError(f"{self.name} ({kind}) only edits, and there is no picture", "hand one over")
        if image and own.pictures == 0:
            raise ModelError(
                f"{self.name} ({kind}) makes pictures from words only", "take a model that edits with --model"
            )
        if len(image) > own.pictures:
            many = f"{own.pictures} picture{'s' if own.pictures != 1 else ''}"
            raise InputError(f"{self.name} reads {many}, got {len(image)}", "leave some out")
        if own.takes_mask and not masked:
            raise InputError(
                f"{self.name} ({kind}) fills masks, and there is none", "mark the place with --mask"
            )

    def _load(self) -> Callable[..., Any]:
        if self._loaded is None:
            need = self.folder.parameters() * self._dtype.itemsize + OVERHEAD
            # With offload, all weights wait in the machine's own memory.
            place = "cpu" if self._runtime.offload else str(self._device)
            way_out = "close other programs, or take a smaller model"
            if self._device.type == "cuda" and not self._runtime.offload:
                way_out += ", or --offload"
            check_memory(need, available_memory(place), self.name, way_out)
            try:
                with _quiet():
                    pipe = self._kind.from_pretrained(
                        self.folder.path, torch_dtype=self._dtype, use_safetensors=True, local_files_only=True
                    )
            except (OSError, ValueError, TypeError, RuntimeError, ImportError) as error:
                reason = next(iter(str(error).splitlines()), type(error).__name__)
                raise ModelError(
                    f"{self.folder.path} cannot be loaded: {reason}", "download it again"
                ) from error
            pipe.set_progress_bar_config(disable=True)
            if self._runtime.vae_tiling and hasattr(pipe.vae, "enable_tiling"):
                pipe.vae.enable_tiling()
            if self._runtime.offload:
                pipe.enable_model_cpu_offload(device=self._device)
            else:
                pipe.to(self._device)
            self._loaded = cast("Callable[..., Any]", pipe)
        return self._loaded

    def _one(self, pipe: Callable[..., Any], arguments: dict[str, Any], seed: int) -> Image.Image:
        noise = torch.Generator("cpu").manual_seed(seed)
        picture: Image.Image = pipe(**arguments, generator=noise).images[0].convert("RGB")
        if picture.getbbox() is None:
            raise ModelError(
                f"{self.name} returned a black picture: its numbers overflowed or its safety checker struck",
                "try --dtype float32, another seed or other words",
            )
        return picture


@contextmanager
def _quiet() -> Iterator[None]:
    """Loading without the libraries' own bars, and without the warning that `torch_dtype` has a newer name."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    shown = [log for log in (diffusers_logging, transformers_logging) if log.is_progress_bar_enabled()]
    for log in shown:
        log.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        for log in shown:
            log.enable_progress_bar()


def _on_grid(side: int) -> int:
    return max(GRID, round(side / GRID) * GRID)


def in_plain_words(prompt: str, pictures: int) -> str:
    """An instruction with the pictures named as other models know them: "the image", or "image 2" among several."""
    if pictures < 2:
        return INDICATOR.sub("the image", prompt)
    return INDICATOR.sub(lambda found: f"image {int(found[1] or 0) + 1}", prompt)
