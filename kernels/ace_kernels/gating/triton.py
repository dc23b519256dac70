# mypy: allow-untyped-defs, allow-incomplete-defs
"""Gate and residual in Triton: one program a row, the gate read by the row's sample."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from ace_kernels.columns import column_blocks, warps
from ace_kernels.indexed_sum import indexed_sums


@triton.jit
def gate_residual_fwd_kernel(
    X, Y, GATE, INDEX, OUT, x_stride, y_stride, gate_stride, C: tl.constexpr, C0: tl.constexpr,
    C1: tl.constexpr, RESIDUAL: tl.constexpr,
):  # fmt: skip
    """X + GATE * Y, or without RESIDUAL GATE * Y, which is the gradient of y for a gradient Y."""
    row = tl.program_id(0).to(tl.int64)
    sample = tl.load(INDEX + row).to(tl.int64)
    X += row * x_stride
    Y += row * y_stride
    OUT += row * C
    GATE += sample * gate_stride
    a = tl.arange(0, C0)
    out0 = tl.load(GATE + a).to(tl.float32) * tl.load(Y + a).to(tl.float32)
    if RESIDUAL:
        out0 += tl.load(X + a).to(tl.float32)
    tl.store(OUT + a, out0.to(OUT.dtype.element_ty))
    if C1 > 0:
        b = C0 + tl.arange(0, C1)
        gate = tl.load(GATE + b, mask=b < C, other=0.0).to(tl.float32)
        out1 = gate * tl.load(Y + b, mask=b < C, other=0.0).to(tl.float32)
        if RESIDUAL:
            out1 += tl.load(X + b, mask=b < C, other=0.0).to(tl.float32)
        tl.store(OUT + b, out1.to(OUT.dtype.element_ty), mask=b < C)


def forward(x: Tensor, y: Tensor, gate: Tensor, index: Tensor) -> Tensor:
    """Returns the output `[N, C]`."""
    return _launch(x, y, gate, index, residual=True)


def backward(grad: Tensor, y: Tensor, gate: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of y and gate; that of x is `grad`, which is contiguous."""
    dy = _launch(grad, grad, gate, index, residual=False)
    return dy, indexed_sums(grad, y, index, gate.shape[0])[1]


def _launch(x: Tensor, y: Tensor, gate: Tensor, index: Tensor, *, residual: bool) -> Tensor:
    out = torch.empty(y.shape, dtype=y.dtype, device=y.device)
    if y.shape[0]:
        gate_residual_fwd_kernel[(y.shape[0],)](
            x, y, gate, index, out, x.stride(0), y.stride(0), gate.stride(0),
            **column_blocks(y.shape[1]), RESIDUAL=residual, num_warps=warps(y.shape[1]),
        )  # fmt: skip
    return out
