"""Tensors that the transformer's calls hand on: prefix rows, text rows, target inputs and the denoised output.

Letters: T targets, N packed rows, C width, P patch side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ace_agent.engines.ace.layers import KeyValues
from ace_agent.engines.mini.conv_unet import Features, Film
from ace_agent.engines.mini.copy_head import Mixture
from ace_agent.engines.mini.pointer import Pointing


@dataclass(frozen=True)
class PrefixState:
    """Encoded conditioning frames: keys and values per block, their last hidden rows [N, C], and the matte [1, h, w] of
    each."""

    key_values: list[KeyValues]
    hidden: Tensor
    mattes: tuple[Tensor, ...]

    @staticmethod
    def join(states: Sequence[PrefixState]) -> PrefixState:
        """Rows of several calls end to end."""
        key_values = [
            KeyValues(torch.cat([kv.keys for kv in layer]), torch.cat([kv.values for kv in layer]))
            for layer in zip(*(state.key_values for state in states), strict=True)
        ]
        mattes = tuple(matte for state in states for matte in state.mattes)
        return PrefixState(key_values, torch.cat([state.hidden for state in states]), mattes)


@dataclass(frozen=True)
class TextState:
    """Text rows of all runs [N, C]: keys and values per block, what the current turn asks for per run [runs, C], and
    its task int64 [runs] (0: not named)."""

    key_values: list[KeyValues]
    pooled: Tensor
    tasks: Tensor


@dataclass(frozen=True)
class TargetInputs:
    """What a target reads beside its noise: mask [N, P*P] in 0..1, base image [N, 3*P*P] (zeros without), has_base [T],
    and base_rows int64 [N], the base image's rows among the packed prefix rows (zeros without)."""

    mask: Tensor
    base: Tensor
    has_base: Tensor
    base_rows: Tensor

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> TargetInputs:
        return TargetInputs(
            self.mask.to(device, dtype),
            self.base.to(device, dtype),
            self.has_base.to(device),
            self.base_rows.to(device),
        )


@dataclass(frozen=True)
class Seen:
    """Targets of one grid and what the encoder made of them: noise and base [T, 3, h, w] as pixels, and the mask
    [T, 1, h, w] of what is to change."""

    noise: Tensor
    base: Tensor
    mask: Tensor
    film: Film
    features: Features


@dataclass(frozen=True)
class Denoised:
    """Clean estimate [N, 3*P*P], the trunk's last rows [N, C], and for each group the mixture and the pointing (None
    without frames)."""

    clean: Tensor
    rows: Tensor
    mixtures: list[Mixture]
    pointing: list[Pointing | None]
