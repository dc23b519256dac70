"""LayerNorm and modulation on a CPU: broadcast where samples have equally many rows, otherwise in chunks."""

from __future__ import annotations

import torch
from torch import Tensor

from ace_kernels.chunking import chunk_rows, rows_per_sample
from ace_kernels.dtypes import accumulation_dtype


def forward(
    x: Tensor, shift: Tensor, scale: Tensor, index: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns the output `[N, C]` and, for every row, the mean and the inverse deviation `[N]`."""
    wide = accumulation_dtype(x.dtype)
    count, channels = x.shape
    rows = rows_per_sample(index, len(scale))
    if rows:
        normalized, mean, inverse = torch.native_layer_norm(x.to(wide), (channels,), None, None, eps)
        factors = (scale.to(wide) + 1).unsqueeze(1)
        out = torch.addcmul(shift.to(wide).unsqueeze(1), normalized.unflatten(0, (-1, rows)), factors)
        return out.flatten(0, 1).to(x.dtype), mean.squeeze(1), inverse.squeeze(1)
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    mean, inverse = (torch.empty((count, 1), dtype=wide, device=x.device) for _ in range(2))
    factor, shift = scale.to(wide) + 1, shift.to(wide)
    for start in range(0, count, chunk_rows(x)):
        chunk = slice(start, start + chunk_rows(x))
        normalized, mean[chunk], inverse[chunk] = torch.native_layer_norm(
            x[chunk].to(wide), (channels,), None, None, eps
        )
        shifts, factors = (p.index_select(0, index[chunk]) for p in (shift, factor))
        torch.addcmul(shifts, normalized, factors, out=out[chunk])
    return out, mean.squeeze(1), inverse.squeeze(1)


def backward(
    grad: Tensor,
    x: Tensor,
    shift: Tensor,
    scale: Tensor,
    index: Tensor,
    mean: Tensor,
    inverse_deviation: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of x, shift and scale."""
    wide = accumulation_dtype(x.dtype)
    dx = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    dshift, dscale = (torch.zeros(scale.shape, dtype=wide, device=x.device) for _ in range(2))
    factor = scale.to(wide) + 1
    mean, inverse = mean.unsqueeze(1), inverse_deviation.unsqueeze(1)
    for start in range(0, x.shape[0], chunk_rows(x)):
        chunk = slice(start, start + chunk_rows(x))
        rows, dout, samples = x[chunk].to(wide), grad[chunk].to(wide), index[chunk]
        dshift.index_add_(0, samples, dout)
        dscale.index_add_(0, samples, (rows - mean[chunk]).mul_(inverse[chunk]).mul_(dout))
        dx[chunk] = torch.ops.aten.native_layer_norm_backward(
            dout * factor.index_select(0, samples), rows, x.shape[1:], mean[chunk], inverse[chunk],
            None, None, [True, False, False],
        )[0]  # fmt: skip
    return dx, dshift.to(shift.dtype), dscale.to(scale.dtype)
