"""Gate and residual on a CPU: broadcast where samples have equally many rows, else in pieces."""

from __future__ import annotations

import torch
from torch import Tensor

from ace_kernels.arithmetic import even_rows, piece, wide


def forward(x: Tensor, y: Tensor, gate: Tensor, index: Tensor) -> Tensor:
    """Returns the output `[N, C]`."""
    each = even_rows(index, len(gate))
    if each and gate.dtype is x.dtype:
        runs, added = x.unflatten(0, (-1, each)), y.unflatten(0, (-1, each))
        return torch.addcmul(runs, gate.unsqueeze(1), added).flatten(0, 1)
    to = wide(x.dtype)
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    gate = gate.to(to)
    for start in range(0, x.shape[0], piece(x)):
        part = slice(start, start + piece(x))
        gates = gate.index_select(0, index[part])
        torch.addcmul(x[part].to(to), gates, y[part].to(to), out=out[part])
    return out


def backward(grad: Tensor, y: Tensor, gate: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of y and gate; that of x is `grad`."""
    to = wide(y.dtype)
    dy = torch.empty(y.shape, dtype=y.dtype, device=y.device)
    dgate = torch.zeros(gate.shape, dtype=to, device=y.device)
    gate = gate.to(to)
    for start in range(0, y.shape[0], piece(y)):
        part = slice(start, start + piece(y))
        wanted = grad[part].to(to)
        dy[part] = wanted * gate.index_select(0, index[part])
        dgate.index_add_(0, index[part], wanted * y[part].to(to))
    return dy, dgate
