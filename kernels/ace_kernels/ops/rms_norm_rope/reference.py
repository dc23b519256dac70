"""RMSNorm, head split and rotation in plain torch: the oracle of the other implementations, and what torch.compile
fuses on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor

from ace_kernels.dtypes import accumulation_dtype


def rms_norm_rope(
    x: Tensor, weight: Tensor | None, cos: Tensor | None, sin: Tensor | None, num_heads: int, eps: float
) -> Tensor:
    """See `ace_kernels.rms_norm_rope`."""
    wide = accumulation_dtype(x.dtype)
    y = x.to(wide)
    if weight is not None:
        y = y * torch.rsqrt(y.square().mean(-1, keepdim=True) + eps) * weight.to(wide)
    y = y.unflatten(-1, (num_heads, -1))
    if cos is not None and sin is not None:
        even, odd = y.unflatten(-1, (-1, 2)).unbind(-1)
        c, s = cos.to(wide).unsqueeze(1), sin.to(wide).unsqueeze(1)
        y = torch.stack((even * c - odd * s, even * s + odd * c), -1).flatten(-2)
    return y.to(x.dtype)
