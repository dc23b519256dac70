"""Rotary angles, computed on the host in float64, once per batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ace_kernels.errors import ArgumentError


@dataclass(frozen=True, eq=False)
class RopeTable:
    """Cosines and sines of N tokens, float32 `[N, D/2]`; pair i of a head is its channels 2i and 2i + 1.

    The channels of a head are split, in order, into one section per axis (frame, row, column). Pair i of a section of
    width w is rotated by `position * theta ** (-2i / w)` (the released ACE model; RoFormer, arXiv 2104.09864).
    """

    cos: Tensor
    sin: Tensor

    @classmethod
    def build(
        cls,
        positions: Tensor,
        head_dim: int,
        sections: Sequence[int] | None = None,
        theta: float = 10000.0,
    ) -> RopeTable:
        """The table of `positions`, integers `[N, 3]`, on their device.

        Angles, sines and cosines are float64, rounded once, so they are as exact as the released model's at any
        position. Each axis is computed once per distinct position, not once per token.

        Args:
            positions: one column per section.
            head_dim: D.
            sections: even widths that add up to `head_dim`; default D - 4 (D // 6), 2 (D // 6), 2 (D // 6).
            theta: base of the frequencies.

        Raises:
            ArgumentError: positions of a wrong shape or dtype, or sections that do not add up to `head_dim`.
        """
        sixth = head_dim // 6
        widths = (head_dim - 4 * sixth, 2 * sixth, 2 * sixth) if sections is None else tuple(sections)
        if positions.dim() != 2 or positions.shape[1] != len(widths) or positions.is_floating_point():
            raise ArgumentError(
                f"positions: wanted integers [N, {len(widths)}], "
                f"got {positions.dtype} {list(positions.shape)}"
            )
        if sum(widths) != head_dim or any(w < 0 or w % 2 for w in widths):
            raise ArgumentError(f"sections: wanted even widths that add up to {head_dim}, got {list(widths)}")
        host = positions.to("cpu", torch.int64)
        parts = []
        for axis, width in enumerate(widths):
            distinct, inverse = host[:, axis].unique(return_inverse=True)
            frequency = theta ** (-torch.arange(0, width, 2, dtype=torch.float64) / max(width, 1))
            angles = torch.outer(distinct.double(), frequency)
            parts.append((angles.cos().float()[inverse], angles.sin().float()[inverse]))
        cos, sin = (torch.cat(halves, 1).to(positions.device) for halves in zip(*parts, strict=True))
        return cls(cos, sin)

    def to(self, device: torch.device | str) -> RopeTable:
        """The same table on `device`."""
        return RopeTable(self.cos.to(device), self.sin.to(device))
