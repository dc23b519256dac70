"""RMSNorm, head split and rotation in plain torch."""

from __future__ import annotations

import torch
from torch import Tensor

from ace_kernels.arithmetic import wide


def rms_norm_rope(
    x: Tensor, weight: Tensor | None, cos: Tensor | None, sin: Tensor | None, num_heads: int, eps: float
) -> Tensor:
    """See `ace_kernels.ops.rms_norm_rope`."""
    to = wide(x.dtype)
    y = x.to(to)
    if weight is not None:
        y = y * torch.rsqrt(y.square().mean(-1, keepdim=True) + eps) * weight.to(to)
    y = y.unflatten(-1, (num_heads, -1))
    if cos is not None and sin is not None:
        even, odd = y.unflatten(-1, (-1, 2)).unbind(-1)
        c, s = cos.to(to).unsqueeze(1), sin.to(to).unsqueeze(1)
        y = torch.stack((even * c - odd * s, even * s + odd * c), -1).flatten(-2)
    return y.to(x.dtype)
