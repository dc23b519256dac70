# mypy: allow-untyped-defs, allow-incomplete-defs
"""LayerNorm and modulation in Triton: every row reads the shift and scale of its sample."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from ace_kernels.row_layout import OPTIONS, row_constants, row_grid
from ace_kernels.sum_by_sample import sum_by_sample


@triton.jit
def layer_norm_modulate_fwd_kernel(
    X, SHIFT, SCALE, INDEX, OUT, MEAN, INVERSE, x_stride, shift_stride, scale_stride, num_rows, eps,
    C: tl.constexpr, C0: tl.constexpr, C1: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    valid = row < num_rows
    sample = tl.load(INDEX + row, mask=valid, other=0).to(tl.int64)
    a = tl.arange(0, C0)[None, :]
    b = C0 + tl.arange(0, C1 if C1 > 0 else 2)[None, :]
    mask0 = valid[:, None]
    mask1 = mask0 & (b < C)
    x = X + row[:, None] * x_stride
    shift = SHIFT + sample[:, None] * shift_stride
    scale = SCALE + sample[:, None] * scale_stride
    out = OUT + row[:, None] * C

    x0 = tl.load(x + a, mask=mask0, other=0.0).to(tl.float32)
    total = tl.sum(x0, 1)
    if C1 > 0:
        x1 = tl.load(x + b, mask=mask1, other=0.0).to(tl.float32)
        total += tl.sum(x1, 1)
    mean = total / C
    x0 -= mean[:, None]
    squares = tl.sum(x0 * x0, 1)
    if C1 > 0:
        x1 = tl.where(b < C, x1 - mean[:, None], 0.0)
        squares += tl.sum(x1 * x1, 1)
    inverse = tl.rsqrt(squares / C + eps)
    tl.store(MEAN + row, mean, mask=valid)
    tl.store(INVERSE + row, inverse, mask=valid)
    x0 *= inverse[:, None] * (1 + tl.load(scale + a, mask=mask0, other=0.0).to(tl.float32))
    x0 += tl.load(shift + a, mask=mask0, other=0.0).to(tl.float32)
    tl.store(out + a, x0.to(OUT.dtype.element_ty), mask=mask0)
    if C1 > 0:
        x1 *= inverse[:, None] * (1 + tl.load(scale + b, mask=mask1, other=0.0).to(tl.float32))
        x1 += tl.load(shift + b, mask=mask1, other=0.0).to(tl.float32)
        tl.store(out + b, x1.to(OUT.dtype.element_ty), mask=mask1)


@triton.jit
def layer_norm_modulate_bwd_kernel(
    GRAD, X, SCALE, INDEX, MEAN, INVERSE, DX, x_stride, scale_stride, num_rows, C: tl.constexpr,
    C0: tl.constexpr, C1: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    valid = row < num_rows
    sample = tl.load(INDEX + row, mask=valid, other=0).to(tl.int64)
    mean = tl.load(MEAN + row, mask=valid, other=0.0)[:, None]
    inverse = tl.load(INVERSE + row, mask=valid, other=0.0)[:, None]
    a = tl.arange(0, C0)[None, :]
    b = C0 + tl.arange(0, C1 if C1 > 0 else 2)[None, :]
    mask0 = valid[:, None]
    mask1 = mask0 & (b < C)
    x = X + row[:, None] * x_stride
    grad = GRAD + row[:, None] * C
    scale = SCALE + sample[:, None] * scale_stride
    dx = DX + row[:, None] * C

    n0 = (tl.load(x + a, mask=mask0, other=0.0).to(tl.float32) - mean) * inverse
    g0 = tl.load(grad + a, mask=mask0, other=0.0).to(tl.float32)
    g0 *= 1 + tl.load(scale + a, mask=mask0, other=0.0).to(tl.float32)
    mean_grad = tl.sum(g0, 1)
    projection = tl.sum(g0 * n0, 1)
    if C1 > 0:
        n1 = (tl.load(x + b, mask=mask1, other=0.0).to(tl.float32) - mean) * inverse
        g1 = tl.load(grad + b, mask=mask1, other=0.0).to(tl.float32)
        g1 *= 1 + tl.load(scale + b, mask=mask1, other=0.0).to(tl.float32)
        mean_grad += tl.sum(g1, 1)
        projection += tl.sum(g1 * n1, 1)
    mean_grad = (mean_grad / C)[:, None]
    projection = (projection / C)[:, None]
    tl.store(dx + a, ((g0 - mean_grad - n0 * projection) * inverse).to(DX.dtype.element_ty), mask=mask0)
    if C1 > 0:
        tl.store(dx + b, ((g1 - mean_grad - n1 * projection) * inverse).to(DX.dtype.element_ty), mask=mask1)


def forward(
    x: Tensor, shift: Tensor, scale: Tensor, index: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns the output `[N, C]` and, for every row, the mean and the inverse deviation `[N]`."""
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    mean = torch.empty(x.shape[0], dtype=torch.float32, device=x.device)
    inverse = torch.empty_like(mean)
    if x.shape[0]:
        layer_norm_modulate_fwd_kernel[row_grid(x)](
            x, shift, scale, index, out, mean, inverse, x.stride(0), shift.stride(0), scale.stride(0),
            x.shape[0], eps, **row_constants(x.shape[1]), **OPTIONS,
        )  # fmt: skip
    return out, mean, inverse


def backward(
    grad: Tensor,
    x: Tensor,
    shift: Tensor,
    scale: Tensor,
    index: Tensor,
    mean: Tensor,
    inverse_deviation: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of x, shift and scale; `grad` is contiguous."""
    dx = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    if x.shape[0]:
        layer_norm_modulate_bwd_kernel[row_grid(x)](
            grad, x, scale, index, mean, inverse_deviation, dx, x.stride(0), scale.stride(0), x.shape[0],
            **row_constants(x.shape[1]), **OPTIONS,
        )  # fmt: skip
    dshift, dscale = sum_by_sample(grad, x, index, scale.shape[0], mean, inverse_deviation)
    return dx, dshift.to(shift.dtype), dscale.to(scale.dtype)
