"""LayerNorm and modulation on a CPU: broadcast where samples have equally many rows, else in pieces."""

from __future__ import annotations

import torch
from torch import Tensor

from ace_kernels.arithmetic import even_rows, piece, wide


def forward(
    x: Tensor, shift: Tensor, scale: Tensor, index: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns the output `[N, C]` and, of every row, the mean and the inverse deviation `[N]`."""
    to = wide(x.dtype)
    rows, channels = x.shape
    each = even_rows(index, len(scale))
    if each:
        normal, mean, inverse = torch.native_layer_norm(x.to(to), (channels,), None, None, eps)
        factors = (scale.to(to) + 1).unsqueeze(1)
        moved = torch.addcmul(shift.to(to).unsqueeze(1), normal.unflatten(0, (-1, each)), factors)
        return moved.flatten(0, 1).to(x.dtype), mean.squeeze(1), inverse.squeeze(1)
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    mean, inverse = torch.empty((2, rows, 1), dtype=to, device=x.device).unbind()
    factor, shift = scale.to(to) + 1, shift.to(to)
    for start in range(0, rows, piece(x)):
        part = slice(start, start + piece(x))
        normal, mean[part], inverse[part] = torch.native_layer_norm(
            x[part].to(to), (channels,), None, None, eps
        )
        shifts, factors = (p.index_select(0, index[part]) for p in (shift, factor))
        torch.addcmul(shifts, normal, factors, out=out[part])
    return out, mean.squeeze(1), inverse.squeeze(1)


def backward(
    grad: Tensor, x: Tensor, scale: Tensor, index: Tensor, mean: Tensor, inverse: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of x, shift and scale."""
    to = wide(x.dtype)
    dx = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    dshift, dscale = torch.zeros((2, *scale.shape), dtype=to, device=x.device).unbind()
    factor = scale.to(to) + 1
    mean, inverse = mean.unsqueeze(1), inverse.unsqueeze(1)
    for start in range(0, x.shape[0], piece(x)):
        part = slice(start, start + piece(x))
        rows, wanted, owner = x[part].to(to), grad[part].to(to), index[part]
        dshift.index_add_(0, owner, wanted)
        dscale.index_add_(0, owner, (rows - mean[part]).mul_(inverse[part]).mul_(wanted))
        dx[part] = torch.ops.aten.native_layer_norm_backward(
            wanted * factor.index_select(0, owner), rows, x.shape[1:], mean[part], inverse[part],
            None, None, [True, False, False],
        )[0]  # fmt: skip
    return dx, dshift, dscale
