"""Gate and residual on a CPU: broadcast where samples have equally many rows, otherwise in chunks."""

from __future__ import annotations

import torch
from torch import Tensor

from ace_kernels.chunking import chunk_rows, rows_per_sample
from ace_kernels.dtypes import accumulation_dtype


def forward(x: Tensor, y: Tensor, gate: Tensor, index: Tensor) -> tuple[Tensor]:
    """Returns the output `[N, C]`."""
    rows = rows_per_sample(index, len(gate))
    if rows and gate.dtype is x.dtype:
        by_sample, branch = x.unflatten(0, (-1, rows)), y.unflatten(0, (-1, rows))
        return (torch.addcmul(by_sample, gate.unsqueeze(1), branch).flatten(0, 1),)
    wide = accumulation_dtype(x.dtype)
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    gate = gate.to(wide)
    for start in range(0, x.shape[0], chunk_rows(x)):
        chunk = slice(start, start + chunk_rows(x))
        gates = gate.index_select(0, index[chunk])
        torch.addcmul(x[chunk].to(wide), gates, y[chunk].to(wide), out=out[chunk])
    return (out,)


def backward(grad: Tensor, y: Tensor, gate: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of y and gate; that of x is `grad`."""
    wide = accumulation_dtype(y.dtype)
    dy = torch.empty(y.shape, dtype=y.dtype, device=y.device)
    dgate = torch.zeros(gate.shape, dtype=wide, device=y.device)
    wide_gate = gate.to(wide)
    for start in range(0, y.shape[0], chunk_rows(y)):
        chunk = slice(start, start + chunk_rows(y))
        dout = grad[chunk].to(wide)
        dy[chunk] = dout * wide_gate.index_select(0, index[chunk])
        dgate.index_add_(0, index[chunk], dout * y[chunk].to(wide))
    return dy, dgate.to(gate.dtype)
