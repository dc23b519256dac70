# mypy: allow-untyped-defs, allow-incomplete-defs
"""LayerNorm and modulation in Triton: one program a row, shift and scale read by the row's sample."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from ace_kernels.columns import column_blocks, warps
from ace_kernels.indexed_sum import indexed_sums


@triton.jit
def layer_norm_modulate_fwd_kernel(
    X, SHIFT, SCALE, INDEX, OUT, MEAN, INVERSE, x_stride, shift_stride, scale_stride, eps, C: tl.constexpr,
    C0: tl.constexpr, C1: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    sample = tl.load(INDEX + row).to(tl.int64)
    X += row * x_stride
    OUT += row * C
    SHIFT += sample * shift_stride
    SCALE += sample * scale_stride
    a = tl.arange(0, C0)
    x0 = tl.load(X + a).to(tl.float32)
    total = tl.sum(x0, 0)
    if C1 > 0:
        b = C0 + tl.arange(0, C1)
        x1 = tl.load(X + b, mask=b < C, other=0.0).to(tl.float32)
        total += tl.sum(x1, 0)
    mean = total / C
    x0 -= mean
    squares = tl.sum(x0 * x0, 0)
    if C1 > 0:
        x1 = tl.where(b < C, x1 - mean, 0.0)
        squares += tl.sum(x1 * x1, 0)
    inverse = tl.rsqrt(squares / C + eps)
    tl.store(MEAN + row, mean)
    tl.store(INVERSE + row, inverse)
    y0 = x0 * inverse * (1 + tl.load(SCALE + a).to(tl.float32)) + tl.load(SHIFT + a).to(tl.float32)
    tl.store(OUT + a, y0.to(OUT.dtype.element_ty))
    if C1 > 0:
        scale = tl.load(SCALE + b, mask=b < C, other=0.0).to(tl.float32)
        shift = tl.load(SHIFT + b, mask=b < C, other=0.0).to(tl.float32)
        y1 = x1 * inverse * (1 + scale) + shift
        tl.store(OUT + b, y1.to(OUT.dtype.element_ty), mask=b < C)


@triton.jit
def layer_norm_modulate_bwd_kernel(
    GRAD, X, SCALE, INDEX, MEAN, INVERSE, DX, x_stride, scale_stride, C: tl.constexpr, C0: tl.constexpr,
    C1: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    sample = tl.load(INDEX + row).to(tl.int64)
    mean = tl.load(MEAN + row)
    inverse = tl.load(INVERSE + row)
    X += row * x_stride
    GRAD += row * C
    DX += row * C
    SCALE += sample * scale_stride
    a = tl.arange(0, C0)
    n0 = (tl.load(X + a).to(tl.float32) - mean) * inverse
    g0 = tl.load(GRAD + a).to(tl.float32) * (1 + tl.load(SCALE + a).to(tl.float32))
    total = tl.sum(g0, 0)
    along = tl.sum(g0 * n0, 0)
    if C1 > 0:
        b = C0 + tl.arange(0, C1)
        n1 = (tl.load(X + b, mask=b < C, other=0.0).to(tl.float32) - mean) * inverse
        scale = tl.load(SCALE + b, mask=b < C, other=0.0).to(tl.float32)
        g1 = tl.load(GRAD + b, mask=b < C, other=0.0).to(tl.float32) * (1 + scale)
        total += tl.sum(g1, 0)
        along += tl.sum(g1 * n1, 0)
    tl.store(DX + a, ((g0 - total / C - n0 * (along / C)) * inverse).to(DX.dtype.element_ty))
    if C1 > 0:
        dx1 = (g1 - total / C - n1 * (along / C)) * inverse
        tl.store(DX + b, dx1.to(DX.dtype.element_ty), mask=b < C)


def forward(
    x: Tensor, shift: Tensor, scale: Tensor, index: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns the output `[N, C]` and, of every row, the mean and the inverse deviation `[N]`."""
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    mean = torch.empty(x.shape[0], dtype=torch.float32, device=x.device)
    inverse = torch.empty_like(mean)
    if x.shape[0]:
        layer_norm_modulate_fwd_kernel[(x.shape[0],)](
            x, shift, scale, index, out, mean, inverse, x.stride(0), shift.stride(0), scale.stride(0), eps,
            **column_blocks(x.shape[1]), num_warps=warps(x.shape[1]),
        )  # fmt: skip
    return out, mean, inverse


def backward(
    grad: Tensor, x: Tensor, scale: Tensor, index: Tensor, mean: Tensor, inverse: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of x, shift and scale; `grad` is contiguous."""
    dx = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    if x.shape[0]:
        layer_norm_modulate_bwd_kernel[(x.shape[0],)](
            grad, x, scale, index, mean, inverse, dx, x.stride(0), scale.stride(0),
            **column_blocks(x.shape[1]), num_warps=warps(x.shape[1]),
        )  # fmt: skip
    return dx, *indexed_sums(grad, x, index, scale.shape[0], mean, inverse)
