# mypy: allow-untyped-defs, allow-incomplete-defs
"""RMSNorm, head split and rotation in Triton: one program a row, on pairs of channels."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from ace_kernels.columns import column_blocks, warps

# Programs of the backward pass; each adds up the weight's gradient over its rows, then the sums are added.
PROGRAMS = 512


@triton.jit
def _turn(x, COS, SIN, FIRST: tl.constexpr, WIDTH: tl.constexpr, C: tl.constexpr, D: tl.constexpr,
          BACK: tl.constexpr):  # fmt: skip
    """Channels FIRST to FIRST + WIDTH of one row, every pair turned by its angle, or back."""
    pair = FIRST // 2 + tl.arange(0, WIDTH // 2)
    even, odd = tl.split(tl.reshape(x, [WIDTH // 2, 2]))
    cos = tl.load(COS + pair % (D // 2), mask=pair < C // 2, other=1.0)
    sin = tl.load(SIN + pair % (D // 2), mask=pair < C // 2, other=0.0)
    if BACK:
        sin = -sin
    return tl.reshape(tl.join(even * cos - odd * sin, even * sin + odd * cos), [WIDTH])


@triton.jit
def rms_norm_rope_fwd_kernel(
    X, WEIGHT, COS, SIN, OUT, INVERSE, x_stride, eps, C: tl.constexpr, C0: tl.constexpr, C1: tl.constexpr,
    D: tl.constexpr, NORM: tl.constexpr, ROPE: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    X += row * x_stride
    OUT += row * C
    a = tl.arange(0, C0)
    x0 = tl.load(X + a).to(tl.float32)
    if C1 > 0:
        b = C0 + tl.arange(0, C1)
        x1 = tl.load(X + b, mask=b < C, other=0.0).to(tl.float32)
    if NORM:
        squares = tl.sum(x0 * x0, 0)
        if C1 > 0:
            squares += tl.sum(x1 * x1, 0)
        inverse = tl.rsqrt(squares / C + eps)
        tl.store(INVERSE + row, inverse)
        x0 = x0 * inverse * tl.load(WEIGHT + a).to(tl.float32)
        if C1 > 0:
            x1 = x1 * inverse * tl.load(WEIGHT + b, mask=b < C, other=0.0).to(tl.float32)
    if ROPE:
        COS += row * (D // 2)
        SIN += row * (D // 2)
        x0 = _turn(x0, COS, SIN, 0, C0, C, D, False)
        if C1 > 0:
            x1 = _turn(x1, COS, SIN, C0, C1, C, D, False)
    tl.store(OUT + a, x0.to(OUT.dtype.element_ty))
    if C1 > 0:
        tl.store(OUT + b, x1.to(OUT.dtype.element_ty), mask=b < C)


@triton.jit
def rms_norm_rope_bwd_kernel(
    GRAD, X, WEIGHT, COS, SIN, INVERSE, DX, DWEIGHT, x_stride, rows, C: tl.constexpr, C0: tl.constexpr,
    C1: tl.constexpr, D: tl.constexpr, NORM: tl.constexpr, ROPE: tl.constexpr, PROGRAMS: tl.constexpr,
):  # fmt: skip
    a = tl.arange(0, C0)
    if C1 > 0:
        b = C0 + tl.arange(0, C1)
    if NORM:
        w0 = tl.load(WEIGHT + a).to(tl.float32)
        dw0 = tl.zeros([C0], tl.float32)
        if C1 > 0:
            w1 = tl.load(WEIGHT + b, mask=b < C, other=0.0).to(tl.float32)
            dw1 = tl.zeros([C1], tl.float32)
    for number in tl.range(tl.program_id(0), rows, PROGRAMS):
        # An interpreted loop counts in plain integers, which know no 64-bit type.
        row = number + tl.zeros([], tl.int64)
        g0 = tl.load(GRAD + row * C + a).to(tl.float32)
        if C1 > 0:
            g1 = tl.load(GRAD + row * C + b, mask=b < C, other=0.0).to(tl.float32)
        if ROPE:
            g0 = _turn(g0, COS + row * (D // 2), SIN + row * (D // 2), 0, C0, C, D, True)
            if C1 > 0:
                g1 = _turn(g1, COS + row * (D // 2), SIN + row * (D // 2), C0, C1, C, D, True)
        if NORM:
            inverse = tl.load(INVERSE + row)
            n0 = tl.load(X + row * x_stride + a).to(tl.float32) * inverse
            dw0 += g0 * n0
            g0 *= w0
            along = tl.sum(g0 * n0, 0)
            if C1 > 0:
                n1 = tl.load(X + row * x_stride + b, mask=b < C, other=0.0).to(tl.float32) * inverse
                dw1 += g1 * n1
                g1 *= w1
                along += tl.sum(g1 * n1, 0)
                g1 = (g1 - n1 * (along / C)) * inverse
            g0 = (g0 - n0 * (along / C)) * inverse
        tl.store(DX + row * C + a, g0.to(DX.dtype.element_ty))
        if C1 > 0:
            tl.store(DX + row * C + b, g1.to(DX.dtype.element_ty), mask=b < C)
    if NORM:
        DWEIGHT += tl.program_id(0) * C
        tl.store(DWEIGHT + a, dw0)
        if C1 > 0:
            tl.store(DWEIGHT + b, dw1, mask=b < C)


def forward(
    x: Tensor, weight: Tensor | None, cos: Tensor | None, sin: Tensor | None, num_heads: int, eps: float
) -> tuple[Tensor, Tensor]:
    """Returns the output `[N, H, D]` and the inverse root mean square of each row `[N]`, or ones."""
    rows, channels = x.shape
    out = torch.empty((rows, num_heads, channels // num_heads), dtype=x.dtype, device=x.device)
    inverse = torch.ones(rows, dtype=torch.float32, device=x.device)
    if rows:
        rms_norm_rope_fwd_kernel[(rows,)](
            x, weight, cos, sin, out, inverse, x.stride(0), eps, **column_blocks(channels), D=out.shape[2],
            NORM=weight is not None, ROPE=cos is not None, num_warps=warps(channels),
        )  # fmt: skip
    return out, inverse


def backward(
    grad: Tensor, x: Tensor, weight: Tensor | None, cos: Tensor | None, sin: Tensor | None, inverse: Tensor
) -> tuple[Tensor, Tensor | None]:
    """Gradients of x and weight; `grad` is `[N, H, D]`, contiguous."""
    rows, channels = x.shape
    dx = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    programs = min(rows, PROGRAMS)
    partial = None
    if weight is not None:
        partial = torch.empty((programs, channels), dtype=torch.float32, device=x.device)
    if rows:
        rms_norm_rope_bwd_kernel[(programs,)](
            grad, x, weight, cos, sin, inverse, dx, partial, x.stride(0), rows, **column_blocks(channels),
            D=grad.shape[2], NORM=weight is not None, ROPE=cos is not None, PROGRAMS=programs,
            num_warps=warps(channels),
        )  # fmt: skip
    return dx, None if partial is None else partial.sum(0)
