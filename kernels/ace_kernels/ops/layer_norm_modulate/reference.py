"""LayerNorm and modulation in plain torch: the oracle of the other implementations, and what torch.compile fuses on a
CPU."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from ace_kernels.dtypes import accumulation_dtype


def layer_norm_modulate(x: Tensor, shift: Tensor, scale: Tensor, index: Tensor, eps: float) -> Tensor:
    """See `ace_kernels.layer_norm_modulate`."""
    wide = accumulation_dtype(x.dtype)
    normalized = F.layer_norm(x.to(wide), x.shape[1:], eps=eps)
    return (normalized * (1 + scale.to(wide))[index] + shift.to(wide)[index]).to(x.dtype)
