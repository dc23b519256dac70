"""From encoded texts and conditioning latents to the target's latents.

Letters: n rows of a text, C text width, h, w latent sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from ace_agent.engines.released.frame_texts import frame_texts, null_prompts
from ace_agent.engines.released.joint_denoiser import JointDenoiser
from ace_agent.engines.released.joint_packing import JointSample, pad_targets, unpad_target
from ace_agent.engines.released.sampling import (
    Sampler,
    SamplerCallback,
    guided,
    sample_ddim,
    sampler_named,
)
from ace_agent.engines.released.schedule import linear_schedule
from ace_agent.engines.released.t5 import INDICATORS, TextEncoder
from ace_agent.engines.released.transformer import ReleasedTransformer


@dataclass(frozen=True)
class Texts:
    """States [n, C] of the prompts and of the null branch's prompts, and the indicator vectors [10, C]."""

    prompts: list[Tensor]
    null: list[Tensor]
    indicators: Tensor

    @classmethod
    def encode(cls, encoder: TextEncoder, prompts: Sequence[str], negative: str) -> Texts:
        """All in one call, so that the encoder is loaded once."""
        null = null_prompts(prompts, negative)
        states = encoder.encode([*prompts, *null, *INDICATORS])
        count = len(prompts)
        named = torch.stack([state[0] for state in states[2 * count :]]).float()
        return cls(states[:count], states[count : 2 * count], named)

    def samples(
        self,
        shape: tuple[int, int],
        mask: Tensor | None,
        latents: tuple[Tensor, ...],
        masks: tuple[Tensor | None, ...],
    ) -> tuple[JointSample, JointSample]:
        """The sample that reads the prompts, and the one that reads the null branch's.

        Args:
            shape: (h, w) of the target's latents; `mask` [1, h, w] its own.
            latents: [4, h, w] of each conditioning picture; `masks` [1, h, w] theirs.
        """
        prompted = JointSample(shape, mask, latents, masks, tuple(frame_texts(self.prompts, len(latents))))
        return prompted, replace(prompted, texts=tuple(frame_texts(self.null, len(latents))))


@dataclass(frozen=True)
class DenoisingOptions:
    """`guidance` 1 switches guidance off; `rescale` is the share of the conditional prediction's spread; `faithful`
    samples as the released code does."""

    steps: int
    guidance: float
    rescale: float = 0.5
    sampler: str = "ddim"
    faithful: bool = False


def denoise(
    model: ReleasedTransformer,
    sample: JointSample,
    null: JointSample,
    indicators: Tensor,
    noise: Tensor,
    options: DenoisingOptions,
    callback: SamplerCallback | None = None,
) -> Tensor:
    """Latents [4, h, w] of the target from noise [4, h, w]."""
    conditional = JointDenoiser(model, [sample], indicators)
    unconditional = conditional if options.guidance == 1 else JointDenoiser(model, [null], indicators)
    predict = guided(conditional, unconditional, options.guidance, options.rescale)
    sampler: Sampler = sampler_named(options.sampler)
    if options.faithful:
        sampler = partial(sample_ddim, faithful=True)
    clean = sampler(
        predict, pad_targets([noise]), options.steps, schedule=linear_schedule(), callback=callback
    )
    return unpad_target(clean[0], sample.shape)
