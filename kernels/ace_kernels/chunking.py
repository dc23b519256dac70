"""How the CPU path of the fused operations splits its rows."""

from __future__ import annotations

import torch
from torch import Tensor

# Elements of one chunk, small enough for intermediate results to stay in the cache. Measured on two cores with 1 MB
# of L2 each: LayerNorm and modulation of 2048 x 1152 take 22.6 ms in one go and 4.8 ms in chunks.
CHUNK_ELEMENTS = 2**18


def chunk_rows(x: Tensor) -> int:
    """How many rows of `x`, `[N, C]`, make one chunk."""
    return max(1, CHUNK_ELEMENTS // x.shape[1])


def rows_per_sample(index: Tensor, samples: int) -> int:
    """The number of rows of every sample if all have equally many, stored one sample after another; otherwise 0.

    Per-sample vectors can then be broadcast. One thread, 2048 x 1152 rows of two samples, float32: LayerNorm and
    modulation take 2.4 ms broadcast and 4.3 ms in chunks, gate and residual 1.2 and 2.6; backward, chunks are faster.
    """
    rows, rest = divmod(len(index), samples) if samples else (0, 0)
    if rest or not rows:
        return 0
    by_sample = index.unflatten(0, (samples, rows))
    return rows if samples == 1 or bool((by_sample == torch.arange(samples)[:, None]).all()) else 0
