"""Range attention on a CPU: torch's own flash attention, called once per group of segments of one shape.

Segments of equal lengths whose rows are evenly spaced, as in a batch of samples of one size, take one batched call on
strided views. Only the keys of segments that read two ranges are copied.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from ace_kernels.dtypes import accumulation_dtype

_flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default
_flash_backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward.default

# Keys of segments that read two ranges are copied side by side, about this many rows per call. Measured with 5 heads of
# 64, one thread, 16 segments: one call per segment is 2.8 times slower at 32 keys and 1.2 times at 128, while copies
# that outgrow the cache are up to 1.4 times slower at 512 keys.
GATHERED_ROWS = 512

# From this many queries and keys on, keys and values are first copied head by head: in the packed layout every row of a
# head lies in another page. Measured with 16 heads of 72, one thread: 4096 rows take 659 ms in place and 583 ms copied,
# 2048 rows 158 and 145 ms, 512 rows 10.3 and 10.4 ms.
CONTIGUOUS_ROWS = 1024


@dataclass(frozen=True)
class Rows:
    """`count` runs of `length` rows each, one every `step` rows from `start`."""

    count: int
    length: int
    start: int
    step: int

    def view(self, x: Tensor) -> Tensor:
        """`[N, H, D]` -> `[count, H, length, D]`, a view."""
        row, head, _ = x.stride()
        return x.as_strided(
            (self.count, x.shape[1], self.length, x.shape[2]),
            (self.step * row, head, row, 1),
            x.storage_offset() + self.start * row,
        )

    def add_to(self, x: Tensor, rows: Tensor) -> None:
        """Add `rows`, `[count, H, length, D]`, to these rows of `x`; where all runs coincide, add their sum."""
        if self.step == 0:
            x[self.start : self.start + self.length] += rows.sum(0).transpose(0, 1)
        else:
            self.view(x).add_(rows)


@dataclass(frozen=True)
class Group:
    """Segments of one shape, with zero, one or two ranges of keys."""

    queries: Rows
    keys: tuple[Rows, ...]

    def gather_keys(self, x: Tensor) -> Tensor:
        """`[Nk, H, D]` -> `[count, H, keys, D]`."""
        if len(self.keys) == 1:
            return self.keys[0].view(x)
        return torch.cat([rows.view(x) for rows in self.keys], 2)

    def add_to_keys(self, x: Tensor, rows: Tensor) -> None:
        """Add `rows`, `[count, H, keys, D]`, to the key rows of `x`."""
        for part, added in zip(self.keys, rows.split([k.length for k in self.keys], 2), strict=True):
            part.add_to(x, added)


def groups_of(layout: Tensor) -> tuple[Group, ...]:
    """The groups of a plan's `layout`; the last 256 plans are cached."""
    return _groups(layout.numpy().tobytes())


@lru_cache(maxsize=256)
def _groups(layout: bytes) -> tuple[Group, ...]:
    segments = np.frombuffer(layout, np.int64).reshape(-1, 3, 2)
    shapes: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
    for starts, lengths in zip(
        segments[:, :, 0].tolist(), (segments[:, :, 1] - segments[:, :, 0]).tolist(), strict=True
    ):
        if lengths[0]:
            shapes.setdefault(tuple(lengths), []).append(tuple(starts))
    groups = []
    for (queries, *keys), entries in shapes.items():
        keys = [length for length in keys if length]
        most = len(entries) if len(keys) < 2 else max(1, GATHERED_ROWS // sum(keys))
        for run in _even_runs([entry[: 1 + len(keys)] for entry in entries], (queries, *keys), most):
            steps = [b - a for a, b in zip(*run[:2], strict=True)] if len(run) > 1 else [1] * len(run[0])
            rows = [
                Rows(len(run), length, start, step)
                for length, start, step in zip((queries, *keys), run[0], steps, strict=True)
            ]
            groups.append(Group(rows[0], tuple(rows[1:])))
    return tuple(groups)


def _even_runs(
    entries: list[tuple[int, ...]], lengths: tuple[int, ...], most: int
) -> list[list[tuple[int, ...]]]:
    """Cut the entries (the start rows of ranges of `lengths`) where their spacing changes, or after `most`."""
    runs = [[entries[0]]]
    for entry in entries[1:]:
        run = runs[-1]
        steps = [b - a for a, b in zip(run[-1], entry, strict=True)]
        even = len(run) == 1 or steps == [b - a for a, b in zip(*run[:2], strict=True)]
        # A view of partly overlapping rows cannot be added to in place.
        apart = all(step == 0 or step >= length for step, length in zip(steps, lengths, strict=True))
        if even and apart and len(run) < most:
            run.append(entry)
        else:
            runs.append([entry])
    return runs


def attend(
    q: Tensor, k: Tensor, v: Tensor, scale: float, layout: Tensor, lse: Tensor | None = None
) -> Tensor:
    """The output `[Nq, H, D]`; fills `lse`, `[H, Nq]`, with the log-sum-exp of the scores, infinite without keys."""
    groups = groups_of(layout)
    logs = None if lse is None else lse.t().unsqueeze(-1)
    # The result of a single call for all rows in order is already the output; otherwise results are copied into it.
    whole = len(groups) == 1 and bool(groups[0].keys) and groups[0].queries.step == groups[0].queries.length
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
