# mypy: allow-untyped-defs, allow-incomplete-defs
"""Gradients of per-sample vectors in Triton: deterministic sums of token rows over each sample.

Tokens are grouped by a stable sort of their index. Several programs share a sample, each writes a partial sum, and the
partial sums are added in a fixed order: no atomics.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

from ace_kernels.row_layout import OPTIONS

PARTS = 16
# 16 x 64 spills on sm_100 with triton 3.5.
ROWS, COLUMNS = 8, 128


@triton.jit
def sum_by_sample_kernel(
    GRAD, Y, MEAN, INVERSE, ORDER, BOUNDS, SUM, PRODUCT, grad_stride, y_stride, count, C: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, PARTS: tl.constexpr, NORM: tl.constexpr,
):  # fmt: skip
    """PRODUCT: sums of GRAD * Y. With NORM: sums of GRAD * (Y - mean) / deviation, and SUM: sums of GRAD."""
    sample = (tl.program_id(0) // PARTS).to(tl.int64)
    part = tl.program_id(0) % PARTS
    column = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    end = tl.load(BOUNDS + sample + 1)
    product = tl.zeros([ROWS, COLUMNS], tl.float32)
    total = tl.zeros([ROWS, COLUMNS], tl.float32)
    for start in tl.range(tl.load(BOUNDS + sample) + part * ROWS, end, PARTS * ROWS):
        place = start + tl.arange(0, ROWS)
        row = tl.load(ORDER + place, mask=place < end, other=0)
        mask = (place < end)[:, None] & (column < C)[None, :]
        grad = tl.load(GRAD + row[:, None] * grad_stride + column[None, :], mask=mask, other=0.0).to(
            tl.float32
        )
        y = tl.load(Y + row[:, None] * y_stride + column[None, :], mask=mask, other=0.0).to(tl.float32)
        if NORM:
            mean = tl.load(MEAN + row, mask=place < end, other=0.0)
            inverse = tl.load(INVERSE + row, mask=place < end, other=0.0)
            y = (y - mean[:, None]) * inverse[:, None]
            total += grad
        product += grad * y
    at = (part.to(tl.int64) * count + sample) * C + column
    tl.store(PRODUCT + at, tl.sum(product, 0), mask=column < C)
    if NORM:
        tl.store(SUM + at, tl.sum(total, 0), mask=column < C)


def order_by_sample(index: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The rows of each sample: a stable order of the rows, and where every sample begins in it, `[count + 1]`.

    All blocks of a model share one index, so the last result is kept for as long as the index lives and is unchanged. A
    graph that is being captured sorts anew, because a replay may find another batch in the same memory.
    """
    capturing = index.is_cuda and torch.cuda.is_current_stream_capturing()
    key = (index._version, count) if not (capturing or index.is_inference()) else None
    kept = _orders.get(index)
    if key is not None and kept is not None and kept[0] == key:
        return kept[1], kept[2]
    ordered, order = index.sort(stable=True)
    bounds = torch.searchsorted(ordered, torch.arange(count + 1, dtype=index.dtype, device=index.device))
    if key is not None:
        _orders[index] = key, order, bounds
    return order, bounds


_orders = WeakTensorKeyDictionary()


def sum_by_sample(
    grad: Tensor,
    y: Tensor,
    index: Tensor,
    count: int,
    mean: Tensor | None = None,
    inverse_deviation: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Two sums over the rows of each sample, float32 `[count, C]`.

    With `mean` and `inverse_deviation` `[N]` of the rows of `y`: of `grad`, and of `grad` times the normalised `y`.
    Without: the first is unspecified, the second is of `grad * y`.
    """
    channels = y.shape[1]
    order, bounds = order_by_sample(index, count)
    product = torch.empty((PARTS, count, channels), dtype=torch.float32, device=y.device)
    total = torch.empty_like(product) if mean is not None else product
    if count:
        sum_by_sample_kernel[(count * PARTS, triton.cdiv(channels, COLUMNS))](
            grad, y, mean, inverse_deviation, order, bounds, total, product, grad.stride(0), y.stride(0), count,
            C=channels, ROWS=ROWS, COLUMNS=COLUMNS, PARTS=PARTS, NORM=mean is not None, **OPTIONS,
        )  # fmt: skip
    return total.sum(0), product.sum(0)
