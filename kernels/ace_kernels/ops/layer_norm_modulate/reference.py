"""Plain torch: the oracle of the others, and what torch.compile fuses on a CPU."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from ace_kernels.arithmetic import wide


def layer_norm_modulate(x: Tensor, shift: Tensor, scale: Tensor, index: Tensor, eps: float) -> Tensor:
    """See `ace_kernels.ops.layer_norm_modulate`."""
    to = wide(x.dtype)
    normal = F.layer_norm(x.to(to), x.shape[1:], eps=eps)
    return (normal * (1 + scale.to(to))[index] + shift.to(to)[index]).to(x.dtype)
