# mypy: allow-untyped-defs, allow-incomplete-defs
"""Gate and residual in Triton: every row reads the gate of its sample."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from ace_kernels.row_layout import OPTIONS, row_constants, row_grid
from ace_kernels.sum_by_sample import sum_by_sample


@triton.jit
def gate_residual_fwd_kernel(
    X, Y, GATE, INDEX, OUT, x_stride, y_stride, gate_stride, num_rows, C: tl.constexpr, C0: tl.constexpr,
    C1: tl.constexpr, ROWS: tl.constexpr, RESIDUAL: tl.constexpr,
):  # fmt: skip
    """X + GATE * Y; without RESIDUAL only GATE * Y, the gradient of y where Y is that of the output."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    valid = row < num_rows
    sample = tl.load(INDEX + row, mask=valid, other=0).to(tl.int64)
    x = X + row[:, None] * x_stride
    y = Y + row[:, None] * y_stride
    gate = GATE + sample[:, None] * gate_stride
    out = OUT + row[:, None] * C
    for block in tl.static_range(0, 2 if C1 > 0 else 1):
        if block == 0:
            column = tl.arange(0, C0)[None, :]
            mask = valid[:, None]
        else:
            column = C0 + tl.arange(0, C1)[None, :]
            mask = valid[:, None] & (column < C)
        value = tl.load(gate + column, mask=mask, other=0.0).to(tl.float32)
        value *= tl.load(y + column, mask=mask, other=0.0).to(tl.float32)
        if RESIDUAL:
            value += tl.load(x + column, mask=mask, other=0.0).to(tl.float32)
        tl.store(out + column, value.to(OUT.dtype.element_ty), mask=mask)


def forward(x: Tensor, y: Tensor, gate: Tensor, index: Tensor) -> tuple[Tensor]:
    """Returns the output `[N, C]`."""
    return (_launch(x, y, gate, index, residual=True),)


def backward(grad: Tensor, y: Tensor, gate: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of y and gate; that of x is `grad`, which is contiguous."""
    dy = _launch(grad, grad, gate, index, residual=False)
    _, dgate = sum_by_sample(grad, y, index, gate.shape[0])
    return dy, dgate.to(gate.dtype)


def _launch(x: Tensor, y: Tensor, gate: Tensor, index: Tensor, *, residual: bool) -> Tensor:
    out = torch.empty(y.shape, dtype=y.dtype, device=y.device)
    if y.shape[0]:
        gate_residual_fwd_kernel[row_grid(y)](
            x, y, gate, index, out, x.stride(0), y.stride(0), gate.stride(0), y.shape[0],
            **row_constants(y.shape[1]), RESIDUAL=residual, **OPTIONS,
        )  # fmt: skip
    return out
