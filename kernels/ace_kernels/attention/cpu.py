"""Range attention on a CPU: torch's own flash attention, called once per group of segments of one shape.

Segments of equal lengths are one batched call. Where their rows are evenly spaced, as in a batch of samples
of one size, the batch is a strided view and nothing is copied; else the rows are gathered.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from ace_kernels.plan import Tables

_flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default
_flash_backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward.default


@dataclass(frozen=True)
class Rows:
    """The rows of `count` batch entries of `length` each: evenly spaced, or listed in `index` (int64)."""

    count: int
    length: int
    start: int
    step: int
    index: Tensor | None

    def take(self, x: Tensor) -> Tensor:
        """`[N, H, D]` -> `[count, H, length, D]`, a view if the rows are evenly spaced."""
        if self.index is None:
            return _spaced(x, self)
        return x.index_select(0, self.index).unflatten(0, (self.count, self.length)).transpose(1, 2)

    def put(self, x: Tensor, rows: Tensor) -> None:
        """Write `rows`, `[count, H, length, D]`, into `x`, `[N, H, D]`."""
        if self.index is None:
            _spaced(x, self).copy_(rows)
        else:
            x.index_copy_(0, self.index, rows.transpose(1, 2).flatten(0, 1))

    def add(self, x: Tensor, rows: Tensor) -> None:
        """Add `rows` to `x`; a row that several entries share receives every share."""
        if self.index is not None:
            x.index_add_(0, self.index, rows.transpose(1, 2).flatten(0, 1))
        elif self.step == 0 and self.count > 1:
            x[self.start : self.start + self.length] += rows.sum(0).transpose(0, 1)
        else:
            _spaced(x, self).add_(rows)


def _spaced(x: Tensor, rows: Rows) -> Tensor:
    row, head, _ = x.stride()
    return x.as_strided(
        (rows.count, x.shape[1], rows.length, x.shape[2]),
        (rows.step * row, head, row, 1),
        x.storage_offset() + rows.start * row,
    )


@dataclass(frozen=True)
class Group:
    """Segments of one shape; `keys` is None when they read nothing."""

    queries: Rows
    keys: Rows | None


def groups_of(layout: Tensor) -> tuple[Group, ...]:
    """The groups of a plan's `layout`; the last few hundred plans are remembered."""
    return _groups(layout.numpy().tobytes())


@lru_cache(maxsize=256)
def _groups(layout: bytes) -> tuple[Group, ...]:
    shapes: dict[tuple[int, int], list[list[int]]] = {}
    for row in np.frombuffer(layout, np.int64).reshape(-1, 6).tolist():
        shape = (row[1] - row[0], row[3] - row[2] + row[5] - row[4])
        shapes.setdefault(shape, []).append(row)
    return tuple(
        Group(
            queries=_rows([[(r[0], r[1])] for r in members]),
            keys=_rows([[(r[2], r[3]), (r[4], r[5])] for r in members]) if shape[1] else None,
        )
        for shape, members in shapes.items()
    )


def _rows(entries: list[list[tuple[int, int]]]) -> Rows:
    """One entry is one or two ranges; all entries have the same number of rows."""
    length = sum(end - begin for begin, end in entries[0])
    starts = [ranges[0][0] for ranges in entries]
    steps = {b - a for a, b in pairwise(starts)} or {length}
    step = steps.pop()
    one_range = all(begin == end for ranges in entries for begin, end in ranges[1:])
    # Entries that overlap in part would make a view whose rows cannot be added to in one go.
    if one_range and not steps and (step == 0 or step >= length):
        return Rows(len(entries), length, starts[0], step, None)
    index = np.concatenate([np.arange(begin, end) for ranges in entries for begin, end in ranges])
    return Rows(len(entries), length, 0, 0, torch.from_numpy(index))


def forward(q: Tensor, k: Tensor, v: Tensor, tables: Tables, scale: float) -> tuple[Tensor, Tensor]:
    """Returns the output `[Nq, H, D]` and the log-sum-exp of the scores `[H, Nq]`, infinite without keys."""
    out = torch.empty(q.shape, dtype=q.dtype, device=q.device)
    wide = torch.float64 if q.dtype is torch.float64 else torch.float32
    lse = torch.empty((q.shape[1], q.shape[0]), dtype=wide, device=q.device)
    logs = lse.t().unsqueeze(-1)
    for group in groups_of(tables.layout):
        if group.keys is None:
            shape = (group.queries.count, q.shape[1], group.queries.length, q.shape[2])
            group.queries.put(out, out.new_zeros(()).expand(shape))
            group.queries.put(logs, lse.new_full((), float("inf")).expand(*shape[:3], 1))
            continue
        rows, row_logs = _flash(
            group.queries.take(q), group.keys.take(k), group.keys.take(v), 0.0, False, scale=scale
        )
        group.queries.put(out, rows)
        group.queries.put(logs, row_logs.unsqueeze(-1))
    return out, lse


def backward(
    grad: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    out: Tensor,
    lse: Tensor,
    tables: Tables,
    scale: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of q, k and v. Groups run one after another, so the sums are the same every time."""
    dq = torch.zeros(q.shape, dtype=q.dtype, device=q.device)
    dk = torch.zeros(k.shape, dtype=k.dtype, device=k.device)
    dv = torch.zeros(v.shape, dtype=v.dtype, device=v.device)
    logs = lse.t().unsqueeze(-1)
    for group in groups_of(tables.layout):
        if group.keys is None:
            continue
        queries, keys = group.queries, group.keys
        rows = _flash_backward(
            queries.take(grad),
            queries.take(q),
            keys.take(k),
            keys.take(v),
            queries.take(out),
            queries.take(logs).squeeze(-1),
            0.0,
            False,
            scale=scale,
        )
        queries.put(dq, rows[0])
        keys.add(dk, rows[1])
        keys.add(dv, rows[2])
    return dq, dk, dv
