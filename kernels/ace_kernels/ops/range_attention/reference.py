"""Range attention in plain torch, one softmax per segment: the oracle of the other implementations."""

from __future__ import annotations

import torch
from torch import Tensor

from ace_kernels.range_plan import RangePlan


def range_attention(q: Tensor, k: Tensor, v: Tensor, plan: RangePlan, scale: float) -> Tensor:
    """See `ace_kernels.range_attention`; twice differentiable."""
    parts = []
    for segment in plan.segments:
        queries = q[slice(*segment.q)]
        keys = torch.cat([k[slice(*segment.k1)], k[slice(*segment.k2)]])
        values = torch.cat([v[slice(*segment.k1)], v[slice(*segment.k2)]])
        scores = torch.einsum("qhd,khd->hqk", queries, keys) * scale
        parts.append(torch.einsum("hqk,khd->qhd", scores.softmax(-1), values))
    return torch.cat(parts) if parts else torch.zeros_like(q)
