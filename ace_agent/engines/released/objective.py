"""The released model's training loss, right by default and as released under `faithful`.

Letters: S samples, F frames, n rows of a text, L latent positions of the longest target of a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ace_agent.engines.released.joint_denoiser import JointDenoiser
from ace_agent.engines.released.joint_packing import JointSample
from ace_agent.engines.released.schedule import linear_schedule
from ace_agent.engines.released.transformer import ReleasedTransformer


@dataclass(frozen=True)
class LossTerms:
    """noisy, predicted [S, 4, L]; per_sample [S]; loss, their mean."""

    noisy: Tensor
    predicted: Tensor
    per_sample: Tensor
    loss: Tensor


def released_loss(
    model: ReleasedTransformer,
    samples: Sequence[JointSample],
    indicators: Tensor | None,
    clean: Tensor,
    noise: Tensor,
    t: Tensor,
    *,
    faithful: bool = False,
) -> LossTerms:
    """Mean squared error of the predicted noise; clean, noise [S, 4, L] zero padded and t int64 [S].

    The noise is added with the cumulative alpha, which the released weights were trained with. The mean is over a
    sample's real positions. Under `faithful` it is over the padded block, where the model says zero: that adds a
    constant to a short sample's loss and thins its gradient.
    """
    noisy = linear_schedule().add_noise(clean, noise, t)
    predicted = JointDenoiser(model, samples, indicators)(noisy, t)
    squared = (predicted.float() - noise).square()
    if faithful:
        per_sample = squared.mean((1, 2))
    else:
        sizes = [sample.shape[0] * sample.shape[1] for sample in samples]
        per_sample = torch.stack([own[:, :size].mean() for own, size in zip(squared, sizes, strict=True)])
    return LossTerms(noisy, predicted, per_sample, per_sample.mean())


def drop_prompts(
    samples: Sequence[JointSample], null: Tensor, rate: float, generator: torch.Generator
) -> list[JointSample]:
    """Give a share `rate` of the samples the null branch's texts, so that guidance has something to work with.

    As in sampling, only the last turn's text is replaced by `null` [n, text width], which the target and the last
    image read; earlier turns keep theirs.
    """
    dropped = torch.rand(len(samples), generator=generator) < rate
    return [
        replace(sample, texts=(null, *sample.texts[1:-1], null)[: len(sample.texts)]) if drop else sample
        for sample, drop in zip(samples, dropped.tolist(), strict=True)
    ]
