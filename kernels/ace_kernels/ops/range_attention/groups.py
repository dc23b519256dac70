"""Segments of a plan grouped by shape, so that a group takes one batched call on strided views.

A batch of samples of one size, for example, is a single group: segments of equal lengths whose rows are evenly spaced.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

# Keys of segments that read two ranges are copied side by side, about this many rows per call. Measured with 5 heads of
# 64, one thread, 16 segments: one call per segment is 2.8 times slower at 32 keys and 1.2 times at 128, while copies
# that outgrow the cache are up to 1.4 times slower at 512 keys.
GATHERED_ROWS = 512


@dataclass(frozen=True)
class Rows:
    """`count` runs of `length` rows each, one every `step` rows from `start`."""

    count: int
    length: int
    start: int
    step: int

    @property
    def is_contiguous(self) -> bool:
        """Whether the runs follow each other without a gap."""
        return self.count == 1 or self.step == self.length

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
