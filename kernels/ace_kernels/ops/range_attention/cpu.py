"""Range attention on a CPU: torch's own flash attention, called once per group of segments of one shape.

Segments of equal lengths whose rows are evenly spaced, as in a batch of samples of one size, take one batched call on
strided views. Only the keys of segments that read two ranges are copied.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ace_kernels.dtypes import accumulation_dtype
from ace_kernels.ops.range_attention.groups import groups_of

_flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default
_flash_backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward.default

# From this many queries and keys on, keys and values are first copied head by head: in the packed layout every row of a
# head lies in another page. Measured with 16 heads of 72, one thread: 4096 rows take 659 ms in place and 583 ms copied,
# 2048 rows 158 and 145 ms, 512 rows 10.3 and 10.4 ms.
CONTIGUOUS_ROWS = 1024


def attend(
    q: Tensor, k: Tensor, v: Tensor, scale: float, layout: Tensor, lse: Tensor | None = None
) -> Tensor:
    """The output `[Nq, H, D]`; fills `lse`, `[H, Nq]`, with the log-sum-exp of the scores, infinite without keys."""
    groups = groups_of(layout)
    logs = None if lse is None else lse.t().unsqueeze(-1)
    # The result of a single call for all rows in order is already the output; otherwise results are copied into it.
    whole = len(groups) == 1 and bool(groups[0].keys) and groups[0].queries.is_contiguous
    out = q if whole else torch.empty(q.shape, dtype=q.dtype, device=q.device)
    for group in groups:
        queries = group.queries
        if not group.keys:
            queries.view(out).zero_()
            if logs is not None:
                queries.view(logs).fill_(float("inf"))
            continue
        keys, values = group.gather_keys(k), group.gather_keys(v)
        if min(queries.length, keys.shape[2]) >= CONTIGUOUS_ROWS:
            keys, values = keys.contiguous(), values.contiguous()
        rows, row_logs = _flash(queries.view(q), keys, values, 0.0, False, scale=scale)
        if logs is not None:
            queries.view(logs).copy_(row_logs.unsqueeze(-1))
        if whole:
            return rows.transpose(1, 2).reshape(q.shape)
        queries.view(out).copy_(rows)
    return out


def forward(
    q: Tensor, k: Tensor, v: Tensor, scale: float, layout: Tensor, *_: object
) -> tuple[Tensor, Tensor]:
    """Output and log-sum-exp; see `attend`."""
    lse = torch.empty((q.shape[1], q.shape[0]), dtype=accumulation_dtype(q.dtype), device=q.device)
    return attend(q, k, v, scale, layout, lse), lse


def backward(
    grad: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    out: Tensor,
    lse: Tensor,
    scale: float,
    layout: Tensor,
    *_: object,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of q, k and v. Groups run one after another, so the sums are deterministic."""
    # Computed in bfloat16, the backward of a block's two attentions took 74 ms, in float32 33 ms (64 targets of 64
    # rows, 6 heads of 64, two threads). Whole tensors are cast, because casting the views of many groups is slower.
    wide = torch.float32 if q.dtype in (torch.bfloat16, torch.float16) else q.dtype
    dtype, grad, q, k, v, out = q.dtype, *(x.to(wide) for x in (grad, q, k, v, out))
    dq, dk, dv = (torch.zeros(x.shape, dtype=wide, device=x.device) for x in (q, k, v))
    logs = lse.t().unsqueeze(-1)
    for group in groups_of(layout):
        if not group.keys:
            continue
        queries = group.queries
        rows = _flash_backward(
            queries.view(grad),
            queries.view(q),
            group.gather_keys(k),
            group.gather_keys(v),
            queries.view(out),
            queries.view(logs).squeeze(-1),
            0.0,
            False,
            scale=scale,
        )
        queries.view(dq).copy_(rows[0])
        group.add_to_keys(dk, rows[1])
        group.add_to_keys(dv, rows[2])
    return dq.to(dtype), dk.to(dtype), dv.to(dtype)
