# mypy: allow-untyped-defs, allow-incomplete-defs
"""RMSNorm, head split and rotation in Triton: a program takes a few whole rows."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from ace_kernels.row_layout import OPTIONS, row_constants, row_grid


@triton.jit
def _rotate(
    x, cos, sin, valid, FIRST: tl.constexpr, WIDTH: tl.constexpr, C: tl.constexpr, D: tl.constexpr,
    ROWS: tl.constexpr, INVERSE: tl.constexpr,
):  # fmt: skip
    """Rotate every pair in channels FIRST to FIRST + WIDTH of some rows by its angle, or with INVERSE back."""
    pair = FIRST // 2 + tl.arange(0, WIDTH // 2)[None, :]
    mask = valid[:, None] & (pair < C // 2)
    c = tl.load(cos + pair % (D // 2), mask=mask, other=1.0)
    s = tl.load(sin + pair % (D // 2), mask=mask, other=0.0)
    if INVERSE:
        s = -s
    even, odd = tl.split(tl.reshape(x, [ROWS, WIDTH // 2, 2]))
    return tl.reshape(tl.join(even * c - odd * s, even * s + odd * c), [ROWS, WIDTH])


@triton.jit
def rms_norm_rope_fwd_kernel(
    X, WEIGHT, COS, SIN, OUT, INVERSE, x_stride, num_rows, eps, C: tl.constexpr, C0: tl.constexpr,
    C1: tl.constexpr, ROWS: tl.constexpr, D: tl.constexpr, NORM: tl.constexpr, ROPE: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    valid = row < num_rows
    a = tl.arange(0, C0)[None, :]
    b = C0 + tl.arange(0, C1 if C1 > 0 else 2)[None, :]
    mask0 = valid[:, None]
    mask1 = mask0 & (b < C)
    x = X + row[:, None] * x_stride
    out = OUT + row[:, None] * C

    x0 = tl.load(x + a, mask=mask0, other=0.0).to(tl.float32)
    if C1 > 0:
        x1 = tl.load(x + b, mask=mask1, other=0.0).to(tl.float32)
    if NORM:
        squares = tl.sum(x0 * x0, 1)
        if C1 > 0:
            squares += tl.sum(x1 * x1, 1)
        inverse = tl.rsqrt(squares / C + eps)
        tl.store(INVERSE + row, inverse, mask=valid)
        x0 *= inverse[:, None] * tl.load(WEIGHT + a).to(tl.float32)
        if C1 > 0:
            x1 *= inverse[:, None] * tl.load(WEIGHT + b, mask=b < C, other=0.0).to(tl.float32)
    if ROPE:
        cos = COS + row[:, None] * (D // 2)
        sin = SIN + row[:, None] * (D // 2)
        x0 = _rotate(x0, cos, sin, valid, 0, C0, C, D, ROWS, False)
        if C1 > 0:
            x1 = _rotate(x1, cos, sin, valid, C0, C1, C, D, ROWS, False)
    tl.store(out + a, x0.to(OUT.dtype.element_ty), mask=mask0)
    if C1 > 0:
        tl.store(out + b, x1.to(OUT.dtype.element_ty), mask=mask1)


@triton.jit
def rms_norm_rope_bwd_kernel(
    GRAD, X, WEIGHT, COS, SIN, INVERSE, DX, DWEIGHT, x_stride, num_rows, C: tl.constexpr, C0: tl.constexpr,
    C1: tl.constexpr, ROWS: tl.constexpr, D: tl.constexpr, NORM: tl.constexpr, ROPE: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    valid = row < num_rows
    a = tl.arange(0, C0)[None, :]
    b = C0 + tl.arange(0, C1 if C1 > 0 else 2)[None, :]
    mask0 = valid[:, None]
    mask1 = mask0 & (b < C)
    x = X + row[:, None] * x_stride
    grad = GRAD + row[:, None] * C
    dx = DX + row[:, None] * C

    g0 = tl.load(grad + a, mask=mask0, other=0.0).to(tl.float32)
    if C1 > 0:
        g1 = tl.load(grad + b, mask=mask1, other=0.0).to(tl.float32)
    if ROPE:
        cos = COS + row[:, None] * (D // 2)
        sin = SIN + row[:, None] * (D // 2)
        g0 = _rotate(g0, cos, sin, valid, 0, C0, C, D, ROWS, True)
        if C1 > 0:
            g1 = _rotate(g1, cos, sin, valid, C0, C1, C, D, ROWS, True)
    if NORM:
        inverse = tl.load(INVERSE + row, mask=valid, other=0.0)[:, None]
        n0 = tl.load(x + a, mask=mask0, other=0.0).to(tl.float32) * inverse
        dweight = DWEIGHT + tl.program_id(0).to(tl.int64) * C
        tl.store(dweight + a, tl.sum(g0 * n0, 0)[None, :])
        g0 *= tl.load(WEIGHT + a).to(tl.float32)
        projection = tl.sum(g0 * n0, 1)
        if C1 > 0:
            n1 = tl.load(x + b, mask=mask1, other=0.0).to(tl.float32) * inverse
            tl.store(dweight + b, tl.sum(g1 * n1, 0)[None, :], mask=b < C)
            g1 *= tl.load(WEIGHT + b, mask=b < C, other=0.0).to(tl.float32)
            projection += tl.sum(g1 * n1, 1)
            g1 = (g1 - n1 * (projection / C)[:, None]) * inverse
        g0 = (g0 - n0 * (projection / C)[:, None]) * inverse
    tl.store(dx + a, g0.to(DX.dtype.element_ty), mask=mask0)
    if C1 > 0:
        tl.store(dx + b, g1.to(DX.dtype.element_ty), mask=mask1)


def forward(
    x: Tensor, weight: Tensor | None, cos: Tensor | None, sin: Tensor | None, num_heads: int, eps: float
) -> tuple[Tensor, Tensor]:
    """Returns the output `[N, H, D]` and the inverse root mean square of each row `[N]`, ones without a weight."""
    rows, channels = x.shape
    out = torch.empty((rows, num_heads, channels // num_heads), dtype=x.dtype, device=x.device)
    inverse = torch.ones(rows, dtype=torch.float32, device=x.device)
    if rows:
        rms_norm_rope_fwd_kernel[row_grid(x)](
            x, weight, cos, sin, out, inverse, x.stride(0), rows, eps, **row_constants(channels), D=out.shape[2],
            NORM=weight is not None, ROPE=cos is not None, **OPTIONS,
        )  # fmt: skip
    return out, inverse


def backward(
    grad: Tensor,
    x: Tensor,
    weight: Tensor | None,
    cos: Tensor | None,
    sin: Tensor | None,
    inverse_rms: Tensor,
) -> tuple[Tensor, Tensor | None]:
    """Gradients of x and weight; `grad` is `[N, H, D]`, contiguous."""
    rows, channels = x.shape
    dx = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    partial = None
    if weight is not None:
        partial = torch.empty((*row_grid(x), channels), dtype=torch.float32, device=x.device)
    if rows:
        rms_norm_rope_bwd_kernel[row_grid(x)](
            grad, x, weight, cos, sin, inverse_rms, dx, partial, x.stride(0), rows, **row_constants(channels),
            D=grad.shape[2], NORM=weight is not None, ROPE=cos is not None, **OPTIONS,
        )  # fmt: skip
    return dx, None if weight is None or partial is None else partial.sum(0).to(weight.dtype)
