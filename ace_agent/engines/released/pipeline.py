"""ReleasedPipeline: ACE-0.6B as a `Pipeline` that runs part by part, so that it fits small machines.

The text encoder runs first and is unloaded; then the first stage encodes the pictures, the transformer denoises, and
the first stage decodes. `faithful=True` does what the released code does, oddities included. The default mends what
hurts a user: the result is sized like the current image, everything is seeded, and a turn of several images may have
history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import torch
from PIL import Image
from torch import Tensor

from ace_agent.engines.ace.condition_unit import MAX_IMAGES, ConditionUnit, ReferenceImage
from ace_agent.engines.interface import Pipeline, PipelineOutput, StepCallback, check_inputs, draw_seed
from ace_agent.engines.memory_budget import ModelSizes, Work, sizes_of
from ace_agent.engines.presets import model_folder, text_cache_home
from ace_agent.engines.released.autoencoder import Autoencoder, FirstStage, to_picture
from ace_agent.engines.released.converted_folder import TRANSFORMER_WEIGHTS, read_manifest, verify
from ace_agent.engines.released.denoising import DenoisingOptions, Texts, denoise
from ace_agent.engines.released.frame_texts import null_prompts
from ace_agent.engines.released.memory_check import MemoryCheck
from ace_agent.engines.released.model_parts import ModelParts
from ace_agent.engines.released.request import (
    FaithfulRequest,
    ProductRequest,
    ReleasedSettings,
)
from ace_agent.engines.released.sampling import (
    sampler_named,
)
from ace_agent.engines.released.t5 import INDICATORS, T5TextEncoder, TextCache, TextEncoder
from ace_agent.engines.released.transformer import ReleasedTransformer
from ace_agent.engines.runtime import Runtime
from ace_agent.errors import InputError, ModelError

POSTERIOR_SEED = 0
"""Conditioning latents are drawn with a fixed seed, so that a picture depends on its own seed and not on its place
among variations."""


class ReleasedPipeline(Pipeline):
    """The released model. Its parts are passed as functions, which are called when a part is first needed."""

    def __init__(
        self,
        transformer: Callable[[], ReleasedTransformer],
        first_stage: Callable[[], FirstStage],
        text_encoder: TextEncoder,
        settings: ReleasedSettings,
        *,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
        offload: bool = False,
        weights_sha256: str = "",
        sizes: ModelSizes | None = None,
        vae_tiling: bool = False,
    ) -> None:
        """With a `dtype` other than float32, float32 weights run under autocast, as released. `sizes` None skips the
        memory check."""
        self.parts = ModelParts(transformer, first_stage, device, offload)
        self.text_encoder = text_encoder
        self.settings = settings
        self.device = device
        self.dtype = dtype
        self.vae_tiling = vae_tiling
        self._weights_sha256 = weights_sha256
        self._memory_check = (
            None if sizes is None else MemoryCheck(sizes, device, offload=offload, tiling=vae_tiling)
        )
        self.name = settings.name
        self.native_size = settings.native_size
        self.default_steps = settings.steps
        self.default_guidance = settings.guidance

    history_budget = MAX_IMAGES

    @property
    def weights_sha256(self) -> str:
        """Of the transformer's file, as the folder's manifest notes it."""
        return self._weights_sha256

    def runtime_facts(self) -> dict[str, Any]:
        return {"vae_tiling": self.vae_tiling, "device": self.device, "dtype": str(self.dtype)}

    def unload(self) -> None:
        self.parts.unload()

    @classmethod
    def from_pretrained(
        cls,
        model: str | Path,
        runtime: Runtime | None = None,
        *,
        text_cache: Path | None = None,
    ) -> Self:
        """A preset by name, or a folder that `ace models convert` made. Nothing heavy is loaded yet.

        Raises:
            ModelError: the folder is missing, of another model or has lost files, or the machine lacks the device.
            InputError: a number format that the device cannot compute in.
        """
        runtime = runtime or Runtime()
        folder = model_folder(model)
        settings = ReleasedSettings.read(folder)
        manifest = read_manifest(folder)
        damaged = verify(folder, deep=False)
        if damaged:
            raise ModelError(
                f"{folder} is not whole: {', '.join(damaged[:3])} missing or cut short",
                "convert the model again",
            )
        found = runtime.torch_device()
        place = str(found)
        precision = runtime.torch_dtype(found)
        encoder_hash = "".join(
            noted["sha256"]
            for path, noted in sorted(manifest.items())
            if path.startswith(("text_enc", "tokenizer"))
        )
        sizes = sizes_of(folder)
        encoder = T5TextEncoder(
            folder / "text_encoder",
            folder / "tokenizer",
            cache=TextCache(text_cache or text_cache_home(), encoder_hash),
            device=place,
            offload=runtime.offload,
        )

        def transformer() -> ReleasedTransformer:
            loaded = ReleasedTransformer.from_pretrained(folder / "transformer")
            return loaded.requires_grad_(False).to("cpu" if runtime.offload else place)

        def first_stage() -> FirstStage:
            return Autoencoder.from_pretrained(
                folder / "vae", device="cpu" if runtime.offload else place, tiling=runtime.vae_tiling
            )

        return cls(
            transformer,
            first_stage,
            encoder,
            settings,
            device=place,
            dtype=precision,
            offload=runtime.offload,
            weights_sha256=manifest[TRANSFORMER_WEIGHTS]["sha256"],
            sizes=sizes,
            vae_tiling=runtime.vae_tiling,
        )

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
        guidance_rescale: float | None = None,
        negative_prompt: str = "",
        num_images_per_prompt: int = 1,
        seed: int | None = None,
        generator: torch.Generator | None = None,
        references: Sequence[ReferenceImage] | None = None,
        callback_on_step_end: StepCallback | None = None,
        output_type: str = "pil",
        sampler: str = "ddim",
        faithful: bool = False,
    ) -> PipelineOutput:
        """See `Pipeline`; nine pictures with the history's at most. Reference pictures are ignored.

        Args:
            num_images_per_prompt: made one after the other.
            task: under `faithful`, a task name of the released code.
            guidance_rescale: share of the conditional prediction's spread, 0 to 1.
            negative_prompt: stands for the last prompt in the null branch.
            sampler: "ddim", "dpm++" or "unipc".
            faithful: as the released code does it.

        Raises:
            InputError: an argument out of its range.
            ModelError: the machine has too little memory; raised before anything is loaded.
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
        steps = checked.steps
        rescale = self.settings.guidance_rescale if guidance_rescale is None else guidance_rescale
        if not 0 <= rescale <= 1:
            raise InputError(f"guidance_rescale: wanted 0 to 1, got {rescale}")
        sampler_named(sampler)
        seed = draw_seed(seed, generator)
        current = ConditionUnit(prompt, tuple(image), checked.masks)
        request = (
            FaithfulRequest(self.settings, current, history, task, height, width)
            if faithful
            else ProductRequest(self.settings, current, history, task, height, width)
        )
        if self._memory_check is not None:
            read = [*request.prompts, *null_prompts(request.prompts, negative_prompt), *INDICATORS]
            work = Work.on([request.target, *(picture.size for picture in request.pictures)])
            self._memory_check.check(work, self.text_encoder, read, self.parts)

        texts = Texts.encode(self.text_encoder, request.prompts, negative_prompt)
        with self.parts.first_stage.loaded() as stage:
            posterior = None if faithful else torch.Generator().manual_seed(POSTERIOR_SEED)
            latents = tuple(stage.encode(picture.pixels, posterior) for picture in request.pictures)
        sample, null = texts.samples(
            (request.target[1] // 8, request.target[0] // 8),
            request.target_mask,
            latents,
            tuple(picture.latent_mask for picture in request.pictures),
        )
        options = DenoisingOptions(steps, checked.guidance, rescale, sampler, faithful)

        def report(step: int, timestep: float, x: Tensor) -> None:
            if callback_on_step_end is not None:
                callback_on_step_end(self, step, steps, {})

        with self.parts.transformer.loaded() as model, self._inference():
            cleans = [
                denoise(
                    model,
                    sample,
                    null,
                    texts.indicators,
                    self._noise(sample.shape, seed + k, faithful),
                    options,
                    report,
                )
                for k in range(num_images_per_prompt)
            ]
        with self.parts.first_stage.loaded() as stage:
            decoded = [stage.decode(clean.float()) for clean in cleans]
        return request.output([to_picture(pixels, truncate=faithful) for pixels in decoded])

    def _noise(self, shape: tuple[int, int], seed: int, faithful: bool) -> Tensor:
        """Start noise [4, h, w]; drawn on the CPU, except that the released code draws on the device."""
        place = self.device if faithful else "cpu"
        generator = torch.Generator(place).manual_seed(seed)
        return (
            torch.randn(1, 4, shape[0] * shape[1], generator=generator, device=place)[0]
            .unflatten(1, shape)
            .to(self.device)
        )

    @contextmanager
    def _inference(self) -> Iterator[None]:
        kind = torch.device(self.device).type
        with torch.inference_mode(), torch.autocast(kind, self.dtype, enabled=self.dtype != torch.float32):
            yield
