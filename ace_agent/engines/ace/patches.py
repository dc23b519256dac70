"""Pictures as rows of patches. P: patch side; h, w: picture size; N = h * w / P**2 tokens, row-major."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def patchify(pixels: Tensor, patch: int) -> Tensor:
    """[..., c, h, w] -> [..., N, c * P * P], channel first within a token."""
    return F.pixel_unshuffle(pixels, patch).flatten(-2).transpose(-1, -2)


def unpatchify(tokens: Tensor, grid: tuple[int, int], patch: int) -> Tensor:
    """[..., N, c * P * P] -> [..., c, h, w]; `grid` is (h / P, w / P)."""
    return F.pixel_shuffle(tokens.transpose(-1, -2).unflatten(-1, grid), patch)
