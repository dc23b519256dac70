"""Fills holes in pictures from their surroundings.

Letters: T pictures.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

ENOUGH = 0.25
"""Share of a coarse pixel from which its own mean is trusted fully."""


@torch.no_grad()
def fill_from_kept(pixels: Tensor, kept: Tensor) -> tuple[Tensor, Tensor]:
    """Two fills [T, 3, h, w] of `pixels` where `kept` [T, 1, h, w] is zero; where it is one, the pixels stay.

    The first fill grows from all around, the second along rows, because most pictures are layered, sky over land. Where
    nothing is kept at all, the fill is grey.
    """
    around = _grown(pixels, kept, (2, 2), torch.zeros_like(pixels[:, :, :1, :1]))
    return around, _grown(pixels, kept, (1, 2), around.mean(3, keepdim=True))


def _grown(pixels: Tensor, kept: Tensor, factor: tuple[int, int], start: Tensor) -> Tensor:
    """Averages the kept pixels over `factor` (rows, columns) level by level, then fills the holes on the way back from
    `start`: pull and push of Gortler et al. 1996, "The Lumigraph", section 3.4."""
    levels = [(pixels * kept, kept)]
    while kept.shape[2:] != start.shape[2:]:
        pixels, kept = (
            F.avg_pool2d(one, factor, ceil_mode=True, count_include_pad=False) for one in levels[-1]
        )
        levels.append((pixels, kept))
    for level, (pixels, kept) in reversed(list(enumerate(levels))):
        start = F.interpolate(start, size=pixels.shape[2:], mode="bilinear", align_corners=False)
        trust = (kept / ENOUGH).clamp_max(1) if level else kept
        start = start.lerp(pixels / kept.clamp_min(1e-6), trust)
    return start
